import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { Failure } from "../../model/failure";
import { parseReply, type CallTable, type RpcReply, type RpcRequest } from "../../protocol/rpc";
import { forwardLines } from "./outputLines";

export type LogLevel = "info" | "warn" | "error";

export interface SupervisorOptions {
  /** As a user reads it, with an article: "the data process". */
  readonly name: string;
  /** Absolute path of the program that is forked. */
  readonly entry: string;
  /** Program that runs it; default: this process's own. */
  readonly nodePath?: string;
  readonly env?: Readonly<Record<string, string>>;
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

export interface CallOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds from the moment the child gets the call; past it the child is killed. Default: no limit. */
  readonly timeoutMs?: number;
}

type ProgressOf<Call> = Call extends { readonly progress: infer Progress } ? Progress : never;

interface Pending {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
  readonly options: CallOptions<unknown>;
  readonly initial: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** True once the caller has its answer, although the child may still be at work. */
  settled: boolean;
  timer?: NodeJS.Timeout;
  grace?: NodeJS.Timeout;
  onAbort?: () => void;
  /** Newest progress that has not been handed on yet. */
  progress?: { value: unknown };
}

const LONGEST_BACKOFF_MS = 10_000;
const EXIT_WAIT_MS = 3_000;

/**
 * Runs one child process and calls it: started at the first call, calls queued, cancelled, timed out; a crash rejects
 * what was under way with one sentence and the next call starts a fresh child; an idle child is ended.
 */
export class Supervisor<Calls extends CallTable> {
  private child: ChildProcess | undefined;
  private ready = false;
  private starting: Promise<void> | undefined;
  private ending: Promise<void> | undefined;
  private readonly waiting: Pending[] = [];
  private readonly running = new Map<number, Pending>();
  private nextId = 1;
  private crashesInARow = 0;
  private lastCrashAt = 0;
  private idleTimer: NodeJS.Timeout | undefined;
  private progressTimer: NodeJS.Timeout | undefined;
  private disposed = false;
  /** Sentence for what is under way when the child is killed on purpose. */
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
    return this.enqueue(method, params, options as CallOptions<unknown>, false) as Promise<
      Calls[Method]["result"]
    >;
  }

  /** Starts the child without a call, for example to go on watching after a crash. */
  start(): Promise<void> {
    return this.ensureChild();
  }

  /** Ends the child and rejects what waits. Resolves when it is gone. */
  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.idleTimer);
    const gone = new Failure("closed", `${sentenceCase(this.options.name)} was closed.`, "Start again.");
    for (const pending of [...this.waiting.splice(0), ...this.running.values()]) this.settle(pending, gone);
    await this.end();
  }

  private enqueue(
    method: string,
    params: unknown,
    options: CallOptions<unknown>,
    initial: boolean,
  ): Promise<unknown> {
    if (this.disposed) {
      return Promise.reject(
        new Failure("closed", `${sentenceCase(this.options.name)} was closed.`, "Start again."),
      );
    }
    if (options.signal?.aborted) return Promise.reject(cancelled(method));
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        id: this.nextId++,
        method,
        params,
        options,
        initial,
        resolve,
        reject,
        settled: false,
      };
      if (options.signal) {
        pending.onAbort = () => this.cancel(pending);
        options.signal.addEventListener("abort", pending.onAbort, { once: true });
      }
      if (initial) {
        this.dispatch(pending);
        return;
      }
      this.waiting.push(pending);
      clearTimeout(this.idleTimer);
      this.ensureChild().then(
        () => this.pump(),
        (error: unknown) => {
          const index = this.waiting.indexOf(pending);
          if (index >= 0) this.waiting.splice(index, 1);
          this.settle(pending, error);
        },
      );
    });
  }

  private ensureChild(): Promise<void> {
    if (this.child && this.ready) return Promise.resolve();
    this.starting ??= this.spawn().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  private async spawn(): Promise<void> {
    const { entry, name } = this.options;
    if (!existsSync(entry)) {
      throw new Failure(
        "process-missing",
        `The program of ${name} is missing: ${entry}.`,
        "Build or install Trajectory Lens again.",
      );
    }
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
    if (this.disposed) throw new Failure("closed", `${sentenceCase(name)} was closed.`, "Start again.");
    this.setPhase("starting");
    this.killReason = undefined;
    const env: NodeJS.ProcessEnv = { ...process.env, ...this.options.env };
    // Options meant for this process (an inspector's port, a preloaded module) must not reach the child.
    delete env["NODE_OPTIONS"];
    // Inside Electron the same program is also the editor; this makes it plain Node.
    if (process.versions["electron"]) env["ELECTRON_RUN_AS_NODE"] = "1";
    const child = fork(entry, [], {
      serialization: "advanced",
      silent: true,
      execArgv: [],
      env,
      ...(this.options.nodePath === undefined ? {} : { execPath: this.options.nodePath }),
    });
    this.child = child;
    this.ready = false;
    child.on("message", (message) => this.onMessage(child, message));
    child.once("error", (error) => this.onGone(child, `could not be started (${error.message})`));
    child.once("exit", (code, signal) => {
      this.onGone(child, signal ? `was ended by ${signal}` : `ended with exit code ${code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) forwardLines(stream, (line) => this.log("info", `${name}: ${line}`));
    }
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

  private pump(): void {
    const limit = this.options.concurrency ?? Infinity;
    while (this.ready && this.waiting.length > 0 && this.running.size < limit) {
      const next = this.waiting.shift();
      if (next && !next.settled) this.dispatch(next);
    }
    if (this.ready) {
      this.setPhase(this.running.size > 0 ? "busy" : "running");
      if (this.running.size === 0 && this.waiting.length === 0) this.armIdle();
    }
  }

  private dispatch(pending: Pending): void {
    this.running.set(pending.id, pending);
    const { timeoutMs } = pending.options;
    if (timeoutMs !== undefined) {
      pending.timer = setTimeout(() => {
        this.kill(
          pending,
          new Failure(
            "timed-out",
            `${sentenceCase(this.options.name)} gave no answer to "${pending.method}" within ${timeoutMs / 1000} s.`,
            "Try again with less at once.",
          ),
        );
      }, timeoutMs);
    }
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
      if (pending) this.finish(pending, error);
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
    switch (reply.type) {
      case "log":
        this.log(reply.level, reply.message);
        return;
      case "event":
        this.options.onEvent?.(reply.name, reply.payload);
        return;
      case "progress": {
        const pending = this.running.get(reply.id);
        if (!pending?.options.onProgress || pending.settled) return;
        // Only the newest counts: a child that reports thousands of times a second costs one callback in 30 ms.
        pending.progress = { value: reply.progress };
        this.progressTimer ??= setTimeout(() => this.flushProgress(), 30);
        return;
      }
      case "result":
      case "failure": {
        const pending = this.running.get(reply.id);
        if (!pending) return;
        this.crashesInARow = 0;
        if (reply.type === "result") this.finish(pending, undefined, reply.result);
        else this.finish(pending, new Failure(reply.failure.code, reply.failure.message, reply.failure.hint));
        return;
      }
    }
  }

  private flushProgress(): void {
    this.progressTimer = undefined;
    for (const pending of this.running.values()) this.deliverProgress(pending);
  }

  private deliverProgress(pending: Pending): void {
    const { progress } = pending;
    delete pending.progress;
    if (progress && !pending.settled) pending.options.onProgress?.(progress.value);
  }

  private cancel(pending: Pending): void {
    const index = this.waiting.indexOf(pending);
    if (index >= 0) {
      this.waiting.splice(index, 1);
      this.settle(pending, cancelled(pending.method));
      return;
    }
    if (!this.running.has(pending.id)) {
      this.settle(pending, cancelled(pending.method));
      return;
    }
    this.send({ type: "cancel", id: pending.id });
    this.settle(pending, cancelled(pending.method));
    pending.grace = setTimeout(
      () => this.kill(pending, cancelled(pending.method)),
      this.options.cancelGraceMs ?? 2_000,
    );
  }

  /** Kills the child because of one call; the others that were under way are run again in a fresh one. */
  private kill(guilty: Pending, reason: Failure): void {
    this.settle(guilty, reason);
    this.running.delete(guilty.id);
    clearTimeout(guilty.timer);
    const innocent = [...this.running.values()].filter((pending) => !pending.settled && !pending.initial);
    for (const pending of innocent) {
      clearTimeout(pending.timer);
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
    const expected =
      this.killReason !== undefined || this.disposed || (this.phaseNow === "idle" && this.running.size === 0);
    if (!expected) {
      this.crashesInARow++;
      this.lastCrashAt = Date.now();
      this.log("error", `${this.options.name} ${how}.`);
    }
    const failure = this.endedFailure(how);
    for (const pending of [...this.running.values()]) this.finish(pending, failure);
    this.setPhase(expected ? "idle" : "crashed");
    // Calls that were queued behind the crash have not hurt anybody: they go to the next child.
    if (this.waiting.length > 0 && !this.disposed) {
      this.ensureChild().then(
        () => this.pump(),
        (error: unknown) => {
          for (const pending of this.waiting.splice(0)) this.settle(pending, error);
        },
      );
    }
  }

  private endedFailure(how: string): Failure {
    return (
      this.killReason ??
      new Failure(
        "process-ended",
        `${sentenceCase(this.options.name)} ${how} before it could answer.`,
        "Try again: it is started anew.",
      )
    );
  }

  private finish(pending: Pending, error: unknown, result?: unknown): void {
    this.running.delete(pending.id);
    if (!pending.settled) this.deliverProgress(pending);
    this.settle(pending, error, result);
    clearTimeout(pending.timer);
    clearTimeout(pending.grace);
    this.pump();
  }

  private settle(pending: Pending, error: unknown, result?: unknown): void {
    if (pending.settled) return;
    pending.settled = true;
    if (pending.onAbort) pending.options.signal?.removeEventListener("abort", pending.onAbort);
    if (error === undefined) pending.resolve(result);
    else pending.reject(error);
  }

  private armIdle(): void {
    clearTimeout(this.idleTimer);
    const idleMs = this.options.idleMs ?? 120_000;
    this.idleTimer = setTimeout(() => {
      if (this.running.size > 0 || this.waiting.length > 0 || !this.child) return;
      if (this.options.keepAlive?.()) return this.armIdle();
      this.log("info", `${this.options.name} was idle and is ended.`);
      void this.end();
    }, idleMs);
    this.idleTimer.unref();
  }

  /** Lets the child go by closing its channel; kills it when it does not. */
  private end(): Promise<void> {
    const child = this.child;
    if (!child) return Promise.resolve();
    this.ending ??= this.endChild(child).finally(() => {
      this.ending = undefined;
    });
    return this.ending;
  }

  private async endChild(child: ChildProcess): Promise<void> {
    this.ready = false;
    this.setPhase("idle");
    const exited = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once("exit", () => resolve());
    });
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), EXIT_WAIT_MS);
    await exited;
    clearTimeout(timer);
    clearTimeout(this.progressTimer);
    this.progressTimer = undefined;
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

const cancelled = (method: string): Failure =>
  new Failure("cancelled", `"${method}" was cancelled.`, "Start it again when you want it.");

const sentenceCase = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
