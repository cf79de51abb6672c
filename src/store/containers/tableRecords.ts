import type { Format, FormatRecord } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonObject } from "../../model/json";
import type { RowRun } from "../rowRuns";
import type { TableRows } from "./csvFile";
import { ROWS_AT_ONCE, type Opened } from "./openedRecords";

/** Rows of a table that a format takes as one record. */
export const MOST_WHOLE_ROWS = 1_000_000;

type ReadRows = (start: number, end: number) => Promise<readonly JsonObject[]>;

export function rowRecords(count: number, rows: ReadRows): Opened {
  return {
    count,
    batch: ROWS_AT_ONCE,
    read: async (start, end) =>
      (await rows(start, Math.min(end, count))).map((value) => ({ kind: "value", value }) as const),
  };
}

/** Records of several rows each. */
export function runRecords(runs: readonly RowRun[], rows: ReadRows): Opened {
  return {
    count: runs.length,
    batch: 16,
    async read(start, end) {
      const records: FormatRecord[] = [];
      for (const run of runs.slice(start, end))
        records.push({ kind: "value", value: await rows(run.start, run.end) });
      return records;
    },
  };
}

/** Rows of a table, or runs of them where its format says that they belong together. */
export async function tableRecords(
  format: Format,
  path: string,
  { count, read, columns }: TableRows,
): Promise<Opened> {
  const { episodeColumns } = format;
  if (episodeColumns === undefined) return rowRecords(count, read);
  const names = episodeColumns.filter((name) => columns.some((column) => column.name === name));
  const starts: number[] = [];
  let before: string | undefined;
  for (let start = 0; start < count; start += ROWS_AT_ONCE)
    for (const [offset, row] of (await read(start, Math.min(count, start + ROWS_AT_ONCE))).entries()) {
      const own = JSON.stringify(names.map((name) => row[name] ?? null));
      if (own !== before) starts.push(start + offset);
      before = own;
    }
  const runs = starts.map((start, index) => ({ start, end: starts[index + 1] ?? count }));
  const long = runs.find((run) => run.end - run.start > MOST_WHOLE_ROWS);
  if (long !== undefined)
    throw new Failure(
      "large-table",
      `${path} has ${(long.end - long.start).toLocaleString("en")} rows that ${format.title} takes together.`,
      `Up to ${MOST_WHOLE_ROWS.toLocaleString("en")} rows are read so.`,
    );
  return runRecords(runs, read);
}
