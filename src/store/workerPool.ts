import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Failure } from "../model/failure";
import { doJob, type JobReply, type ResultOf, type WorkerJob } from "./summariseWorker";

const IDLE_MS = 10_000;

interface Seat {
  readonly worker: Worker;
  readonly pending: Map<number, { resolve(result: never): void; reject(error: unknown): void }>;
}

/** Worker threads that parse and summarise, or search. Without an entry, jobs run in this thread. */
export class WorkerPool {
  private readonly seats: Seat[] = [];
  private nextId = 1;
  private idle: NodeJS.Timeout | undefined;
  readonly size = Math.max(1, Math.min(4, availableParallelism()));

  constructor(private readonly entry: URL | undefined) {}

  run<J extends WorkerJob>(job: J): Promise<ResultOf<J>> {
    if (this.entry === undefined)
      return new Promise((resolve, reject) =>
        setImmediate(() => {
          try {
            resolve(doJob(job));
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        }),
      );
    clearTimeout(this.idle);
    const seat = this.freeSeat(this.entry);
    const id = this.nextId++;
    return new Promise<ResultOf<J>>((resolve, reject) => {
      seat.pending.set(id, { resolve, reject });
      seat.worker.postMessage({ id, job });
    }).finally(() => this.scheduleIdleEnd());
  }

  private freeSeat(entry: URL): Seat {
    const free = this.seats.reduce<Seat | undefined>(
      (best, seat) => (best === undefined || seat.pending.size < best.pending.size ? seat : best),
      undefined,
    );
    if (free !== undefined && (free.pending.size === 0 || this.seats.length >= this.size)) return free;
    const worker = new Worker(entry, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 128 } });
    const seat: Seat = { worker, pending: new Map() };
    worker.on("message", (reply: JobReply) => {
      const job = seat.pending.get(reply.id);
      seat.pending.delete(reply.id);
      if (reply.result !== undefined) job?.resolve(reply.result as never);
      else
        job?.reject(
          new Failure(
            reply.failure?.code ?? "internal",
            reply.failure?.message ?? "The parser failed.",
            reply.failure?.hint ?? "Look at the log.",
          ),
        );
    });
    const fail = (error: unknown): void => {
      this.seats.splice(this.seats.indexOf(seat), this.seats.includes(seat) ? 1 : 0);
      for (const job of seat.pending.values()) job.reject(error);
      seat.pending.clear();
    };
    worker.on("error", fail);
    worker.on("exit", () =>
      fail(new Failure("parser-ended", "A parser thread ended unexpectedly.", "Index the file again.")),
    );
    worker.unref();
    this.seats.push(seat);
    return seat;
  }

  private scheduleIdleEnd(): void {
    if (this.seats.some((seat) => seat.pending.size > 0)) return;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => void this.close(), IDLE_MS);
    this.idle.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.idle);
    await Promise.all(this.seats.splice(0).map((seat) => seat.worker.terminate()));
  }
}
