import { fork, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseReply } from "../../src/protocol/rpc";
import type { StoreCalls, StoreEvents } from "../../src/protocol/storeCalls";
import { compiledCodeIn } from "../../src/services/processes/childProgram";

const program = resolve("dist/store.js");

export interface ToldEvent<K extends keyof StoreEvents = keyof StoreEvents> {
  readonly name: K;
  readonly payload: StoreEvents[K];
  /** performance.now() when it arrived. */
  readonly at: number;
}

/** A real data process and the calls to it. */
export class StoreClient {
  readonly events: ToldEvent[] = [];
  readonly logs: string[] = [];
  private readonly pending = new Map<
    number,
    { resolve(value: unknown): void; reject(error: unknown): void; told?(progress: unknown): void }
  >();
  private nextId = 1;

  private constructor(readonly child: ChildProcess) {
    child.on("message", (message: unknown) => {
      const reply = parseReply(message);
      if (reply.type === "result") this.pending.get(reply.id)?.resolve(reply.result);
      else if (reply.type === "failure")
        this.pending.get(reply.id)?.reject(Object.assign(new Error(reply.failure.message), reply.failure));
      else if (reply.type === "progress") this.pending.get(reply.id)?.told?.(reply.progress);
      else if (reply.type === "event")
        this.events.push({ name: reply.name, payload: reply.payload, at: performance.now() } as ToldEvent);
      else if (reply.type === "log") this.logs.push(reply.message);
    });
    child.on("exit", () => {
      for (const { reject } of this.pending.values()) reject(new Error("the data process ended"));
    });
  }

  static async start(
    folder = mkdtempSync(join(tmpdir(), "lens-index-")),
  ): Promise<StoreClient & { opened: StoreCalls["open"]["result"] }> {
    if (!existsSync(program)) throw new Error("dist/store.js is missing: run `node esbuild.mjs` first.");
    const client = new StoreClient(
      fork(program, {
        serialization: "advanced",
        execArgv: ["--enable-source-maps"],
        env: { ...process.env, ...compiledCodeIn(folder) },
      }),
    );
    const opened = await client.call("open", { folder });
    return Object.assign(client, { opened });
  }

  call<K extends keyof StoreCalls>(
    method: K,
    params: StoreCalls[K]["params"],
  ): Promise<StoreCalls[K]["result"]> {
    return this.cancellable(method, params).result;
  }

  cancellable<K extends keyof StoreCalls>(
    method: K,
    params: StoreCalls[K]["params"],
    told?: (progress: StoreCalls[K] extends { progress: infer P } ? P : never) => void,
  ): { readonly result: Promise<StoreCalls[K]["result"]>; cancel(): void } {
    const id = this.nextId++;
    const result = new Promise<StoreCalls[K]["result"]>((resolveCall, reject) => {
      this.pending.set(id, {
        resolve: resolveCall as (value: unknown) => void,
        reject,
        ...(told === undefined ? {} : { told: told as (progress: unknown) => void }),
      });
      this.child.send({ type: "call", id, method, params });
    });
    return { result, cancel: () => void this.child.send({ type: "cancel", id }) };
  }

  /** Ends the process as a closing window does. */
  stop(): Promise<void> {
    return new Promise((done) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) return done();
      this.child.once("exit", () => done());
      this.child.disconnect();
    });
  }

  /** Ends the process as a crash does. */
  kill(): Promise<void> {
    return new Promise((done) => {
      this.child.once("exit", () => done());
      this.child.kill("SIGKILL");
    });
  }
}

/** Waits until a check holds; fails with what was last seen. */
export async function eventually<T>(
  read: () => Promise<T> | T,
  holds: (value: T) => boolean,
  timeoutMs = 40_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > end)
      throw new Error(`never held; last seen: ${JSON.stringify(value)?.slice(0, 500)}`);
    await new Promise((next) => setTimeout(next, 30));
  }
}
