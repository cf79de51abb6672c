import { dirname, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { Failure } from "../model/failure";
import type { PortableRows } from "../model/portableRow";
import type { ModelInfo, ModelKind, Provider, ScoreArray, ScoreReport, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls, PolicyQuestion, ProviderStatus, ScoreExtras } from "../protocol/inferenceCalls";
import { modelHash, modelStamp, trajectoryHash } from "./contentHash";
import type { ScoreStore } from "./datasets";
import { InferenceProcess } from "./inferenceProcess";
import { mayReadPictures, mediaStamp } from "./mediaStamp";
import { ModelLibrary } from "./modelLibrary";
import type { ModelRegistry } from "./modelRegistry";
import type { RemoteScoring } from "./remote/remoteScoring";
import type { ScoreArrays } from "./scoreArrays";
import {
  cacheKey,
  givesTables,
  knownFor,
  numericPart,
  type PortionCall,
  type ScoreProgress,
} from "./scoreKeys";
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

/** Trajectories loaded and sent to the inference process at once. */
const CHUNK = 32;

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
  private readonly hashes = new Map<string, { stamp: string; hash: string }>();
  private readonly library: ModelLibrary;

  constructor(
    options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore,
    private readonly registry: ModelRegistry,
    private readonly tables: ScoreArrays,
    private readonly remote: RemoteScoring,
  ) {
    this.process = new InferenceProcess(options);
    this.library = new ModelLibrary(this.process, registry, remote);
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
    if (declared && declared.path === undefined) return this.remote.score(trajectoryIds, declared, task);
    const model = await this.usable(modelPath);
    const extras = this.resolved(options.extras ?? {});
    const parameters = {
      ...(Object.keys(extras).length === 0 ? {} : { extras, other: await this.secondHash(extras) }),
      ...(options.longText === undefined ? {} : { longText: options.longText }),
      ...(declared === undefined ? {} : { declaration: numericPart(declared) }),
    };
    return this.process.onProvider(model, provider, (chosen) =>
      this.scoreOn(trajectoryIds, model, chosen, task, {
        parameters,
        run: async (trajectories, callOptions) =>
          this.process.call(
            "score",
            {
              modelPath: model.path,
              provider: chosen,
              trajectories,
              ...(mayReadPictures(model) ? { mediaRoots: await this.mediaRoots() } : {}),
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
    const model = await this.usable(modelPath);
    const declaration = this.registry.find(modelPath);
    return this.process.onProvider(model, provider, (chosen) =>
      this.scoreOn(trajectoryIds, model, chosen, task, {
        parameters,
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

  /** Folder of each dataset: media paths are relative to it where they are not to the trajectory's own file. */
  private async mediaRoots(): Promise<Readonly<Record<string, string>>> {
    const roots: Record<string, string> = {};
    for (const { id, path } of await this.datasets.list()) {
      const info = await stat(path).catch(() => undefined);
      roots[id] = info?.isDirectory() ? path : dirname(path);
    }
    return roots;
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
    return this.hashOf(path);
  }

  private async scoreOn(
    trajectoryIds: readonly string[],
    model: ModelInfo,
    provider: Provider,
    task: Task<ScoreProgress> | undefined,
    how: PortionCall,
  ): Promise<ScoreReport> {
    const total = trajectoryIds.length;
    task?.report?.({ done: 0, total, provider, message: "reading the model's files" });
    const hash = await this.hashOf(model.path);
    const series: ScoreSeries[] = [];
    const arrays: ScoreArray[] = [];
    const failures: { trajectoryId: string; message: string }[] = [];
    const sums = { tokens: 0, seconds: 0, loadSeconds: 0, cached: 0 };
    let done = 0;
    const report = (message: string): void => task?.report?.({ done, total, provider, message });
    const wantsTables = givesTables(model.kind, how.parameters);
    const looks = mayReadPictures(model);

    for await (const trajectories of this.portions(trajectoryIds, model.kind)) {
      if (task?.signal?.aborted)
        throw new Failure("cancelled", "Scoring was cancelled.", "What was scored so far is kept.");
      // A comparison within a group depends on who else is in it.
      const peers =
        model.kind === "preference-pair" ? { peers: trajectories.map(trajectoryHash).sort() } : {};
      const roots = looks ? await this.mediaRoots() : {};
      const keys: string[] = [];
      for (const trajectory of trajectories) {
        const folder = roots[trajectory.datasetId];
        const media = looks
          ? { media: await mediaStamp(trajectory, folder === undefined ? [] : [folder]) }
          : {};
        keys.push(cacheKey(trajectory, hash, provider, { ...how.parameters, ...peers, ...media }));
      }
      const cached = await this.datasets.cachedScores(keys);
      const missing: Trajectory[] = [];
      for (const [index, trajectory] of trajectories.entries()) {
        const known = cached[index] ?? [];
        const tables = wantsTables ? await this.tables.of(trajectory.id, keys[index]) : [];
        if (wantsTables ? tables.length === 0 : known.length === 0) {
          missing.push(trajectory);
          continue;
        }
        sums.cached++;
        done++;
        const own = knownFor(trajectory.id, known);
        if (own.length > 0 && !known.some((entry) => entry.trajectoryId === trajectory.id))
          await this.store(own, keys[index] ?? "");
        series.push(...own);
        arrays.push(...tables);
      }
      if (missing.length === 0) {
        report("from the cache");
        continue;
      }
      const before = done;
      // Members of a group are compared with each other, so that none may be left out.
      const sent = model.kind === "preference-pair" ? trajectories : missing;
      const part = await how.run(sent, {
        ...(task?.signal === undefined ? {} : { signal: task.signal }),
        onProgress: (progress) => {
          done = before + progress.done;
          report(progress.message);
        },
      });
      done = before + missing.length;
      sums.tokens += part.tokens;
      sums.seconds += part.seconds;
      sums.loadSeconds += part.loadSeconds;
      failures.push(
        ...part.failures.filter((failure) => missing.some(({ id }) => id === failure.trajectoryId)),
      );
      for (const trajectory of missing) {
        const own = part.series.filter((entry) => entry.trajectoryId === trajectory.id);
        const tables = (part.arrays ?? []).filter((entry) => entry.trajectoryId === trajectory.id);
        const key = keys[trajectories.indexOf(trajectory)];
        if (own.length > 0 && key !== undefined) await this.store(own, key);
        if (tables.length > 0 && key !== undefined) await this.tables.put(tables, key);
        series.push(...own);
        arrays.push(...tables);
      }
      report(`${done} of ${total}`);
    }
    return {
      provider,
      modelPath: model.path,
      modelKind: model.kind,
      trajectories: total,
      ...sums,
      series,
      failures,
      ...(arrays.length > 0 ? { arrays } : {}),
    };
  }

  /** Trajectories in portions for the inference process; those that are compared stay together with their group. */
  private async *portions(
    trajectoryIds: readonly string[],
    kind: ModelKind,
  ): AsyncGenerator<readonly Trajectory[]> {
    if (kind !== "preference-pair") {
      for (let start = 0; start < trajectoryIds.length; start += CHUNK) {
        yield await this.datasets.trajectories(trajectoryIds.slice(start, start + CHUNK));
      }
      return;
    }
    const groups = new Map<string, string[]>();
    for (const id of trajectoryIds) {
      const key = (await this.datasets.row(id))?.groupId ?? "";
      groups.set(key, [...(groups.get(key) ?? []), id]);
    }
    for (const ids of groups.values()) {
      yield await this.datasets.trajectories(ids);
    }
  }

  private store(series: readonly ScoreSeries[], key: string): Promise<void> {
    return this.datasets.putScores(
      series,
      series.map(() => key),
    );
  }

  private async hashOf(modelPath: string): Promise<string> {
    const stamp = await modelStamp(modelPath);
    const known = this.hashes.get(modelPath);
    if (known?.stamp === stamp) return known.hash;
    const hash = await modelHash(modelPath);
    this.hashes.set(modelPath, { stamp, hash });
    return hash;
  }

  portableRows(modelPath: string, trajectories: readonly Trajectory[]): Promise<PortableRows> {
    return this.process.call("portableRows", { modelPath, trajectories });
  }

  async cacheKeyOf(trajectory: Trajectory, modelPath: string, provider: Provider): Promise<string> {
    return cacheKey(trajectory, await this.hashOf(modelPath), provider);
  }

  dispose(): Promise<void> {
    return this.process.dispose();
  }
}
