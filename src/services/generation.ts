import { isAbsolute, join, resolve } from "node:path";
import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { StateValue } from "../protocol/inferenceCalls";
import { BranchFiles, branchOf, type BranchRecord } from "./branchFiles";
import { forkRecords, lookAheadRecords } from "./branchRecords";
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
import type { ModelRegistry } from "./modelRegistry";
import { RewardRunner } from "./rewardRunner";
import type { ProcessScoring } from "./scoring";
import type { Datasets, ServicesOptions, Task, Unsubscribe } from "./services";
import { defaultSteps, graded, valueSeries } from "./stateValues";

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
    this.files = new BranchFiles(options.storageFolder, (message) => this.log("warn", message));
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
    const records = forkRecords(trajectory, request, model.name, result);
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
    const records = lookAheadRecords(trajectory, request, model.name, result);
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
      const series = valueSeries(trajectory, model.path, result.provider, values, request);
      // Under one key: the newest values of a model take the place of its earlier ones.
      const key = `mc_value ${trajectory.id} ${model.path}`;
      await this.datasets.putScores(
        series,
        series.map(() => key),
      );
      const { provider, tokens, seconds, loadSeconds } = result;
      return { provider, model: model.path, values, tokens, seconds, loadSeconds };
    } finally {
      runner?.dispose();
    }
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
