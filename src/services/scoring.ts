import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { Failure, failureData } from "../model/failure";
import type { PortableRows } from "../model/portableRow";
import type { ModelInfo, Provider, ScoreReport, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls, ProviderStatus } from "../protocol/inferenceCalls";
import { modelHash, modelStamp, trajectoryHash } from "./contentHash";
import type { ScoreStore } from "./datasets";
import { Listeners } from "./listeners";
import { modelName, searchModels } from "./modelSearch";
import { Supervisor } from "./processes/supervisor";
import type { Datasets, Scoring, ScoringState, ServicesOptions, Task, Unsubscribe } from "./services";

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
    for (const { path, layout, bytes } of await searchModels(roots)) {
      try {
        models.push(await this.inspect(path));
      } catch (error) {
        models.push({
          path,
          name: modelName(path),
          kind: "unknown",
          layout,
          bytes,
          problem: failureData(error).message,
        });
      }
    }
    return models;
  }

  private async inspect(path: string): Promise<ModelInfo> {
    const stamp = await modelStamp(path);
    const known = this.inspected.get(path);
    if (known?.stamp === stamp) return known.info;
    const {
      inputs: _inputs,
      outputs: _outputs,
      ...info
    } = await this.supervisor.call("inspect", { path }, { timeoutMs: 120_000 });
    this.inspected.set(path, { stamp, info });
    return info;
  }

  async score(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    task?: Task<ScoreProgress>,
  ): Promise<ScoreReport> {
    const path = resolve(modelPath);
    if (!(await stat(path).catch(() => undefined))) {
      throw new Failure(
        "unknown-model",
        `There is no model at ${path}.`,
        "Give a model folder or an .onnx file.",
      );
    }
    const model = await this.inspect(path);
    if (model.problem !== undefined) {
      const sentence = model.problem.includes(path)
        ? model.problem
        : `The model at ${path} cannot be used: ${model.problem}`;
      throw new Failure("bad-model", sentence, "Choose another model or export it again.");
    }
    for (;;) {
      const chosen = await this.chooseProvider(provider);
      this.setState({ ...this.stateNow, provider: chosen, modelPath: path });
      try {
        return await this.scoreOn(trajectoryIds, path, model, chosen, task);
      } catch (error) {
        // A provider that passed its probe can still fall over a real model; with "auto" the next one takes over.
        if (failureData(error).code !== "process-ended" || provider !== "auto" || chosen === "cpu")
          throw error;
        this.crashed.add(chosen);
        this.probed = undefined;
      }
    }
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
      `The provider ${wanted} is not available here${status ? `: ${status.detail}` : "."}`,
      `Choose one of: auto${names ? `, ${names}` : ""}.`,
    );
  }

  private async scoreOn(
    trajectoryIds: readonly string[],
    modelPath: string,
    model: ModelInfo,
    provider: Provider,
    task: Task<ScoreProgress> | undefined,
  ): Promise<ScoreReport> {
    const hash = await this.hashOf(modelPath);
    const total = trajectoryIds.length;
    const series: ScoreSeries[] = [];
    const failures: { trajectoryId: string; message: string }[] = [];
    const sums = { tokens: 0, seconds: 0, loadSeconds: 0, cached: 0 };
    let done = 0;
    const report = (message: string): void => task?.report?.({ done, total, provider, message });

    for (let start = 0; start < total; start += CHUNK) {
      if (task?.signal?.aborted)
        throw new Failure("cancelled", "Scoring was cancelled.", "What was scored so far is kept.");
      const ids = trajectoryIds.slice(start, start + CHUNK);
      const trajectories: Trajectory[] = [];
      for (const id of ids) trajectories.push(await this.datasets.trajectory(id));
      const keys = trajectories.map((trajectory) => cacheKey(trajectory, hash, provider));
      const cached = await this.datasets.cachedScores(keys);
      const missing: Trajectory[] = [];
      for (const [index, trajectory] of trajectories.entries()) {
        const known = cached[index];
        if (!known || known.length === 0) {
          missing.push(trajectory);
          continue;
        }
        sums.cached++;
        done++;
        const own = knownFor(trajectory.id, known);
        if (!known.some((entry) => entry.trajectoryId === trajectory.id))
          await this.store(own, keys[index] ?? "");
        series.push(...own);
      }
      if (missing.length === 0) {
        report("from the cache");
        continue;
      }
      const before = done;
      const part = await this.supervisor.call(
        "score",
        { modelPath, provider, trajectories: missing },
        {
          ...(task?.signal === undefined ? {} : { signal: task.signal }),
          onProgress: (progress) => {
            done = before + progress.done;
            report(progress.message);
          },
        },
      );
      done = before + missing.length;
      sums.tokens += part.tokens;
      sums.seconds += part.seconds;
      sums.loadSeconds += part.loadSeconds;
      failures.push(...part.failures);
      for (const trajectory of missing) {
        const own = part.series.filter((entry) => entry.trajectoryId === trajectory.id);
        const key = keys[trajectories.indexOf(trajectory)];
        if (own.length > 0 && key !== undefined) await this.store(own, key);
        series.push(...own);
      }
      report(`${done} of ${total}`);
    }
    return { provider, modelPath, modelKind: model.kind, trajectories: total, ...sums, series, failures };
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

/** Key under which the index keeps what one model made of one text on one provider. */
export function cacheKey(trajectory: Trajectory, modelHashHex: string, provider: Provider): string {
  const parameters = JSON.stringify({ version: SCORING_VERSION, provider });
  return createHash("sha256")
    .update(`${trajectoryHash(trajectory)}\n${modelHashHex}\n${parameters}`)
    .digest("hex");
}
