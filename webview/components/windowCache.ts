/** How far around the visible rows is asked for, so that slow scrolling never waits. */
const MARGIN = 60;
/** Rows kept at most; those farthest from the view go first. */
export const KEPT = 50_000;

/** Milliseconds after which the missing end of an answer is asked for again. */
const LATE_MS = 500;

/**
 * Rows that come in windows. At most one request is under way; a view that has moved elsewhere sends a newer one.
 * An answer may be shorter than asked (messages are limited); the rest is asked for again.
 */
export class WindowCache<T> {
  private readonly items = new Map<number, T>();
  private pending: { start: number; end: number } | undefined;
  private wanted: { start: number; end: number } = { start: 0, end: 0 };
  private total = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private late: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly request: (start: number, end: number) => void,
    private readonly limit: number,
  ) {}

  get(index: number): T | undefined {
    return this.items.get(index);
  }

  get loaded(): number {
    return this.items.size;
  }

  entries(): Iterable<[number, T]> {
    return this.items;
  }

  setTotal(total: number): void {
    this.total = total;
  }

  /** Forgets everything, for a new query. */
  clear(): void {
    this.items.clear();
    this.pending = undefined;
    clearTimeout(this.timer);
    clearTimeout(this.late);
    this.timer = undefined;
  }

  /** Forgets everything; the caller asks for the first window itself. */
  reset(): void {
    this.clear();
    this.wanted = { start: 0, end: 0 };
  }

  /** Asks again for what is in view, keeping the old rows until the new ones are there. */
  reload(): void {
    for (const index of [...this.items.keys()]) {
      if (index < this.wanted.start || index >= this.wanted.end) this.items.delete(index);
    }
    this.pending = {
      start: this.wanted.start,
      end: Math.min(this.wanted.end + MARGIN, this.wanted.start + this.limit),
    };
    this.request(this.pending.start, this.pending.end);
  }

  /** Says that rows [start, end) are in view. */
  want(start: number, end: number): void {
    this.wanted = { start, end };
    if (this.timer === undefined && this.missing()) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.send();
      }, 16);
    }
  }

  receive(start: number, items: readonly T[]): void {
    for (let offset = 0; offset < items.length; offset++) this.items.set(start + offset, items[offset]!);
    if (this.items.size > KEPT) this.evict();
    clearTimeout(this.late);
    const { pending } = this;
    const more =
      pending !== undefined &&
      items.length > 0 &&
      start + items.length < pending.end &&
      start >= pending.start;
    if (more) {
      // The rest of the answer follows in further messages; what has not come after a while is asked for again.
      this.late = setTimeout(() => {
        this.pending = undefined;
        this.send();
      }, LATE_MS);
      return;
    }
    this.pending = undefined;
    if (items.length > 0) this.send();
  }

  private missing(): { start: number; end: number } | undefined {
    const from = Math.max(0, this.wanted.start - MARGIN);
    const to = Math.min(this.total, this.wanted.end + MARGIN);
    // What is in view comes first; the margin is fetched after it.
    for (const [low, high] of [
      [Math.max(0, this.wanted.start), Math.min(this.total, this.wanted.end)],
      [from, to],
    ] as const) {
      let first = low;
      while (first < high && this.items.has(first)) first++;
      if (first < high) {
        let last = to;
        while (last > first && this.items.has(last - 1)) last--;
        return { start: first, end: Math.min(last, first + this.limit) };
      }
    }
    return undefined;
  }

  private send(): void {
    const gap = this.missing();
    if (!gap) return;
    if (this.pending && gap.start < this.pending.end && this.pending.start < gap.end) return;
    this.pending = gap;
    this.request(gap.start, gap.end);
  }

  private evict(): void {
    const middle = (this.wanted.start + this.wanted.end) / 2;
    for (const index of [...this.items.keys()]) {
      if (Math.abs(index - middle) > KEPT / 4) this.items.delete(index);
    }
  }
}
