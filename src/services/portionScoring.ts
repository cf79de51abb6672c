import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "../model/failure";
import type { ModelInfo, ModelKind, Provider, ScoreArray, ScoreReport, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { trajectoryHash } from "./contentHash";
import type { ScoreStore } from "./datasets";
import { mayReadPictures, mediaStamp } from "./mediaStamp";
import type { ModelHashes } from "./modelHashes";
import type { ScoreArrays } from "./scoreArrays";
import { cacheKey, givesTables, knownFor, type PortionCall, type ScoreProgress } from "./scoreKeys";
import type { Datasets, Task } from "./services";

/** Trajectories loaded and sent to the inference process at once. */
const CHUNK = 32;

/** Scores many trajectories portion by portion: what the index knows is not computed again, and each portion is kept at once. */
export class PortionScoring {
  constructor(
    private readonly datasets: Datasets & ScoreStore,
    private readonly tables: ScoreArrays,
    private readonly hashes: ModelHashes,
  ) {}

  /** Folder of each dataset: media paths are relative to it where they are not to the trajectory's own file. */
  async mediaRoots(): Promise<Readonly<Record<string, string>>> {
    const roots: Record<string, string> = {};
    for (const { id, path } of await this.datasets.list()) {
      const info = await stat(path).catch(() => undefined);
      roots[id] = info?.isDirectory() ? path : dirname(path);
    }
    return roots;
  }

  /**
   * Series and tables of trajectories from one local model on one provider. Those that cannot be scored are among the failures.
   * @throws Failure `cancelled`, and what the inference process says of the model
   */
  async score(
    trajectoryIds: readonly string[],
    model: ModelInfo,
    provider: Provider,
    task: Task<ScoreProgress> | undefined,
    how: PortionCall,
  ): Promise<ScoreReport> {
    const total = trajectoryIds.length;
    task?.report?.({ done: 0, total, provider, message: "reading the model's files" });
    const hash = await this.hashes.of(model);
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
}
