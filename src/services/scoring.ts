import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { Failure, failureData } from "../model/failure";
import type { PortableRows } from "../model/portableRow";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo, ModelKind, Provider, ScoreArray, ScoreReport, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls, PolicyQuestion, ProviderStatus, ScoreExtras } from "../protocol/inferenceCalls";
import { modelHash, modelStamp, trajectoryHash } from "./contentHash";
import type { ScoreStore } from "./datasets";
import { Listeners } from "./listeners";
import { declaredName, ModelRegistry } from "./modelRegistry";
import { modelName, searchModels, type ModelCandidate } from "./modelSearch";
import type { CallOptions } from "./processes/pendingCall";
import { Supervisor } from "./processes/supervisor";
import type { RemoteScoring } from "./remote/remoteScoring";
import { sampleTrajectories } from "./sampleTrajectories";
import type { ScoreArrays } from "./scoreArrays";
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

/** Part of every cache key: raised when the way of scoring changes its numbers. */
const SCORING_VERSION = 1;
/** Trajectories loaded and sent to the inference process at once. */
const CHUNK = 32;

type ScoreProgress = { done: number; total: number; provider: Provider; message: string };

/** What a job on other machines needs of this machine's scoring. */
export interface PortableScoring {
  /** @throws Failure when the model cannot be used, or cannot be run elsewhere */
  portableRows(modelPath: string, trajectories: readonly Trajectory[]): Promise<PortableRows>;
  /** Key under which the index answers later scoring of the same text with the same model. */
  cacheKeyOf(trajectory: Trajectory, modelPath: string, provider: Provider): Promise<string>;
}

/** Scores through the inference process; what was computed once is answered by the index. */
export class ProcessScoring implements Scoring, PortableScoring {
  private readonly supervisor: Supervisor<InferenceCalls>;
  private readonly states: Listeners<ScoringState>;
  private stateNow: ScoringState = { phase: "idle" };
  private probed: Promise<readonly ProviderStatus[]> | undefined;
  private readonly crashed = new Set<Provider>();
  private readonly hashes = new Map<string, { stamp: string; hash: string }>();
  private readonly inspected = new Map<string, { stamp: string; info: ModelInfo }>();

  constructor(
    options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore,
    private readonly registry: ModelRegistry,
    private readonly tables: ScoreArrays,
    private readonly remote: RemoteScoring,
  ) {
    const log = options.log ?? (() => undefined);
    this.states = new Listeners(log);
    this.supervisor = new Supervisor<InferenceCalls>({
      name: "the inference process",
      entry: join(options.distFolder, "inference.js"),
      ...(options.nodePath === undefined ? {} : { nodePath: options.nodePath }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      concurrency: 1,
      log,
      onPhase: (phase) => this.setState({ ...this.stateNow, phase: phase === "running" ? "idle" : phase }),
    });
  }

  get state(): ScoringState {
    return this.stateNow;
  }

  onStateChange(listener: (state: ScoringState) => void): Unsubscribe {
    return this.states.add(listener);
  }

  /** Process id of the inference process, while there is one. */
  get pid(): number | undefined {
    return this.supervisor.pid;
  }

  providers(): Promise<readonly ProviderStatus[]> {
    this.probed ??= this.probe().catch((error: unknown) => {
      this.probed = undefined;
      throw error;
    });
    return this.probed;
  }

  /** A provider whose probe takes the process down is left out and the others are probed again. */
  private async probe(): Promise<readonly ProviderStatus[]> {
    for (;;) {
      let probing: Provider | undefined;
      try {
        return await this.supervisor.call(
          "providers",
          { skip: [...this.crashed] },
          { timeoutMs: 60_000, onProgress: (progress) => void (probing = progress.probing) },
        );
      } catch (error) {
        const { code } = failureData(error);
        const ended = code === "process-ended" || code === "timed-out";
        if (!ended || probing === undefined || probing === "cpu" || this.crashed.has(probing)) throw error;
        this.crashed.add(probing);
      }
    }
  }

  async findModels(roots: readonly string[]): Promise<readonly ModelInfo[]> {
    const models: ModelInfo[] = [];
    const declared = this.registry.all;
    const paths = declared.flatMap((entry) => (entry.path === undefined ? [] : [resolve(entry.path)]));
    const candidates = [
      ...paths.map((path): ModelCandidate => ({
        path,
        layout: path.endsWith(".onnx") ? "onnx-file" : "huggingface-folder",
        bytes: 0,
      })),
      ...(await searchModels(roots)).filter((candidate) => !paths.includes(candidate.path)),
    ];
    for (const { path, layout, bytes } of candidates) {
      const declaration = this.registry.find(path);
      try {
        models.push(await this.inspect(path, declaration));
      } catch (error) {
        models.push({
          path,
          name: declaration === undefined ? modelName(path) : declaredName(declaration),
          kind: "unknown",
          layout,
          bytes,
          problem: failureData(error).message,
          ...(declaration === undefined ? {} : { declaration }),
        });
      }
    }
    const servers = declared.filter((entry) => entry.path === undefined);
    return [...models, ...servers.map((entry) => ModelRegistry.serverInfo(entry))];
  }

  private async inspect(path: string, declaration: ModelDeclaration | undefined): Promise<ModelInfo> {
    const stamp = `${await modelStamp(path).catch(() => "absent")} ${JSON.stringify(declaration ?? {})}`;
    const known = this.inspected.get(path);
    if (known?.stamp === stamp) return known.info;
    const found = await this.supervisor.call(
      "inspect",
      { path, ...(declaration === undefined ? {} : { declaration }) },
      { timeoutMs: 120_000 },
    );
    const info: ModelInfo = {
      ...found,
      ...(declaration === undefined ? {} : { declaration, name: declaredName(declaration) }),
    };
    this.inspected.set(path, { stamp, info });
    return info;
  }

  /** A local model by path or declared name, looked at. @throws Failure when there is none or it cannot be used */
  async usable(nameOrPath: string): Promise<ModelInfo> {
    const declaration = this.registry.find(nameOrPath);
    const path = resolve(declaration?.path ?? nameOrPath);
    if (!(await stat(path).catch(() => undefined))) {
      throw new Failure(
        "unknown-model",
        `There is no model at ${path}.`,
        "Give a model folder, an .onnx file, or the name of a declared model.",
      );
    }
    const model = await this.inspect(path, declaration);
    if (model.problem !== undefined) {
      const sentence = model.problem.includes(path)
        ? model.problem
        : `The model at ${path} cannot be used: ${model.problem}`;
      throw new Failure("bad-model", sentence, "Choose another model or export it again.");
    }
    return model;
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
    return this.onProvider(model, provider, (chosen) =>
      this.scoreOn(trajectoryIds, model, chosen, task, {
        parameters,
        run: (trajectories, callOptions) =>
          this.supervisor.call(
            "score",
            {
              modelPath: model.path,
              provider: chosen,
              trajectories,
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
    return this.onProvider(model, provider, (chosen) =>
      this.scoreOn(trajectoryIds, model, chosen, task, {
        parameters,
        run: (trajectories, callOptions) =>
          this.supervisor.call(
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

  async test(nameOrPath: string, provider: Provider | "auto"): Promise<ModelTest> {
    const declared = this.registry.find(nameOrPath);
    if (declared && declared.path === undefined) return this.remote.test(declared);
    const path = resolve(declared?.path ?? nameOrPath);
    let model: ModelInfo = {
      path,
      name: declared === undefined ? modelName(path) : declaredName(declared),
      kind: "unknown",
      layout: "onnx-file",
      bytes: 0,
    };
    try {
      model = await this.usable(nameOrPath);
      const trajectories = sampleTrajectories(model);
      const report = await this.onProvider(model, provider, (chosen) =>
        this.supervisor.call(
          "score",
          {
            modelPath: model.path,
            provider: chosen,
            trajectories,
            ...(declared === undefined ? {} : { declaration: declared }),
          },
          { timeoutMs: 300_000 },
        ),
      );
      const [failure] = report.failures;
      return {
        model,
        provider: report.provider,
        loadSeconds: report.loadSeconds,
        seconds: report.seconds,
        tokens: report.tokens,
        results: [
          ...new Set(report.series.map((series) => `${series.name} per ${series.level}`)),
          ...new Set((report.arrays ?? []).map((table) => `${table.name} [${table.rows}, ${table.width}]`)),
        ],
        ...(failure === undefined ? {} : { problem: failure.message }),
      };
    } catch (error) {
      return { model, results: [], problem: failureData(error).message };
    }
  }

  /** Paths of second models by their declared names. */
  private resolved(extras: ScoreExtras): ScoreExtras {
    const path = (name: string): string => resolve(this.registry.find(name)?.path ?? name);
    const { reference, backbone } = extras;
    return {
      ...extras,
      ...(reference === undefined ? {} : { reference: path(reference) }),
      ...(backbone === undefined ? {} : { backbone: path(backbone) }),
    };
  }

  private async secondHash({ reference, backbone }: ScoreExtras): Promise<string | undefined> {
    const path = reference ?? backbone;
    if (path === undefined) return undefined;
    if (!(await stat(path).catch(() => undefined)))
      throw new Failure("unknown-model", `There is no model at ${path}.`, "Give a model folder.");
    return this.hashOf(path);
  }

  /** Calls the inference process with a model; with "auto" the next provider takes over from one that falls over. */
  async onProvider<T>(
    model: ModelInfo,
    wanted: Provider | "auto",
    run: (provider: Provider) => Promise<T>,
  ): Promise<T> {
    const provider = wanted === "auto" ? (model.declaration?.provider ?? "auto") : wanted;
    for (;;) {
      const chosen = await this.chooseProvider(provider);
      this.setState({ ...this.stateNow, provider: chosen, modelPath: model.path });
      try {
        return await run(chosen);
      } catch (error) {
        // A provider that passed its probe can still fall over a real model; with "auto" the next one takes over.
        if (failureData(error).code !== "process-ended" || provider !== "auto" || chosen === "cpu")
          throw error;
        this.crashed.add(chosen);
        this.probed = undefined;
      }
    }
  }

  /** A call of the inference process, for the services that generate. */
  call<M extends keyof InferenceCalls & string>(
    method: M,
    params: InferenceCalls[M]["params"],
    options: CallOptions<ProgressOf<InferenceCalls[M]>> = {},
  ): Promise<InferenceCalls[M]["result"]> {
    return this.supervisor.call(method, params, options);
  }

  private async chooseProvider(wanted: Provider | "auto"): Promise<Provider> {
    const statuses = await this.providers();
    const available = statuses.filter((status) => status.available);
    if (wanted === "auto") {
      const best = available[0];
      if (!best) {
        throw new Failure(
          "no-provider",
          "No execution provider of onnxruntime works on this machine.",
          statuses[0]?.detail ?? "Reinstall the extension.",
        );
      }
      return best.provider;
    }
    const status = statuses.find((candidate) => candidate.provider === wanted);
    if (status?.available) return wanted;
    const names = available.map((candidate) => candidate.provider).join(", ");
    throw new Failure(
      "provider-unavailable",
      `The provider ${wanted} is not available here${status ? `: ${status.detail.replace(/\.$/, "")}` : ""}.`,
      `Choose one of: auto${names ? `, ${names}` : ""}.`,
    );
  }

  private async scoreOn(
    trajectoryIds: readonly string[],
    model: ModelInfo,
    provider: Provider,
    task: Task<ScoreProgress> | undefined,
    how: PortionCall,
  ): Promise<ScoreReport> {
    const hash = await this.hashOf(model.path);
    const total = trajectoryIds.length;
    const series: ScoreSeries[] = [];
    const arrays: ScoreArray[] = [];
    const failures: { trajectoryId: string; message: string }[] = [];
    const sums = { tokens: 0, seconds: 0, loadSeconds: 0, cached: 0 };
    let done = 0;
    const report = (message: string): void => task?.report?.({ done, total, provider, message });
    const wantsTables = givesTables(model.kind, how.parameters);

    for await (const trajectories of this.portions(trajectoryIds, model.kind)) {
      if (task?.signal?.aborted)
        throw new Failure("cancelled", "Scoring was cancelled.", "What was scored so far is kept.");
      // A comparison within a group depends on who else is in it.
      const peers =
        model.kind === "preference-pair" ? { peers: trajectories.map(trajectoryHash).sort() } : {};
      const keys = trajectories.map((trajectory) =>
        cacheKey(trajectory, hash, provider, { ...how.parameters, ...peers }),
      );
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
        const portion: Trajectory[] = [];
        for (const id of trajectoryIds.slice(start, start + CHUNK))
          portion.push(await this.datasets.trajectory(id));
        yield portion;
      }
      return;
    }
    const groups = new Map<string, string[]>();
    for (const id of trajectoryIds) {
      const key = (await this.datasets.row(id))?.groupId ?? "";
      groups.set(key, [...(groups.get(key) ?? []), id]);
    }
    for (const ids of groups.values()) {
      const portion: Trajectory[] = [];
      for (const id of ids) portion.push(await this.datasets.trajectory(id));
      yield portion;
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
    return this.supervisor.call("portableRows", { modelPath, trajectories });
  }

  async cacheKeyOf(trajectory: Trajectory, modelPath: string, provider: Provider): Promise<string> {
    return cacheKey(trajectory, await this.hashOf(modelPath), provider);
  }

  private setState(state: ScoringState): void {
    const before = this.stateNow;
    if (
      before.phase === state.phase &&
      before.provider === state.provider &&
      before.modelPath === state.modelPath
    )
      return;
    this.stateNow = state;
    this.states.tell(state);
  }

  dispose(): Promise<void> {
    return this.supervisor.dispose();
  }
}

/**
 * Cached series as those of one trajectory. Equal texts share a key, so that series of several trajectories may come
 * back: the trajectory's own are taken, else those of any one of the others, under this trajectory's id.
 */
function knownFor(trajectoryId: string, known: readonly ScoreSeries[]): readonly ScoreSeries[] {
  const from = known.some((entry) => entry.trajectoryId === trajectoryId)
    ? trajectoryId
    : known[0]?.trajectoryId;
  return known.filter((entry) => entry.trajectoryId === from).map((entry) => ({ ...entry, trajectoryId }));
}

/** Kinds whose result is a table, and extras that ask for one. */
function givesTables(kind: ModelKind, parameters: Readonly<Record<string, unknown>>): boolean {
  const extras = parameters["extras"] as ScoreExtras | undefined;
  const questions = parameters["questions"] as readonly PolicyQuestion[] | undefined;
  return (
    ["embedding", "encoder", "autoencoder", "inverse-dynamics", "dynamics-ensemble", "flow"].includes(kind) ||
    extras?.topK !== undefined ||
    extras?.hiddenLayers !== undefined ||
    (questions?.some((question) => question.followUps !== undefined) ?? false)
  );
}

/** What of a declaration changes numbers: not its name, prices or generation defaults. */
function numericPart(declaration: ModelDeclaration): Partial<ModelDeclaration> {
  const {
    name: _name,
    path: _path,
    provider: _provider,
    generation: _generation,
    pricePerMillion: _price,
    ignoreMemory: _memory,
    ...rest
  } = declaration;
  return rest;
}

/** One way of asking the inference process about a portion of trajectories, and what its numbers depend on. */
interface PortionCall {
  readonly parameters: Readonly<Record<string, unknown>>;
  run(trajectories: readonly Trajectory[], options: CallOptions<ScoreProgress>): Promise<ScoreReport>;
}

type ProgressOf<Call> = Call extends { readonly progress: infer Progress } ? Progress : never;

/** Key under which the index keeps what one model made of one text on one provider. */
export function cacheKey(
  trajectory: Trajectory,
  modelHashHex: string,
  provider: Provider,
  further: Readonly<Record<string, unknown>> = {},
): string {
  const parameters = JSON.stringify({ version: SCORING_VERSION, provider, ...further });
  return createHash("sha256")
    .update(`${trajectoryHash(trajectory)}\n${modelHashHex}\n${parameters}`)
    .digest("hex");
}
