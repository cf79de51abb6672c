import type { ChildProcess } from "node:child_process";
import { Failure } from "../../model/failure";
import { parseReply, type CallTable, type RpcReply, type RpcRequest } from "../../protocol/rpc";
import { checkProgram, endProgram, forkProgram, type ChildProgram } from "./childProgram";
import { PendingCall, type CallOptions } from "./pendingCall";

export type LogLevel = "info" | "warn" | "error";

export interface SupervisorOptions extends ChildProgram {
  /** Calls in the child at once; further ones wait in the order in which they came. Default: no limit. */
  readonly concurrency?: number;
  /** Milliseconds without a call after which the child is ended; default 120,000. */
  readonly idleMs?: number;
  /** Asked when the child has been idle: true keeps it (for example while it watches files). */
  readonly keepAlive?: () => boolean;
  /** Milliseconds that a child has to obey a cancellation before it is killed; default 2,000. */
  readonly cancelGraceMs?: number;
  /** First delay before a crashed child is started again; doubles with each crash in a row, up to 10 s. Default 200. */
  readonly backoffMs?: number;
  /** Runs on each fresh child before any queued call; its failure fails the calls that wait. */
  readonly initialise?: (call: (method: string, params: unknown) => Promise<unknown>) => Promise<void>;
  readonly onEvent?: (name: string, payload: unknown) => void;
  readonly onPhase?: (phase: ProcessPhase) => void;
  readonly log?: (level: LogLevel, message: string) => void;
}

export type ProcessPhase = "idle" | "starting" | "running" | "busy" | "crashed";

type ProgressOf<Call> = Call extends { readonly progress: infer Progress } ? Progress : never;

const LONGEST_BACKOFF_MS = 10_000;
/** A child that reports thousands of times a second costs one callback in so many milliseconds. */
const PROGRESS_EVERY_MS = 30;

/**
 * Runs one child process and calls it: started at the first call, calls queued, cancelled, timed out; a crash rejects
 * what was under way with one sentence and the next call starts a fresh child; an idle child is ended.
 */
export class Supervisor<Calls extends CallTable> {
  private child: ChildProcess | undefined;
  private ready = false;
  private starting: Promise<void> | undefined;
  private ending: Promise<void> | undefined;
  private readonly waiting: PendingCall[] = [];
  private readonly running = new Map<number, PendingCall>();
  private nextId = 1;
  private crashesInARow = 0;
  private lastCrashAt = 0;
  private idleTimer: NodeJS.Timeout | undefined;
  private progressTimer: NodeJS.Timeout | undefined;
  private disposed = false;
  /** Why the child is killed on purpose, if it is. */
  private killReason: Failure | undefined;
  private phaseNow: ProcessPhase = "idle";

  constructor(private readonly options: SupervisorOptions) {}

  get phase(): ProcessPhase {
    return this.phaseNow;
  }

  /** Process id of the child, while there is one. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Calls the child, starting it if need be.
   * @throws Failure with the child's own sentence, or `cancelled`, `timed-out`, `process-ended`, `process-missing`
   */
  call<Method extends keyof Calls & string>(
    method: Method,
    params: Calls[Method]["params"],
    options: CallOptions<ProgressOf<Calls[Method]>> = {},
  ): Promise<Calls[Method]["result"]> {
    return this.enqueue(method, params, options as CallOptions<unknown>, false);
  }

  /** Starts the child without a call, for example to go on watching after a crash. */
  start(): Promise<void> {
    return this.ensureChild();
  }

  /** Ends the child and rejects what waits. Resolves when it is gone. */
  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.idleTimer);
    for (const pending of [...this.waiting.splice(0), ...this.running.values()]) pending.fail(this.closed());
    await this.end();
  }

  private enqueue(
    method: string,
    params: unknown,
    options: CallOptions<unknown>,
    initial: boolean,
  ): Promise<unknown> {
    const pending = new PendingCall(this.nextId++, method, params, options, initial);
    if (this.disposed) pending.fail(this.closed());
    else if (options.signal?.aborted) pending.fail(pending.cancelled());
    if (pending.settled) return pending.answer;
    pending.whenAborted(() => this.cancel(pending));
    if (initial) {
      this.dispatch(pending);
      return pending.answer;
    }
    this.waiting.push(pending);
    clearTimeout(this.idleTimer);
    this.ensureChild().then(
      () => this.pump(),
      (error: unknown) => {
        this.unqueue(pending);
        pending.fail(error);
      },
    );
    return pending.answer;
  }

  private ensureChild(): Promise<void> {
    if (this.child && this.ready) return Promise.resolve();
    this.starting ??= this.spawn().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  private async spawn(): Promise<void> {
    checkProgram(this.options);
    if (this.crashesInARow > 0) {
      const delay = Math.min(
        (this.options.backoffMs ?? 200) * 2 ** (this.crashesInARow - 1),
        LONGEST_BACKOFF_MS,
      );
      const left = this.lastCrashAt + delay - Date.now();
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    }
    // Two children at once could fight over the same files.
    await this.ending;
    if (this.disposed) throw this.closed();
    this.setPhase("starting");
    this.killReason = undefined;
    this.ready = false;
    const child = forkProgram(
      this.options,
      (line) => this.log("info", `${this.options.name}: ${line}`),
      (how) => this.onGone(child, how),
    );
    this.child = child;
    child.on("message", (message) => this.onMessage(child, message));
    try {
      await this.options.initialise?.((method, params) => this.enqueue(method, params, {}, true));
    } catch (error) {
      if (this.child === child) await this.end();
      throw error;
    }
    if (this.child !== child) throw this.endedFailure("ended while it was starting");
    this.ready = true;
    this.setPhase("running");
  }

  /** Hands queued calls to the child as far as it may have them. */
  private pump(): void {
    // A child that is being killed takes no more calls: they wait for the next one.
    if (!this.ready || this.killReason) return;
    const limit = this.options.concurrency ?? Infinity;
    while (this.waiting.length > 0 && this.running.size < limit) {
      const next = this.waiting.shift();
      if (next && !next.settled) this.dispatch(next);
    }
    this.setPhase(this.running.size > 0 ? "busy" : "running");
    if (this.running.size === 0 && this.waiting.length === 0) this.armIdle();
  }

  private dispatch(pending: PendingCall): void {
    this.running.set(pending.id, pending);
    pending.startTimeout(() => {
      const seconds = (pending.options.timeoutMs ?? 0) / 1000;
      const sentence = `${sentenceCase(this.options.name)} gave no answer to "${pending.method}" within ${seconds} s.`;
      this.kill(pending, new Failure("timed-out", sentence, "Try again with less at once."));
    });
    this.send({ type: "call", id: pending.id, method: pending.method, params: pending.params });
  }

  private send(message: RpcRequest): void {
    const child = this.child;
    if (!child?.connected) return;
    try {
      child.send(message, (error) => {
        if (error) this.log("warn", `${this.options.name}: a message was not delivered: ${error.message}`);
      });
    } catch (error) {
      // A value that cannot be cloned never reaches the child.
      const pending = message.type === "call" ? this.running.get(message.id) : undefined;
      if (pending) this.finish(pending, () => pending.fail(error));
    }
  }

  private onMessage(child: ChildProcess, message: unknown): void {
    if (child !== this.child) return;
    let reply: RpcReply;
    try {
      reply = parseReply(message);
    } catch {
      this.log("warn", `${this.options.name}: a message of unknown shape was ignored.`);
      return;
    }
    if (reply.type === "log") return this.log(reply.level, reply.message);
    if (reply.type === "event") return this.options.onEvent?.(reply.name, reply.payload);
    const pending = this.running.get(reply.id);
    if (!pending) return;
    if (reply.type === "progress") {
      if (pending.hear(reply.progress))
        this.progressTimer ??= setTimeout(() => this.flushProgress(), PROGRESS_EVERY_MS);
      return;
    }
    this.crashesInARow = 0;
    const answer = reply;
    this.finish(pending, () => {
      if (answer.type === "result") pending.succeed(answer.result);
      else pending.fail(new Failure(answer.failure.code, answer.failure.message, answer.failure.hint));
    });
  }

  private flushProgress(): void {
    this.progressTimer = undefined;
    for (const pending of this.running.values()) pending.deliverProgress();
  }

  private cancel(pending: PendingCall): void {
    const queued = this.unqueue(pending);
    if (!queued && this.running.has(pending.id)) {
      this.send({ type: "cancel", id: pending.id });
      pending.startGrace(this.options.cancelGraceMs ?? 2_000, () => this.kill(pending, pending.cancelled()));
    }
    pending.fail(pending.cancelled());
  }

  /** Kills the child because of one call; the others that were under way are run again in a fresh one. */
  private kill(guilty: PendingCall, reason: Failure): void {
    guilty.fail(reason);
    guilty.stopTimers();
    this.running.delete(guilty.id);
    const innocent = [...this.running.values()].filter((pending) => !pending.settled && !pending.initial);
    for (const pending of innocent) {
      pending.stopTimers();
      this.running.delete(pending.id);
    }
    this.waiting.unshift(...innocent);
    this.killReason = reason;
    this.log("warn", `${this.options.name} is killed: ${reason.message}`);
    this.child?.kill("SIGKILL");
  }

  private onGone(child: ChildProcess, how: string): void {
    if (child !== this.child) return;
    this.child = undefined;
    this.ready = false;
    clearTimeout(this.idleTimer);
    const letGo = this.phaseNow === "idle" && this.running.size === 0;
    const expected = this.killReason !== undefined || this.disposed || letGo;
    if (!expected) {
      this.crashesInARow++;
      this.lastCrashAt = Date.now();
      this.log("error", `${this.options.name} ${how}.`);
    }
    const failure = this.endedFailure(how);
    for (const pending of [...this.running.values()]) this.finish(pending, () => pending.fail(failure));
    this.setPhase(expected ? "idle" : "crashed");
    // Calls that were queued behind the crash have not hurt anybody: they go to the next child.
    if (this.waiting.length === 0 || this.disposed) return;
    this.ensureChild().then(
      () => this.pump(),
      (error: unknown) => {
        for (const pending of this.waiting.splice(0)) pending.fail(error);
      },
    );
  }

  private finish(pending: PendingCall, answer: () => void): void {
    this.running.delete(pending.id);
    pending.deliverProgress();
    answer();
    pending.stopTimers();
    this.pump();
  }

  private unqueue(pending: PendingCall): boolean {
    const index = this.waiting.indexOf(pending);
    if (index >= 0) this.waiting.splice(index, 1);
    return index >= 0;
  }

  private armIdle(): void {
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => {
      if (this.running.size > 0 || this.waiting.length > 0 || !this.child) return;
      if (this.options.keepAlive?.()) return this.armIdle();
      this.log("info", `${this.options.name} was idle and is ended.`);
      void this.end();
    }, this.options.idleMs ?? 120_000);
    this.idleTimer.unref();
  }

  private end(): Promise<void> {
    const child = this.child;
    if (!child) return Promise.resolve();
    this.ready = false;
    this.setPhase("idle");
    this.ending ??= endProgram(child).finally(() => {
      this.ending = undefined;
      clearTimeout(this.progressTimer);
      this.progressTimer = undefined;
    });
    return this.ending;
  }

  private endedFailure(how: string): Failure {
    const sentence = `${sentenceCase(this.options.name)} ${how} before it could answer.`;
    return this.killReason ?? new Failure("process-ended", sentence, "Try again: it is started anew.");
  }

  private closed(): Failure {
    return new Failure("closed", `${sentenceCase(this.options.name)} was closed.`, "Start again.");
  }

  private setPhase(phase: ProcessPhase): void {
    if (phase === this.phaseNow) return;
    this.phaseNow = phase;
    this.options.onPhase?.(phase);
  }

  private log(level: LogLevel, message: string): void {
    this.options.log?.(level, message);
  }
}

const sentenceCase = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
