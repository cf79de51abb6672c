/** Files above this size take turns: more of them at once would only be in each other's way. */
export const LARGE_BYTES = 2 ** 20;
export const LARGE_AT_ONCE = 4;

/** Lets a number of tasks run at a time; the others wait for their turn in order. */
export class Turns {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private readonly atOnce: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.atOnce) await new Promise<void>((start) => this.waiting.push(start));
    else this.running++;
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

/** Does work on each of some values, on a number of them at a time, in order. The first failure ends it. */
export async function eachInTurns<T>(
  values: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  work: (value: T) => Promise<void>,
): Promise<void> {
  const iterator =
    Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]();
  let ended = false;
  const worker = async (): Promise<void> => {
    while (!ended) {
      const next = await iterator.next();
      if (next.done === true) ended = true;
      else if (!ended)
        await work(next.value).catch((error: unknown) => ((ended = true), Promise.reject(error)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
