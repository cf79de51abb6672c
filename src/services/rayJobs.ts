import { appendFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { squash } from "../inference/activation";
import { Failure, failureData } from "../model/failure";
import type { PortableRow, PortableRows } from "../model/portableRow";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { ParquetRows, ScoreStore } from "./datasets";
import {
  emptyJobFolder,
  jobOf,
  jobSchema,
  layoutsOf,
  type JobFile,
  type Layout,
  type WrittenLayout,
} from "./rayFolder";
import type { PortableScoring } from "./scoring";
import type { RayJob, RayJobs, RayOptions, RayResult } from "./rayContract";
import type { Datasets, ServicesOptions, Task } from "./services";

/** Rows of one input file: small, so that a worker that dies takes little with it. */
const ROWS_PER_FILE = 128;
const CHUNK = 32;
const RESULT_ROWS = 512;

const resultSchema = v.object({
  trajectory_id: v.string(),
  names: v.array(v.string()),
  values: v.array(v.array(v.number())),
  provider: v.picklist(["cpu", "cuda"]),
  error: v.nullish(v.string()),
});

/**
 * Whole datasets as Ray Data jobs. A job is a folder: `input/*.jsonl` is what the workers read, `layout/*.jsonl` says
 * where their numbers belong, `output/*.parquet` is what they write, `job.json` names the model.
 */
export class FolderRayJobs implements RayJobs {
  private readonly script: string;

  constructor(
    options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore & ParquetRows,
    private readonly scoring: PortableScoring,
  ) {
    this.script = join(options.distFolder, "..", "python", "ray_score.py");
  }

  async prepare(
    trajectoryIds: readonly string[],
    modelPath: string,
    folder: string,
    task?: Task<{ done: number; total: number }>,
  ): Promise<RayJob> {
    const model = resolve(modelPath);
    const root = resolve(folder);
    await emptyJobFolder(root);
    const failures: { trajectoryId: string; message: string }[] = [];
    let description: Omit<PortableRows, "rows" | "failures"> | undefined;
    let written = 0;
    for (let start = 0; start < trajectoryIds.length; start += CHUNK) {
      if (task?.signal?.aborted)
        throw new Failure(
          "cancelled",
          "Preparing the job was cancelled.",
          "Start it again when you want it.",
        );
      const trajectories = await this.datasets.trajectories(trajectoryIds.slice(start, start + CHUNK));
      const part = await this.scoring.portableRows(model, trajectories);
      const { rows, failures: refused, ...rest } = part;
      description = rest;
      failures.push(...refused);
      const byId = new Map(trajectories.map((trajectory) => [trajectory.id, trajectory]));
      for (const row of rows) {
        await this.write(root, written, row, model, byId.get(row.trajectoryId) as Trajectory);
        written++;
      }
      task?.report?.({ done: Math.min(start + CHUNK, trajectoryIds.length), total: trajectoryIds.length });
    }
    if (description === undefined || written === 0) {
      throw new Failure(
        "nothing-to-score",
        failures[0]?.message ?? "There are no trajectories to score.",
        "Choose a dataset with text or token ids, and a model that reads them.",
      );
    }
    const { kind, read, activations, activationTexts } = description;
    const job = v.parse(jobSchema, {
      version: 1,
      modelPath: model,
      kind,
      read,
      activations,
      activationTexts,
      trajectories: written,
    });
    await writeFile(join(root, "job.json"), JSON.stringify(job, undefined, 2));
    return { folder: root, modelPath: model, kind, trajectories: written, failures };
  }

  private async write(
    root: string,
    index: number,
    row: PortableRow,
    model: string,
    trajectory: Trajectory,
  ): Promise<void> {
    const name = `part-${String(Math.floor(index / ROWS_PER_FILE)).padStart(6, "0")}.jsonl`;
    const keys = {
      cpu: await this.scoring.cacheKeyOf(trajectory, model, "cpu"),
      cuda: await this.scoring.cacheKeyOf(trajectory, model, "cuda"),
    };
    const { trajectoryId, ids, positions, series } = row;
    const input = { trajectory_id: trajectoryId, input_ids: ids, positions };
    await appendFile(join(root, "input", name), `${JSON.stringify(input)}\n`);
    await appendFile(
      join(root, "layout", name),
      `${JSON.stringify({ trajectoryId, keys, series } satisfies WrittenLayout)}\n`,
    );
  }

  async command(folder: string, options: RayOptions): Promise<readonly string[]> {
    const root = resolve(folder);
    const job = await jobOf(root);
    const args = {
      "--input": join(root, "input", "*.jsonl"),
      "--model": job.modelPath,
      "--output": join(root, "output"),
      "--read": job.read,
      "--address": options.address ?? "local",
      "--workers": String(options.workers ?? 2),
      "--provider": options.provider ?? "auto",
      "--gpus-per-worker": String(options.gpusPerWorker ?? 0),
    };
    return [this.script, ...Object.entries(args).flat()];
  }

  /** Rows of a result file; none of one that a killed job left unfinished, whose rows are computed again. */
  private async wholeRows(
    path: string,
    start: number,
  ): Promise<Awaited<ReturnType<ParquetRows["parquetRows"]>>> {
    try {
      return await this.datasets.parquetRows(path, start, start + RESULT_ROWS);
    } catch (error) {
      if (failureData(error).code === "unreadable-parquet") return [];
      throw error;
    }
  }

  async collect(folder: string, task?: Task<{ done: number; total: number }>): Promise<RayResult> {
    const root = resolve(folder);
    const job = await jobOf(root);
    const layouts = await layoutsOf(root);
    const failures: { trajectoryId: string; message: string }[] = [];
    const seen = new Set<string>();
    let numbers = 0;
    const files = (await readdir(join(root, "output")).catch(() => [])).filter((name) =>
      name.endsWith(".parquet"),
    );
    for (const name of files.sort()) {
      const path = join(root, "output", name);
      for (let start = 0; ; start += RESULT_ROWS) {
        const rows = await this.wholeRows(path, start);
        const series: ScoreSeries[] = [];
        const keys: string[] = [];
        for (const row of rows) {
          const result = v.parse(resultSchema, row);
          const layout = layouts.get(result.trajectory_id);
          // A row that is there twice would be the job's mistake; its numbers are the same and count once.
          if (layout === undefined || seen.has(result.trajectory_id)) continue;
          seen.add(result.trajectory_id);
          const message = result.error ?? undefined;
          const own = message === undefined ? seriesOf(job, layout, result) : message;
          if (typeof own === "string") failures.push({ trajectoryId: result.trajectory_id, message: own });
          else {
            series.push(...own);
            keys.push(...own.map(() => layout.keys[result.provider]));
            numbers += own.reduce((sum, one) => sum + one.values.length, 0);
          }
        }
        if (series.length > 0) await this.datasets.putScores(series, keys);
        task?.report?.({ done: seen.size, total: job.trajectories });
        if (rows.length < RESULT_ROWS) break;
      }
    }
    return {
      trajectories: job.trajectories,
      scored: seen.size - failures.length,
      missing: job.trajectories - seen.size,
      numbers,
      failures,
    };
  }
}

/** One trajectory's series from a worker's numbers, or one sentence about what does not fit. */
function seriesOf(
  job: JobFile,
  layout: Layout,
  result: v.InferOutput<typeof resultSchema>,
): readonly ScoreSeries[] | string {
  const labels = job.read === "next-token" ? 0 : result.names.length;
  if (labels > 2)
    return `The model gives ${labels} labels; a reward model gives one number, or two of which the second is read.`;
  const activation = job.activations[labels === 2 ? 1 : 0];
  const series: ScoreSeries[] = [];
  for (const { targets, length, method, tokenText, ...rest } of layout.series) {
    const own = labels === 0 ? result.values[result.names.indexOf(rest.name)] : undefined;
    if (labels === 0 && own?.length !== targets.length)
      return `The job gave ${own?.length ?? 0} numbers of ${rest.name} where ${targets.length} belong.`;
    const values = new Float64Array(length).fill(Number.NaN);
    for (const [at, target] of targets.entries()) {
      const raw = result.values.map((label) => label[at] ?? Number.NaN);
      values[target] = own === undefined ? squash(raw, 0, labels, activation) : (own[at] ?? Number.NaN);
    }
    series.push({
      ...rest,
      ...(labels > 0 && activation !== "none" ? { unit: "probability" } : {}),
      trajectoryId: layout.trajectoryId,
      values,
      ...(tokenText === undefined ? {} : { tokenText }),
      modelPath: job.modelPath,
      modelKind: job.kind,
      provider: result.provider,
      method: `${method.replace("{activation}", job.activationTexts[labels === 2 ? 1 : 0])}, Ray job`,
    });
  }
  return series;
}
