import type { DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { setImmediate as nextTurn } from "node:timers/promises";
import { formatById } from "../formats/index";
import { Failure } from "../model/failure";
import type { SearchHit, SearchProgress, SearchSummary, StoreCalls } from "../protocol/storeCalls";
import { openRecords, type StoredContainer } from "./containers/recordSource";
import { FILE_ORDER } from "./rowSql";
import {
  matcherOf,
  searchRecord,
  type SearchedFile,
  type SearchedRecord,
  type SearchJob,
  type SearchResult,
} from "./searchRecords";
import type { TrajectoryHits } from "./searchTrajectory";
import type { WorkerPool } from "./workerPool";

const DEFAULT_LIMIT = 1_000;
const MOST_HITS = 10_000;
const DEFAULT_PER_TRAJECTORY = 10;
/** Records handed to a worker at once: small enough that the first hits come soon, and that cancelling is felt. */
const JOB_BYTES = 2 * 2 ** 20;
const JOB_RECORDS = 500;
/** Hits in one message. */
const TOLD_AT_ONCE = 100;

/** Columns of numbers hold no text to look through. */
const WITHOUT_TEXT = "('hdf5', 'arrays')";

interface Place {
  readonly path: string;
  readonly datasetId: string;
  readonly title: string;
  readonly trainingStep: number | undefined;
  readonly row: number;
}

interface Batch {
  readonly file: SearchedFile & { readonly container: StoredContainer };
  readonly records: SearchedRecord[];
  readonly places: Map<string, Place>;
  bytes: number;
}

/**
 * Looks for a text or a regular expression in the steps of all trajectories, in the order of the files. Hits are told as
 * they are found; files of JSON lines are looked through in worker threads.
 * @throws Failure for a pattern that cannot be used, or when cancelled
 */
export async function search(
  instance: DuckDBInstance,
  pool: WorkerPool,
  params: StoreCalls["search"]["params"],
  progress: (progress: SearchProgress) => void,
  signal: AbortSignal,
): Promise<SearchSummary> {
  const { limit = DEFAULT_LIMIT, hitsPerTrajectory = DEFAULT_PER_TRAJECTORY, pattern } = params;
  const most = Math.max(1, Math.min(MOST_HITS, Math.floor(limit)));
  const perTrajectory = Math.max(1, Math.floor(hitsPerTrajectory));
  // Refuses a bad pattern before anything is read.
  matcherOf(pattern);
  const { where, values } = scopeOf(params);
  const connection = await instance.connect();
  let searched = 0;
  let matches = 0;
  let trajectories = 0;
  let hits = 0;
  let unreadable = 0;
  let full = false;
  try {
    const counted = await connection.runAndReadAll(`SELECT count(*) ${FROM} ${where}`, values);
    const total = Number(counted.getRows()[0]?.[0] ?? 0);
    const take = (batch: Batch, result: SearchResult): void => {
      searched += batch.places.size;
      unreadable += result.unreadable;
      const told: SearchHit[] = [];
      for (const one of result.found) {
        const place = batch.places.get(one.trajectoryId);
        if (place === undefined || full) continue;
        matches += one.matches;
        trajectories++;
        for (const hit of one.hits.slice(0, most - hits)) told.push(hitOf(hit, place));
        hits += Math.min(one.hits.length, most - hits);
        full = hits >= most;
      }
      for (let start = 0; start === 0 || start < told.length; start += TOLD_AT_ONCE)
        progress({ hits: told.slice(start, start + TOLD_AT_ONCE), searched, total });
    };
    const pending: { readonly batch: Batch; readonly result: Promise<SearchResult> }[] = [];
    const takeFirst = async (): Promise<void> => {
      const first = pending.shift();
      if (first !== undefined) take(first.batch, await first.result);
    };
    for await (const batch of batches(
      await connection.stream(`${SELECT} ${FROM} ${where} ${ORDER}`, values),
    )) {
      if (signal.aborted || full) break;
      const job: SearchJob = {
        kind: "search",
        file: batch.file,
        records: batch.records,
        pattern,
        hitsPerTrajectory: perTrajectory,
      };
      const result =
        batch.file.container === "jsonl" || batch.file.container === "json"
          ? pool.run(job)
          : searchOther(batch, job);
      result.catch(() => undefined);
      pending.push({ batch, result });
      while (pending.length > 2 * pool.size) await takeFirst();
    }
    while (pending.length > 0 && !signal.aborted && !full) await takeFirst();
    if (signal.aborted)
      throw new Failure("cancelled", "The search was cancelled.", "Search again when you need it.");
    return { matches, trajectories, searched, total, unreadable, truncated: full && searched < total };
  } finally {
    connection.closeSync();
  }
}

const FROM =
  "FROM store.rows r JOIN store.files f ON f.file_no = r.file_no JOIN store.datasets d ON d.dataset_id = f.dataset_id";
const SELECT = `SELECT f.path, f.relative_path, f.dataset_id, d.format, f.hash, f.container, r.row_no, r.part, r.byte_offset, r.byte_length, r.member,
  r.title, r.training_step`;
const ORDER = `ORDER BY f.dataset_id, ${FILE_ORDER}`;

function scopeOf(params: StoreCalls["search"]["params"]): { where: string; values: DuckDBValue[] } {
  const parts = [`f.container NOT IN ${WITHOUT_TEXT}`];
  const values: DuckDBValue[] = [];
  const add = (sql: (parameter: string) => string, value: DuckDBValue | undefined): void => {
    if (value === undefined) return;
    values.push(value);
    parts.push(sql(`$${values.length}`));
  };
  add((p) => `f.dataset_id = ${p}`, params.datasetId);
  add((p) => `r.training_step >= ${p}`, params.trainingStepFrom);
  add((p) => `r.training_step <= ${p}`, params.trainingStepTo);
  return { where: `WHERE ${parts.join(" AND ")}`, values };
}

/** Consecutive records of one file, with the trajectories in each. */
async function* batches(stream: RowStream): AsyncGenerator<Batch> {
  let batch: Batch | undefined;
  for await (const rows of chunksOf(stream)) {
    for (const row of rows) {
      const [path, relativePath, datasetId, formatId, fileHash, container] = row as string[];
      const [number, part, offset, length] = row.slice(6, 10) as [number, number, number, number];
      const [member, title, trainingStep] = row.slice(10) as [string | null, string, number | null];
      const isSame = batch?.file.fileHash === fileHash;
      const last = batch?.records.at(-1);
      if (batch !== undefined && isSame && last?.row === number) (last.parts as number[]).push(part);
      else {
        if (
          batch !== undefined &&
          (!isSame || batch.bytes >= JOB_BYTES || batch.records.length >= JOB_RECORDS)
        ) {
          yield batch;
          batch = undefined;
        }
        batch ??= {
          file: { path, relativePath, datasetId, formatId, fileHash, container } as Batch["file"],
          records: [],
          places: new Map(),
          bytes: 0,
        };
        batch.records.push({
          row: number,
          offset,
          length,
          parts: [part],
          ...(member === null ? {} : { member }),
        });
        batch.bytes += length;
      }
      batch.places.set(part === 0 ? `${fileHash}:${number}` : `${fileHash}:${number}:${part}`, {
        path: path as string,
        datasetId: datasetId as string,
        title,
        trainingStep: trainingStep ?? undefined,
        row: number,
      });
    }
  }
  if (batch !== undefined) yield batch;
}

interface RowStream {
  fetchChunk(): Promise<{ readonly rowCount: number; getRows(): DuckDBValue[][] } | null>;
}

async function* chunksOf(stream: RowStream): AsyncGenerator<DuckDBValue[][]> {
  for (
    let chunk = await stream.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await stream.fetchChunk()
  )
    yield chunk.getRows();
}

/** Records of tables, archives and compressed files, which their own readers read in this process. */
async function searchOther(batch: Batch, job: SearchJob): Promise<SearchResult> {
  const { file, records } = batch;
  const format = formatById(file.formatId);
  if (format === undefined) return { found: [], unreadable: records.length };
  const matcher = matcherOf(job.pattern);
  const found: TrajectoryHits[] = [];
  let unreadable = 0;
  try {
    const source = await openRecords(file.path, file.container, format);
    try {
      for (let next = 0; next < records.length;) {
        const start = records[next]?.row ?? 0;
        const values = await source.read(start, start + Math.max(1, source.batch));
        for (; next < records.length; next++) {
          const record = records[next] as SearchedRecord;
          if (record.row >= start + Math.max(1, source.batch)) break;
          const value = values[record.row - start];
          const hits =
            value === undefined || value instanceof Failure
              ? undefined
              : searchRecord(value, record, file, format, source.companions, matcher, job.hitsPerTrajectory);
          if (hits === undefined) unreadable++;
          else found.push(...hits);
        }
        await nextTurn();
      }
    } finally {
      source.close();
    }
  } catch {
    unreadable = records.length;
  }
  return { found, unreadable };
}

function hitOf(hit: TrajectoryHits["hits"][number], place: Place): SearchHit {
  const { trainingStep, ...known } = place;
  return { ...hit, ...known, ...(trainingStep === undefined ? {} : { trainingStep }) };
}
