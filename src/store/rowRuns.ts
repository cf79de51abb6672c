import type { Format } from "../formats/format";
import type { JsonObject } from "../model/json";
import { parquetRunStarts, parquetRowCount, parquetRows } from "./parquet";

/** Consecutive rows [start, end) of a table that are one record. */
export interface RowRun {
  readonly start: number;
  readonly end: number;
}

/** Runs found last, so that opening one episode after another asks the file once. */
const known = new Map<string, readonly RowRun[]>();
const KEPT_FILES = 16;

/**
 * The records of a Parquet file whose rows are steps, by `Format.episodeColumns`. Only the columns named are read.
 * @param version changes when the file does, such as its time of change
 * @throws Failure when the file is not readable Parquet
 */
export async function parquetRuns(
  path: string,
  columns: NonNullable<Format["episodeColumns"]>,
  version: number,
): Promise<readonly RowRun[]> {
  const key = `${path}\n${version}\n${columns.join("\n")}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const count = await parquetRowCount(path);
  const starts = await parquetRunStarts(path, columns);
  const runs = starts.map((start, index) => ({ start, end: starts[index + 1] ?? count }));
  known.set(key, runs);
  if (known.size > KEPT_FILES) known.delete(known.keys().next().value ?? "");
  return runs;
}

/** The rows of a run; an empty list when the file has no such run. */
export async function parquetRun(path: string, run: RowRun | undefined): Promise<readonly JsonObject[]> {
  return run === undefined ? [] : parquetRows(path, run.start, run.end);
}
