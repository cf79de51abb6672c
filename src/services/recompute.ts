import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Failure } from "../model/failure";
import type { NumericColumn, Recorded, Trajectory } from "../model/trajectory";
import { RewardRunner, type RunnerResult, type RunnerRow } from "./rewardRunner";
import type { RecomputedReward, Recompute, RecomputeReport, RecomputeRequest } from "./recomputeContract";
import type { Datasets, ServicesOptions, Task } from "./services";

/** Trajectories in one request to the interpreter. A batch function sees this many completions at once. */
const CHUNK = 64;

/** Rewards of recorded trajectories under the user's own function, in the user's own interpreter. */
export class RunnerRecompute implements Recompute {
  private readonly runnerPath: string;
  private readonly log: NonNullable<ServicesOptions["log"]>;

  constructor(
    options: ServicesOptions,
    private readonly datasets: Datasets,
  ) {
    this.runnerPath = join(options.distFolder, "..", "python", "reward_runner.py");
    this.log = options.log ?? (() => undefined);
  }

  async rewards(
    request: RecomputeRequest,
    task?: Task<{ done: number; total: number }>,
  ): Promise<RecomputeReport> {
    const file = resolve(request.file);
    if (!(await stat(file).catch(() => undefined))?.isFile()) {
      throw new Failure(
        "unknown-path",
        `There is no Python file at ${file}.`,
        "Give the file that defines the reward function.",
      );
    }
    const started = performance.now();
    const { runner, kind } = await RewardRunner.start({
      runner: this.runnerPath,
      python: request.python,
      file,
      functionName: request.functionName,
      ...(task?.signal === undefined ? {} : { signal: task.signal }),
      onOutput: (line) => this.log("info", `${request.functionName}: ${line}`),
    });
    try {
      const rows: RecomputedReward[] = [];
      const total = request.trajectoryIds.length;
      for (let start = 0; start < total; start += CHUNK) {
        const trajectories = await this.datasets.trajectories(
          request.trajectoryIds.slice(start, start + CHUNK),
        );
        const results = new Map(
          (await runner.run(trajectories.map(runnerRow))).map((result) => [result.id, result]),
        );
        for (const trajectory of trajectories) rows.push(compared(trajectory, results.get(trajectory.id)));
        task?.report?.({ done: Math.min(start + CHUNK, total), total });
      }
      return {
        file,
        functionName: request.functionName,
        python: request.python,
        kind,
        seconds: (performance.now() - started) / 1000,
        rows,
        ...totals(rows),
      };
    } finally {
      runner.dispose();
    }
  }
}

/** What the runner gets of one trajectory. */
export function runnerRow(trajectory: Trajectory): RunnerRow {
  const { flatText, task, columns } = trajectory;
  const prompt = flatText?.prompt ?? task.prompt;
  const written = trajectory.steps
    .filter((step) => step.role === "assistant")
    .map((step) => step.action ?? "");
  return {
    id: trajectory.id,
    response: flatText?.response ?? written.join("\n"),
    columns: { ...trajectory.extra, ...trajectory.outcome.components },
    ...(prompt === undefined ? {} : { prompt }),
    ...(task.groundTruth === undefined ? {} : { ground_truth: task.groundTruth }),
    ...(columns === undefined ? {} : episode(columns.steps, columns.columns)),
  };
}

function episode(steps: number, columns: readonly NumericColumn[]): Partial<RunnerRow> {
  const observations = columns.filter((column) => column.role === "observation");
  const actions = columns.filter((column) => column.role === "action");
  const observation = tensor(observations, 0, steps);
  const action = tensor(actions, 0, steps);
  const complete = observations.every((column) => column.rows > steps);
  return {
    steps,
    ...(observation === undefined ? {} : { observation }),
    ...(action === undefined ? {} : { action }),
    ...(observation === undefined || !complete
      ? {}
      : { next_observation: tensor(observations, 1, steps + 1) }),
  };
}

/** Rows [start, end) as nested lists [steps, width]; several columns (a Dict space) become an object by name. */
function tensor(columns: readonly NumericColumn[], start: number, end: number): unknown {
  const rowsOf = ({ data, width }: NumericColumn): unknown[] =>
    Array.from({ length: end - start }, (_, index) =>
      data.subarray((start + index) * width, (start + index + 1) * width),
    );
  const [only] = columns;
  if (only === undefined) return undefined;
  return columns.length === 1
    ? rowsOf(only)
    : Object.fromEntries(columns.map((column) => [column.name.split(/[./]/).at(-1), rowsOf(column)]));
}

function compared(trajectory: Trajectory, result: RunnerResult | undefined): RecomputedReward {
  const { reward: recorded, components } = trajectory.outcome;
  const base = { trajectoryId: trajectory.id, ...(recorded === undefined ? {} : { recorded }) };
  if (!result || result.error !== undefined)
    return { ...base, message: result?.error ?? "The function gave no reward.", components: {} };
  const recomputed = result.reward;
  const both: Record<string, { recorded?: Recorded; recomputed?: Recorded }> = {};
  for (const [name, value] of Object.entries(result.components ?? {})) {
    both[name] = {
      recomputed: value,
      ...(components[name] === undefined ? {} : { recorded: components[name] }),
    };
  }
  const difference =
    typeof recorded === "number" && typeof recomputed === "number" ? recomputed - recorded : undefined;
  return {
    ...base,
    ...(recomputed === undefined ? {} : { recomputed }),
    ...(difference === undefined ? {} : { difference }),
    components: both,
    ...(result.steps === undefined
      ? {}
      : { steps: Float64Array.from(result.steps, (value) => value ?? NaN) }),
  };
}

type Totals = Pick<
  RecomputeReport,
  "equal" | "changed" | "incomparable" | "failed" | "recordedMean" | "recomputedMean"
>;

function totals(rows: readonly RecomputedReward[]): Totals {
  const sums = { equal: 0, changed: 0, incomparable: 0, failed: 0 };
  const pairs: { old: number; own: number }[] = [];
  for (const { recorded, recomputed, message } of rows) {
    if (message !== undefined) sums.failed++;
    else if (typeof recorded !== "number" || typeof recomputed !== "number") sums.incomparable++;
    else {
      pairs.push({ old: recorded, own: recomputed });
      // NaN recorded and NaN recomputed are the same answer.
      if (Object.is(recorded, recomputed) || recorded === recomputed) sums.equal++;
      else sums.changed++;
    }
  }
  if (pairs.length === 0) return sums;
  const mean = (key: "old" | "own"): number => pairs.reduce((sum, pair) => sum + pair[key], 0) / pairs.length;
  return { ...sums, recordedMean: mean("old"), recomputedMean: mean("own") };
}
