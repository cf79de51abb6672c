import { fork, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FailureData } from "../../src/model/failure";
import type { Trajectory } from "../../src/model/trajectory";
import type { InferenceCalls } from "../../src/protocol/inferenceCalls";
import { parseReply } from "../../src/protocol/rpc";

export const fixture = (name: string): string => resolve("test/fixtures/models", name);

/** What PyTorch computed for the fixtures; see test/fixtures/models/make_models.py. */
export interface Reference {
  readonly text: readonly {
    readonly prompt: string;
    readonly response: readonly string[];
    readonly ids: readonly number[];
    readonly promptTokens: number;
    readonly logprob: readonly number[];
    readonly entropy: readonly number[];
    readonly rank: readonly number[];
    readonly stepScores: readonly number[];
  }[];
  readonly pooled: readonly number[];
  readonly control: {
    readonly observations: readonly (readonly number[])[];
    readonly discreteActions: readonly number[];
    readonly discreteLogprob: readonly number[];
    readonly discreteEntropy: readonly number[];
    readonly continuousActions: readonly (readonly number[])[];
    readonly gaussianLogprob: readonly number[];
    readonly gaussianEntropy: readonly number[];
  };
}

export const reference = JSON.parse(readFileSync(fixture("reference.json"), "utf8")) as Reference;

const base = {
  datasetId: "d",
  outcome: { components: {} },
  extra: {},
  notes: [],
} as const;

/** A trajectory of flat text whose steps are lines, as the verl reader gives it. */
export function textTrajectory(id: string, prompt: string, lines: readonly string[]): Trajectory {
  return {
    ...base,
    id,
    format: "verl",
    source: { path: "/data/1.jsonl", row: 0, part: 0 },
    task: { prompt },
    flatText: { prompt, response: lines.join("") },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: prompt },
      ...lines.map((line, i) => ({ index: i + 1, role: "assistant" as const, action: line })),
    ],
  };
}

/** A numeric episode; observations have one row more than there are steps. */
export function episode(
  id: string,
  observations: readonly (readonly number[])[],
  actions: readonly (readonly number[])[],
): Trajectory {
  const steps = actions.length;
  return {
    ...base,
    id,
    format: "minari",
    source: { path: "/data/main_data.hdf5", row: 0, part: 0 },
    task: {},
    steps: Array.from({ length: steps }, (_, index) => ({ index, role: "assistant" as const })),
    columns: {
      steps,
      columns: [
        {
          name: "observations",
          role: "observation",
          rows: observations.length,
          width: observations[0]!.length,
          data: Float32Array.from(observations.flat()),
        },
        {
          name: "actions",
          role: "action",
          rows: steps,
          width: actions[0]!.length,
          data: Float32Array.from(actions.flat()),
        },
      ],
    },
  };
}

export class InferenceClient {
  readonly child: ChildProcess;
  private nextId = 1;
  private readonly pending = new Map<
    number,
    {
      resolve(value: unknown): void;
      reject(error: unknown): void;
      progress?: ((value: never) => void) | undefined;
    }
  >();
  readonly logs: string[] = [];

  constructor(env: Readonly<Record<string, string>> = {}) {
    const entry = resolve("dist/inference.js");
    if (!existsSync(entry)) throw new Error("dist/inference.js is not built: run `node esbuild.mjs` first");
    this.child = fork(entry, { serialization: "advanced", silent: true, env: { ...process.env, ...env } });
    this.child.on("message", (message) => {
      const reply = parseReply(message);
      if (reply.type === "log") this.logs.push(reply.message);
      if (reply.type === "event" || reply.type === "log") return;
      const call = this.pending.get(reply.id);
      if (reply.type === "progress") call?.progress?.(reply.progress as never);
      else if (reply.type === "result") call?.resolve(reply.result);
      else call?.reject(reply.failure);
    });
    this.child.on("exit", (code, signal) => {
      for (const call of this.pending.values())
        call.reject({
          code: "exited",
          message: `ended with ${code ?? signal}`,
          hint: "",
        } satisfies FailureData);
    });
  }

  start<M extends keyof InferenceCalls>(
    method: M,
    params: InferenceCalls[M]["params"],
    progress?: (value: InferenceCalls[M] extends { progress: infer P } ? P : never) => void,
  ): { readonly id: number; readonly result: Promise<InferenceCalls[M]["result"]> } {
    const id = this.nextId++;
    const result = new Promise<unknown>((resolveCall, reject) =>
      this.pending.set(id, { resolve: resolveCall, reject, progress }),
    );
    this.child.send({ type: "call", id, method, params });
    return { id, result: result as Promise<InferenceCalls[M]["result"]> };
  }

  call<M extends keyof InferenceCalls>(
    method: M,
    params: InferenceCalls[M]["params"],
  ): Promise<InferenceCalls[M]["result"]> {
    return this.start(method, params).result;
  }

  cancel(id: number): void {
    if (this.child.connected) this.child.send({ type: "cancel", id });
  }

  /** Resolves with the exit code (or signal) once the process is gone. */
  exited(): Promise<number | string | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null)
      return Promise.resolve(this.child.exitCode ?? this.child.signalCode);
    return new Promise((done) => this.child.once("exit", (code, signal) => done(code ?? signal)));
  }

  async close(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await this.exited();
  }
}
