import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Failure } from "../model/failure";
import type { PortableRows } from "../model/portableRow";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo, Provider, ScoreArray, ScoreReport } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls, PolicyQuestion, ProviderStatus, ScoreExtras } from "../protocol/inferenceCalls";
import type { ScoreStore } from "./datasets";
import { InferenceProcess } from "./inferenceProcess";
import { mayReadPictures } from "./mediaStamp";
import { ModelHashes } from "./modelHashes";
import { ModelLibrary } from "./modelLibrary";
import { declaredName, type ModelRegistry } from "./modelRegistry";
import { PortionScoring } from "./portionScoring";
import type { RemoteScoring } from "./remote/remoteScoring";
import type { ScoreArrays } from "./scoreArrays";
import { cacheKey, numericPart, type ScoreProgress } from "./scoreKeys";
import type {
  Datasets,
  ModelTest,
  ScoreOptions,
  Scoring,
  ScoringState,
  ServicesOptions,
  Task,
  Unsubscribe,
} from "./services";

/** What a job on other machines needs of this machine's scoring. */
export interface PortableScoring {
  /** @throws Failure when the model cannot be used, or cannot be run elsewhere */
  portableRows(modelPath: string, trajectories: readonly Trajectory[]): Promise<PortableRows>;
  /** Key under which the index answers later scoring of the same text with the same model. */
  cacheKeyOf(trajectory: Trajectory, modelPath: string, provider: Provider): Promise<string>;
}

/** Scores through the inference process; what was computed once is answered by the index. */
export class ProcessScoring implements Scoring, PortableScoring {
  /** The process that loads models; generation calls it too. */
  readonly process: InferenceProcess;
  private readonly hashes = new ModelHashes();
  private readonly library: ModelLibrary;
  private readonly portions: PortionScoring;

  constructor(
    options: ServicesOptions,
    datasets: Datasets & ScoreStore,
    private readonly registry: ModelRegistry,
    private readonly tables: ScoreArrays,
    private readonly remote: RemoteScoring,
  ) {
    this.process = new InferenceProcess(options);
    this.library = new ModelLibrary(this.process, registry, remote);
    this.portions = new PortionScoring(datasets, tables, this.hashes);
  }

  get state(): ScoringState {
    return this.process.state;
  }

  onStateChange(listener: (state: ScoringState) => void): Unsubscribe {
    return this.process.onStateChange(listener);
  }

  /** Process id of the inference process, while there is one. */
  get pid(): number | undefined {
    return this.process.pid;
  }

  providers(): Promise<readonly ProviderStatus[]> {
    return this.process.providers();
  }

  findModels(roots: readonly string[]): Promise<readonly ModelInfo[]> {
    return this.library.find(roots);
  }

  /** A local model by path or declared name, looked at. @throws Failure when there is none or it cannot be used */
  usable(nameOrPath: string): Promise<ModelInfo> {
    return this.library.usable(nameOrPath);
  }

  test(nameOrPath: string, provider: Provider | "auto"): Promise<ModelTest> {
    return this.library.test(nameOrPath, provider);
  }

  async score(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    task?: Task<ScoreProgress>,
    options: ScoreOptions = {},
  ): Promise<ScoreReport> {
    const declared = this.registry.find(modelPath);
    if (declared && declared.path === undefined) {
      requireOnMachine(declared, [
        ...Object.keys(options.extras ?? {}),
        ...(options.longText === undefined ? [] : ["longText"]),
      ]);
      return this.remote.score(trajectoryIds, declared, task);
    }
    const model = await this.usable(modelPath);
    const extras = this.resolved(options.extras ?? {});
    const parameters = {
      ...(Object.keys(extras).length === 0 ? {} : { extras, other: await this.secondHash(extras) }),
      ...(options.longText === undefined ? {} : { longText: options.longText }),
      ...(await this.declaredPart(declared)),
    };
    return this.process.onProvider(model, provider, (chosen) =>
      this.portions.score(trajectoryIds, model, chosen, task, {
        parameters,
        run: async (trajectories, callOptions) =>
          this.process.call(
            "score",
            {
              modelPath: model.path,
              provider: chosen,
              trajectories,
              ...(mayReadPictures(model) ? { mediaRoots: await this.portions.mediaRoots() } : {}),
              ...(Object.keys(extras).length === 0 ? {} : { extras }),
              ...(options.longText === undefined ? {} : { longText: options.longText }),
              ...(declared === undefined ? {} : { declaration: declared }),
            },
            callOptions,
          ),
      }),
    );
  }

  answerBelief(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    template: string,
    task?: Task<ScoreProgress>,
  ): Promise<ScoreReport> {
    return this.asking(trajectoryIds, modelPath, provider, { belief: template }, task, "answerBelief", {
      template,
    });
  }

  ask(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    questions: readonly PolicyQuestion[],
    task?: Task<ScoreProgress>,
  ): Promise<ScoreReport> {
    return this.asking(trajectoryIds, modelPath, provider, { questions }, task, "questions", { questions });
  }

  private async asking<M extends "answerBelief" | "questions">(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    parameters: Readonly<Record<string, unknown>>,
    task: Task<ScoreProgress> | undefined,
    method: M,
    params: Omit<InferenceCalls[M]["params"], "modelPath" | "provider" | "trajectories" | "declaration">,
  ): Promise<ScoreReport> {
    const declaration = this.registry.find(modelPath);
    if (declaration && declaration.path === undefined) requireOnMachine(declaration, Object.keys(parameters));
    const model = await this.usable(modelPath);
    const declared = await this.declaredPart(declaration);
    return this.process.onProvider(model, provider, (chosen) =>
      this.portions.score(trajectoryIds, model, chosen, task, {
        parameters: { ...parameters, ...declared },
        run: (trajectories, callOptions) =>
          this.process.call(
            method,
            {
              modelPath: model.path,
              provider: chosen,
              trajectories,
              ...params,
              ...(declaration === undefined ? {} : { declaration }),
            } as unknown as InferenceCalls[M]["params"],
            callOptions as never,
          ) as Promise<ScoreReport>,
      }),
    );
  }

  arrays(trajectoryId: string): Promise<readonly ScoreArray[]> {
    return this.tables.of(trajectoryId);
  }

  /** What of a declaration changes numbers, with the content of the tokenizer that it names. */
  private async declaredPart(
    declared: ModelDeclaration | undefined,
  ): Promise<Readonly<Record<string, unknown>>> {
    if (!declared) return {};
    const { tokenizer } = declared;
    return {
      declaration: numericPart(declared),
      ...(tokenizer === undefined ? {} : { tokenizer: await this.hashes.of({ path: tokenizer }) }),
    };
  }

  /** Paths of second models by their declared names. */
  private resolved(extras: ScoreExtras): ScoreExtras {
    const path = (name: string): string => resolve(this.registry.find(name)?.path ?? name);
    const { reference, backbone, flow } = extras;
    return {
      ...extras,
      ...(flow === undefined ? {} : { flow: path(flow) }),
      ...(reference === undefined ? {} : { reference: path(reference) }),
      ...(backbone === undefined ? {} : { backbone: path(backbone) }),
    };
  }

  private async secondHash({ reference, backbone, flow }: ScoreExtras): Promise<string | undefined> {
    const path = reference ?? backbone ?? flow;
    if (path === undefined) return undefined;
    if (!(await stat(path).catch(() => undefined)))
      throw new Failure("unknown-model", `There is no model at ${path}.`, "Give a model folder.");
    return this.hashes.of({ path });
  }

  portableRows(modelPath: string, trajectories: readonly Trajectory[]): Promise<PortableRows> {
    return this.process.call("portableRows", { modelPath, trajectories });
  }

  async cacheKeyOf(trajectory: Trajectory, modelPath: string, provider: Provider): Promise<string> {
    return cacheKey(trajectory, await this.hashes.of(await this.usable(modelPath)), provider);
  }

  dispose(): Promise<void> {
    return this.process.dispose();
  }
}

/** @throws Failure when something is asked of a model on a server that only a model of this machine gives */
function requireOnMachine(declared: ModelDeclaration, asked: readonly string[]): void {
  if (asked.length === 0) return;
  throw new Failure(
    "model-does-not-fit",
    `${declaredName(declared)} is on a server, which does not give what was asked for beside its scores (${asked.join(", ")}).`,
    "Leave that out, or use the model's own folder.",
  );
}
