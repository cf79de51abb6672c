import { Failure } from "../../model/failure";

export interface CallOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** True when progress carries results: all of it is told. Otherwise only the newest, a few times a second. */
  readonly everyProgress?: boolean;
  /** Milliseconds from the moment the child gets the call; past it the child is killed. Default: no limit. */
  readonly timeoutMs?: number;
}

/** One call on its way: waiting, or in the child, or answered although the child may still be at work on it. */
export class PendingCall {
  readonly answer: Promise<unknown>;
  private resolve!: (value: unknown) => void;
  private reject!: (error: unknown) => void;
  private done = false;
  private timeout: NodeJS.Timeout | undefined;
  private grace: NodeJS.Timeout | undefined;
  private onAbort: (() => void) | undefined;
  private newest: { readonly value: unknown } | undefined;

  /** @param initial true = part of starting a child: not queued, and not run again in another one */
  constructor(
    readonly id: number,
    readonly method: string,
    readonly params: unknown,
    readonly options: CallOptions<unknown>,
    readonly initial: boolean,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** True once the caller has its answer. */
  get settled(): boolean {
    return this.done;
  }

  whenAborted(listener: () => void): void {
    this.onAbort = listener;
    this.options.signal?.addEventListener("abort", listener, { once: true });
  }

  startTimeout(listener: () => void): void {
    if (this.options.timeoutMs !== undefined) this.timeout = setTimeout(listener, this.options.timeoutMs);
  }

  startGrace(ms: number, listener: () => void): void {
    this.grace = setTimeout(listener, ms);
  }

  /** The child is no longer at work on it. */
  stopTimers(): void {
    clearTimeout(this.timeout);
    clearTimeout(this.grace);
  }

  /** Keeps the newest progress; true when somebody wants to hear it. */
  hear(progress: unknown): boolean {
    if (this.options.everyProgress === true) {
      if (!this.done) this.options.onProgress?.(progress);
      return false;
    }
    if (this.done || !this.options.onProgress) return false;
    this.newest = { value: progress };
    return true;
  }

  deliverProgress(): void {
    const { newest } = this;
    this.newest = undefined;
    if (newest && !this.done) this.options.onProgress?.(newest.value);
  }

  succeed(result: unknown): void {
    if (this.settle()) this.resolve(result);
  }

  fail(error: unknown): void {
    if (this.settle()) this.reject(error);
  }

  cancelled(): Failure {
    return new Failure("cancelled", `"${this.method}" was cancelled.`, "Start it again when you want it.");
  }

  private settle(): boolean {
    if (this.done) return false;
    this.done = true;
    if (this.onAbort) this.options.signal?.removeEventListener("abort", this.onAbort);
    return true;
  }
}
