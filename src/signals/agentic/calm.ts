/** A value of a Python literal; numbers keep whether they were written as whole ones. */
export type Literal =
  | null
  | boolean
  | string
  | { readonly number: number; readonly whole: boolean }
  | readonly Literal[]
  | ReadonlyMap<Literal, Literal>;

/** Reads Python literals only: no names, no calls, nothing is executed. */
class LiteralReader {
  #at = 0;

  constructor(private readonly text: string) {}

  /** The whole text: one literal, or several joined by `and` and `or` as Python takes them. */
  all(): Literal {
    let value = this.#value();
    for (;;) {
      const word = this.#take(/(?:and|or)\b/uy);
      if (word === undefined) break;
      const next = this.#value();
      if ((word === "and") === truthy(value)) value = next;
    }
    this.#take(/\s*/uy);
    if (this.#at < this.text.length) throw this.#fault();
    return value;
  }

  #fault(): Error {
    return new Error(`The answer is not a Python literal at character ${this.#at}.`);
  }

  #take(pattern: RegExp): string | undefined {
    const space = /\s*/uy;
    space.lastIndex = this.#at;
    space.exec(this.text);
    pattern.lastIndex = space.lastIndex;
    const found = pattern.exec(this.text);
    if (!found) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #value(): Literal {
    const word = this.#take(/(?:None|True|False)\b/uy);
    if (word !== undefined) return word === "None" ? null : word === "True";
    const number = this.#take(/[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iuy);
    if (number !== undefined) return { number: Number(number), whole: /^[+-]?\d+$/u.test(number) };
    const quoted = this.#take(/"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/uy);
    if (quoted !== undefined)
      return quoted
        .slice(1, -1)
        .replace(/\\([^])/gu, (_, letter: string) =>
          letter === "n" ? "\n" : letter === "t" ? "\t" : letter,
        );
    if (this.#take(/\{/uy) !== undefined) {
      const map = new Map<Literal, Literal>();
      this.#items("}", () => {
        const key = this.#value();
        if (this.#take(/:/uy) === undefined) throw this.#fault();
        const same = [...map.keys()].find((known) => sameKey(known, key));
        map.set(same ?? key, this.#value());
      });
      return map;
    }
    const bracket = this.#take(/[[(]/uy);
    if (bracket === undefined) throw this.#fault();
    const list: Literal[] = [];
    this.#items(bracket === "[" ? "]" : ")", () => list.push(this.#value()));
    return list;
  }

  #items(end: string, read: () => void): void {
    const close = end === "}" ? /\}/uy : end === "]" ? /\]/uy : /\)/uy;
    while (this.#take(close) === undefined) {
      read();
      if (this.#take(/,/uy) !== undefined) continue;
      if (this.#take(close) === undefined) throw this.#fault();
      return;
    }
  }
}

const isNumber = (value: Literal): value is { readonly number: number; readonly whole: boolean } =>
  typeof value === "object" && value !== null && "number" in value;

function truthy(value: Literal): boolean {
  if (isNumber(value)) return value.number !== 0;
  if (value instanceof Map) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

const sameKey = (a: Literal, b: Literal): boolean =>
  isNumber(a) && isNumber(b) ? a.number === b.number : a === b;

/** int() of a literal; undefined where Python raises. */
function wholeNumber(value: Literal): number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") return /^\s*[+-]?\d+\s*$/u.test(value) ? Number(value) : undefined;
  return value !== null && isNumber(value) ? Math.trunc(value.number) : undefined;
}

/**
 * Dictionary in a model's answer (epignatelli/lfrl, calm/annotate.py, parse_response): `fenced` needs a code fence before
 * it, `bare` (experiments/dataset/evaluate_dataset.py) does not. From the first brace to the last.
 *
 * @returns undefined when there is none, or when it is more than literals
 */
export function answerDictionary(
  answer: string,
  form: "fenced" | "bare",
): ReadonlyMap<Literal, Literal> | undefined {
  const braces = (form === "fenced" ? /```[\s\S]*(\{[\s\S]*\})/u : /(\{[\s\S]*\})/u).exec(answer)?.[1];
  if (braces === undefined) return undefined;
  try {
    const value = new LiteralReader(braces).all();
    return value instanceof Map ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A time at which a subgoal was reached, with the subgoal's text. */
export type SubgoalTime = readonly [time: number, reason: string];

const reasonText = (value: Literal): string =>
  typeof value === "string" ? value : isNumber(value) ? String(value.number) : String(value);

/**
 * Times of a dictionary subgoal -> time(s): whole numbers, decimals cut, lists of what becomes whole numbers (a list with
 * anything else is left out), None left out.
 *
 * @param swap a text as the value swaps with its key, as the evaluation does
 */
export function subgoalTimes(
  dictionary: ReadonlyMap<Literal, Literal>,
  swap = false,
): readonly SubgoalTime[] {
  const times: SubgoalTime[] = [];
  for (const [key, value] of dictionary) {
    const [reason, given] = swap && typeof value === "string" ? [value, key] : [reasonText(key), value];
    if (Array.isArray(given)) {
      const whole = (given as readonly Literal[]).map(wholeNumber);
      if (!whole.includes(undefined)) for (const time of whole) times.push([time!, reason]);
    } else if (given !== null && (typeof given !== "string" || swap)) {
      const time = wholeNumber(given);
      if (time !== undefined) times.push([time, reason]);
    }
  }
  return times;
}

/** One reason per time, the later one counting. */
export function reasonsByTime(times: readonly SubgoalTime[]): ReadonlyMap<number, string> {
  return new Map(times);
}

/** True and false positives and negatives of a transition, and of its times. */
export interface FlagCounts {
  readonly transition: readonly [tp: number, fp: number, fn: number, tn: number];
  readonly times: readonly [tp: number, fp: number, fn: number, n: number];
}

/** Compares predicted with true times (evaluate_dataset.py). As released a time of 0 alone does not flag a transition. */
export function flagCounts(predicted: ReadonlySet<number>, truth: ReadonlySet<number>): FlagCounts {
  const flagged = (times: ReadonlySet<number>): boolean => [...times].some((time) => time !== 0);
  const [p, t] = [flagged(predicted), flagged(truth)];
  const hits = [...predicted].filter((time) => truth.has(time)).length;
  return {
    transition: [Number(p && t), Number(p && !t), Number(!p && t), Number(!p && !t)],
    times: [hits, predicted.size - hits, truth.size - hits, predicted.size + truth.size - hits],
  };
}

/** An observation with the action taken there, and the reasons that reward it. */
export interface RewardedState {
  readonly observation: string;
  readonly action: string;
  readonly reasons: readonly string[];
}

/**
 * States that an answer rewards (calm/annotate.py, parse_subgoals): time T marks the observation and the action at
 * T - 1; times outside the episode are left out.
 *
 * @param t time of each step, [N]
 */
export function rewardedStates(
  times: readonly SubgoalTime[],
  t: ArrayLike<number>,
  observations: readonly string[],
  actions: ArrayLike<number>,
): readonly RewardedState[] {
  const states = new Map<string, { observation: string; action: string; reasons: string[] }>();
  for (const [time, reason] of times) {
    const row = Array.prototype.indexOf.call(t, time - 1);
    if (row < 0) continue;
    const observation = observations[row]!;
    const action = String(Math.trunc(actions[row]!));
    const key = JSON.stringify([observation, action]);
    const known = states.get(key);
    if (known) known.reasons.push(reason);
    else states.set(key, { observation, action, reasons: [reason] });
  }
  return [...states.values()];
}

/**
 * Reward table (calm/environment.py, LLMShaperWrapper): reasons counted per observation and action over all annotations,
 * scaled by (c - min) / (max - min), where min is the smallest count that was ever seen while counting.
 *
 * @returns value by `stateKey`, in the order of first sight
 * @throws Error when all counts were equal
 */
export function rewardTable(
  annotations: readonly (readonly RewardedState[])[],
): ReadonlyMap<string, { readonly state: RewardedState; readonly value: number }> {
  const counts = new Map<string, { state: RewardedState; count: number }>();
  let least = Infinity;
  let most = -Infinity;
  for (const state of annotations.flat()) {
    const key = stateKey(state.observation, state.action);
    const entry = counts.get(key) ?? { state, count: 0 };
    entry.count += state.reasons.length;
    counts.set(key, entry);
    least = Math.min(least, entry.count);
    most = Math.max(most, entry.count);
  }
  if (counts.size > 0 && most === least)
    throw new Error("All states have the same number of reasons, so they cannot be scaled.");
  return new Map(
    [...counts].map(([key, { state, count }]) => [key, { state, value: (count - least) / (most - least) }]),
  );
}

/** Key of an observation with an action in the reward table. */
export function stateKey(observation: string, action: string): string {
  return JSON.stringify([observation, action]);
}

/** Reward with a share of the table's value of an observation and action; a state that is not in the table has 0. */
export function shapedReward(
  table: ReturnType<typeof rewardTable>,
  observation: string,
  action: string,
  reward: number,
  beta: number,
): { readonly reward: number; readonly intrinsic: number } {
  const intrinsic = table.get(stateKey(observation, action))?.value ?? 0;
  return { reward: reward + beta * intrinsic, intrinsic };
}
