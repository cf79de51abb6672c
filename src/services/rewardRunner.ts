import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { basename, dirname } from "node:path";
import * as v from "valibot";
import { Failure } from "../model/failure";
import { forwardLines } from "./processes/outputLines";

/** One trajectory as the runner takes it; see python/reward_runner.py. */
export interface RunnerRow {
  readonly id: string;
  readonly prompt?: string;
  readonly response: string;
  readonly ground_truth?: unknown;
  /** The other columns of the file, by name. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** Steps of a numeric episode. */
  readonly steps?: number;
  readonly observation?: unknown;
  readonly next_observation?: unknown;
  readonly action?: unknown;
}

const numberSchema = v.nullable(
  v.union([v.number(), v.pipe(v.picklist(["NaN", "Infinity", "-Infinity"]), v.transform(Number))]),
);

const resultSchema = v.object({
  id: v.string(),
  reward: v.optional(numberSchema),
  components: v.optional(v.record(v.string(), numberSchema)),
  steps: v.optional(v.array(numberSchema)),
  error: v.optional(v.string()),
});

const replySchema = v.union([
  v.object({
    ready: v.object({ kind: v.picklist(["text", "batch", "transition"]), parameters: v.array(v.string()) }),
  }),
  v.object({ fatal: v.string() }),
  v.object({ results: v.array(resultSchema) }),
]);

export type RunnerResult = v.InferOutput<typeof resultSchema>;
export type RewardKind = "text" | "batch" | "transition";

export interface RunnerOptions {
  /** Absolute path of python/reward_runner.py. */
  readonly runner: string;
  /** Interpreter of the user. */
  readonly python: string;
  /** Python file and function of the user. */
  readonly file: string;
  readonly functionName: string;
  readonly signal?: AbortSignal;
  readonly onOutput?: (line: string) => void;
}

/**
 * A reward function running in the user's interpreter, one request at a time. It is the user's code with the user's
 * rights: only start it where the user trusts the code.
 */
export class RewardRunner {
  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly lines: AsyncIterator<string>,
    private readonly reader: Interface,
    private readonly options: RunnerOptions,
  ) {}

  /**
   * Starts the interpreter and imports the function.
   * @throws Failure `python-missing`, `reward-function` (with the reason), `cancelled`
   */
  static async start(options: RunnerOptions): Promise<{ runner: RewardRunner; kind: RewardKind }> {
    const child = spawn(
      options.python,
      ["-u", options.runner, "--file", options.file, "--function", options.functionName],
      {
        cwd: dirname(options.file),
        // Nothing is written beside the user's code, not even compiled modules.
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" },
        ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: "SIGKILL" as const }),
      },
    );
    const missing = new Promise<never>((_resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ABORT_ERR")
          reject(new Failure("cancelled", "Recomputing was cancelled.", "Start it again when you want it."));
        else
          reject(
            new Failure(
              "python-missing",
              `The Python interpreter ${options.python} could not be started (${error.message}).`,
              "Choose another interpreter.",
            ),
          );
      });
    });
    missing.catch(() => undefined);
    child.stdin.on("error", () => undefined);
    forwardLines(child.stderr, (line) => options.onOutput?.(line));
    const reader = createInterface({ input: child.stdout, crlfDelay: Infinity });
    const runner = new RewardRunner(child, reader[Symbol.asyncIterator](), reader, options);
    try {
      const reply = await Promise.race([runner.next(), missing]);
      if ("fatal" in reply) {
        throw new Failure(
          "reward-function",
          `${options.functionName} in ${basename(options.file)} cannot be run: ${reply.fatal}`,
          `The interpreter is ${options.python}.`,
        );
      }
      if (!("ready" in reply)) throw runner.ended();
      return { runner, kind: reply.ready.kind };
    } catch (error) {
      runner.dispose();
      throw error;
    }
  }

  /** Rewards of the rows, in their order. @throws Failure when the interpreter ends or the call is cancelled */
  async run(rows: readonly RunnerRow[]): Promise<readonly RunnerResult[]> {
    this.child.stdin.write(`{"rows": [${rows.map(pythonJson).join(", ")}]}\n`);
    const reply = await this.next();
    if (!("results" in reply)) throw this.ended();
    return reply.results;
  }

  dispose(): void {
    this.reader.close();
    this.child.stdin.end();
    this.child.kill("SIGKILL");
  }

  private async next(): Promise<v.InferOutput<typeof replySchema>> {
    const line = await this.lines.next();
    if (line.done) throw this.ended();
    try {
      return v.parse(replySchema, JSON.parse(line.value));
    } catch {
      throw new Failure(
        "reward-function",
        `${this.options.functionName} wrote something else than rewards to its output.`,
        "Let it print to standard error.",
      );
    }
  }

  private ended(): Failure {
    if (this.options.signal?.aborted)
      return new Failure("cancelled", "Recomputing was cancelled.", "Start it again when you want it.");
    return new Failure(
      "reward-function",
      `Python ended while it ran ${this.options.functionName} in ${basename(this.options.file)}.`,
      "Look at the Trajectory Lens log for what it printed.",
    );
  }
}

/** JSON as Python's json module reads it: typed arrays as lists, NaN and infinities as its own words for them. */
export function pythonJson(value: unknown): string {
  if (typeof value === "number")
    return Number.isNaN(value)
      ? "NaN"
      : Number.isFinite(value)
        ? Object.is(value, -0)
          ? "-0.0"
          : String(value)
        : value > 0
          ? "Infinity"
          : "-Infinity";
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as Float64Array, pythonJson).join(", ")}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${pythonJson(member)}`).join(", ")}}`;
}
