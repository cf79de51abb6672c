import { isAbsolute, join, resolve } from "node:path";
import { Failure } from "../model/failure";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { ForkPoint, StateValue } from "../protocol/inferenceCalls";
import { BranchFiles, branchOf, newBranchId, type BranchRecord } from "./branchFiles";
import type { ScoreStore } from "./datasets";
import { withGenerated } from "./generatedTree";
import type {
  ForkReport,
  ForkRequest,
  GeneratedBranch,
  Generation,
  GenerationProgress,
  LookAheadRequest,
  ValueReport,
  ValueRequest,
} from "./generationContract";
import { Listeners } from "./listeners";
import { ruleText } from "./lookAheadPresets";
import type { ModelRegistry } from "./modelRegistry";
import { RewardRunner } from "./rewardRunner";
import type { ProcessScoring } from "./scoring";
import type { Datasets, ServicesOptions, Task, Unsubscribe } from "./services";
import { defaultSteps, graded } from "./stateValues";

/** Continues trajectories through the inference process and keeps what came of it in files of its own. */
export class ProcessGeneration implements Generation {
  private readonly files: BranchFiles;
  private readonly changes: Listeners<{ readonly trajectoryId: string }>;
  private readonly runnerPath: string;
  private readonly log: NonNullable<ServicesOptions["log"]>;

  constructor(
    options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore,
    private readonly scoring: ProcessScoring,
    private readonly registry: ModelRegistry,
  ) {
    this.log = options.log ?? (() => undefined);
    this.files = new BranchFiles(options.storageFolder);
    this.changes = new Listeners(this.log);
    this.runnerPath = join(options.distFolder, "..", "python", "reward_runner.py");
  }

  async fork(request: ForkRequest, task?: Task<GenerationProgress>): Promise<ForkReport> {
    const { trajectory, model, declaration } = await this.prepare(request);
    const result = await this.scoring.process.onProvider(model, request.provider, (provider) =>
      this.scoring.process.call(
        "generate",
        {
          modelPath: model.path,
          provider,
          trajectory,
          point: request.point,
          options: request.options,
          ...(declaration === undefined ? {} : { declaration }),
        },
        callOptions(task),
      ),
    );
    const { temperature, topP, seed, maxNewTokens } = request.options;
    const how = `temperature ${temperature}, top-p ${topP}, seed ${seed}, at most ${maxNewTokens} new tokens`;
    const created = new Date().toISOString();
    const records = result.continuations.map((continuation): BranchRecord => ({
      ...origin(trajectory, request.point),
      id: newBranchId(),
      prefix: result.prefix,
      text: continuation.text,
      tokens: continuation.ids.length,
      logprob: continuation.logprobs.reduce((sum, value) => sum + value, 0),
      stop_reason: continuation.stopReason,
      status: "generated",
      model: model.name,
      provider: result.provider,
      how,
      created,
    }));
    return { ...(await this.keep(trajectory, request.folder, records)), ...cost(result), model: model.path };
  }

  async lookAhead(request: LookAheadRequest, task?: Task<GenerationProgress>): Promise<ForkReport> {
    const { trajectory, model, declaration } = await this.prepare(request);
    const { point, maxNewTokens, stop, rule } = request;
    const result = await this.scoring.process.onProvider(model, request.provider, (provider) =>
      this.scoring.process.call(
        "lookAhead",
        {
          modelPath: model.path,
          provider,
          trajectory,
          point,
          maxNewTokens,
          stop,
          rule,
          ...(declaration === undefined ? {} : { declaration }),
        },
        callOptions(task),
      ),
    );
    const created = new Date().toISOString();
    const how = `LATR look-ahead, greedy, ${ruleText(rule)}`;
    const ids = result.branches.map(newBranchId);
    const records = result.branches.map((branch, i): BranchRecord => {
      const parent = branch.parent < 0 ? undefined : result.branches[branch.parent]!;
      const probabilities = branch.forkProbabilities
        ? `, opened at p ${branch.forkProbabilities[1].toPrecision(3)} beside ${branch.forkProbabilities[0].toPrecision(3)}`
        : "";
      return {
        ...origin(trajectory, point),
        id: ids[i]!,
        ...(parent === undefined
          ? {}
          : { parent_branch: ids[branch.parent]!, parent_characters: branch.birthCharacters }),
        prefix: result.prefix + branch.text.slice(0, branch.birthCharacters),
        text: branch.text.slice(branch.birthCharacters),
        tokens: branch.ids.length - branch.birthStep,
        logprob: branch.logprob,
        stop_reason: branch.stopReason,
        status: branch.stopReason === "pruned" ? "pruned" : "generated",
        ...(branch.reason === undefined ? {} : { reason: `pruned: ${branch.reason}` }),
        model: model.name,
        provider: result.provider,
        how: `${how}${probabilities}, ${branch.suppressed} suppressed`,
        created,
      };
    });
    return { ...(await this.keep(trajectory, request.folder, records)), ...cost(result), model: model.path };
  }

  async value(request: ValueRequest, task?: Task<GenerationProgress>): Promise<ValueReport> {
    const { trajectory, model, declaration } = await this.prepare(request);
    const { grader } = request;
    const afterSteps = request.afterSteps ?? defaultSteps(trajectory);
    // A function that cannot be run is found out before the model works for it.
    const runner =
      grader.kind === "python"
        ? (
            await RewardRunner.start({
              runner: this.runnerPath,
              python: grader.python,
              file: resolve(grader.file),
              functionName: grader.functionName,
              ...(task?.signal === undefined ? {} : { signal: task.signal }),
              onOutput: (line) => this.log("info", `${grader.functionName}: ${line}`),
            })
          ).runner
        : undefined;
    try {
      const result = await this.scoring.process.onProvider(model, request.provider, (provider) =>
        this.scoring.process.call(
          "stateValues",
          {
            modelPath: model.path,
            provider,
            trajectory,
            afterSteps,
            options: request.options,
            ...(grader.kind === "python" ? {} : { grader }),
            ...(declaration === undefined ? {} : { declaration }),
          },
          callOptions(task),
        ),
      );
      const values: StateValue[] = [];
      for (const value of result.values)
        values.push(runner ? await graded(value, trajectory, runner) : value);
      await this.keepValues(trajectory, model.path, result.provider, values, request);
      const { provider, tokens, seconds, loadSeconds } = result;
      return { provider, model: model.path, values, tokens, seconds, loadSeconds };
    } finally {
      runner?.dispose();
    }
  }

  /** Values as a step series, so that they are a track like any model's. */
  private async keepValues(
    trajectory: Trajectory,
    modelPath: string,
    provider: ScoreSeries["provider"],
    values: readonly StateValue[],
    request: ValueRequest,
  ): Promise<void> {
    const perStep = (of: (value: StateValue) => number): Float64Array => {
      const series = new Float64Array(trajectory.steps.length).fill(NaN);
      for (const value of values) if (value.afterStep < series.length) series[value.afterStep] = of(value);
      return series;
    };
    // Equal rewards bound no mean: there is no number for the track then.
    const bounded = (bound: number): number => (Number.isFinite(bound) ? bound : NaN);
    const intervals = [
      ...new Set(
        values.flatMap(({ method }) =>
          method === undefined ? [] : [method === "no spread" ? "none where all rewards are equal" : method],
        ),
      ),
    ];
    const base = {
      trajectoryId: trajectory.id,
      level: "step" as const,
      unit: request.grader.kind === "python" ? "reward" : "share of continuations",
      modelPath,
      modelKind: "policy-lm" as const,
      provider,
      method: `mean over ${request.options.count} continuations from behind each step, graded by ${request.grader.kind}, temperature ${request.options.temperature}; 95 % interval: ${intervals.join(" or ")}`,
    };
    const key = `mc_value ${trajectory.id} ${modelPath}`;
    await this.datasets.putScores(
      [
        { ...base, name: "mc_value", values: perStep(({ value }) => value) },
        { ...base, name: "mc_value_low", values: perStep(({ interval }) => bounded(interval[0])) },
        { ...base, name: "mc_value_high", values: perStep(({ interval }) => bounded(interval[1])) },
      ],
      [key, key, key],
    );
  }

  async branches(of: {
    readonly groupId?: string;
    readonly trajectoryId?: string;
  }): Promise<readonly GeneratedBranch[]> {
    const found: GeneratedBranch[] = [];
    for (const { file, row, record } of await this.files.all()) {
      if (of.groupId !== undefined && record.group_id !== of.groupId) continue;
      if (of.trajectoryId !== undefined && record.trajectory_id !== of.trajectoryId) continue;
      found.push(branchOf(file, record, (await this.datasets.rowAt(file, row).catch(() => undefined))?.id));
    }
    return found;
  }

  async deleteBranch(id: string): Promise<number> {
    const result = await this.files.remove(id);
    if (!result)
      throw new Failure("unknown-branch", `There is no branch ${id}.`, "It may have been deleted already.");
    await this.index(result.file);
    this.changes.tell({ trajectoryId: result.trajectoryId });
    return result.removed;
  }

  async tree(groupId: string): Promise<Tree> {
    return withGenerated(await this.datasets.tree(groupId), await this.branches({ groupId }));
  }

  onChange(listener: (change: { readonly trajectoryId: string }) => void): Unsubscribe {
    return this.changes.add(listener);
  }

  private async prepare(request: Pick<ForkRequest, "trajectoryId" | "model">) {
    const model = await this.scoring.usable(request.model);
    if (model.kind !== "policy-lm")
      throw new Failure(
        "model-does-not-fit",
        `${model.name} is of kind ${model.kind}; only a language model continues text.`,
        "Choose a policy.",
      );
    const trajectory = await this.datasets.trajectory(request.trajectoryId);
    return { model, trajectory, declaration: this.registry.find(request.model) };
  }

  private async keep(
    trajectory: Trajectory,
    folder: string | undefined,
    records: readonly BranchRecord[],
  ): Promise<Pick<ForkReport, "file" | "branches">> {
    if (folder !== undefined && !isAbsolute(folder))
      throw new Failure("bad-folder", `${folder} is not an absolute path.`, "Name the folder in full.");
    const file = await this.files.fileFor(trajectory.id, folder);
    await this.files.append(file, records);
    await this.index(file);
    const ids = new Set(records.map((record) => record.id));
    const own = await this.branches({ trajectoryId: trajectory.id });
    this.changes.tell({ trajectoryId: trajectory.id });
    return { file, branches: own.filter((branch) => ids.has(branch.id)) };
  }

  /** Lets the index know the branches as trajectories. */
  private async index(file: string): Promise<void> {
    await this.datasets.index([file], { watch: false }).catch((error: unknown) => {
      this.log("warn", `the branches in ${file} could not be indexed: ${String(error)}`);
    });
  }
}

function callOptions(task: Task<GenerationProgress> | undefined) {
  return {
    ...(task?.signal === undefined ? {} : { signal: task.signal }),
    ...(task?.report === undefined
      ? {}
      : { onProgress: (progress: GenerationProgress) => task.report?.(progress) }),
  };
}

const cost = ({
  provider,
  prefixTokens,
  tokens,
  seconds,
  loadSeconds,
}: Omit<ForkReport, "file" | "branches" | "model">): Omit<ForkReport, "file" | "branches" | "model"> => ({
  provider,
  prefixTokens,
  tokens,
  seconds,
  loadSeconds,
});

/** Fields that say where a branch leaves its trajectory. */
function origin(
  trajectory: Trajectory,
  point: ForkPoint,
): Pick<BranchRecord, "trajectory_lens" | "trajectory_id" | "group_id" | "after_step" | "after_token"> {
  const step =
    "afterStep" in point
      ? point.afterStep
      : (trajectory.steps.find(
          ({ tokenStart, tokenEnd }) =>
            tokenStart !== undefined &&
            tokenEnd !== undefined &&
            point.afterToken >= tokenStart &&
            point.afterToken < tokenEnd,
        )?.index ?? 0);
  return {
    trajectory_lens: "branch",
    trajectory_id: trajectory.id,
    ...(trajectory.groupId === undefined ? {} : { group_id: trajectory.groupId }),
    after_step: step,
    ...("afterToken" in point ? { after_token: point.afterToken } : {}),
  };
}
