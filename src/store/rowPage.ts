import type { DuckDBValue } from "@duckdb/node-api";
import { FILE_ORDER, ROW_COLUMNS, ROW_TABLES } from "./rowSql";

interface FilePart {
  readonly fileNo: number;
  /** Numbers of the file's first row and of its last one. */
  readonly first: bigint;
  readonly last: bigint;
  readonly rows: number;
  /** Rows of the dataset before the file. */
  readonly before: number;
  readonly total: number;
}

/**
 * The rows [from, to) of a whole dataset in the files' own order, wherever in millions they are: counting tells in which files they
 * lie, and rows of a file are numbered in its order. Sorting all of them for each page would take seconds.
 * @returns undefined where that does not help: past the end, or in files whose rows were written in turns with those of others
 */
export async function pageInFileOrder(
  ask: (sql: string, values?: DuckDBValue[]) => Promise<DuckDBValue[][]>,
  datasetId: string,
  from: number,
  to: number,
  descending: boolean,
): Promise<{ readonly rows: DuckDBValue[][]; readonly total: number } | undefined> {
  const [low, high] = descending ? [`total - ${to}`, `total - ${from}`] : [`${from}`, `${to}`];
  const found = await ask(
    `WITH counted AS (
       SELECT r.file_no, count(*) AS n, min(r.tno) AS first, max(r.tno) AS last FROM store.rows r
       WHERE r.file_no IN (SELECT file_no FROM store.files WHERE dataset_id = $1) GROUP BY r.file_no),
     placed AS (
       SELECT c.*, sum(n) OVER (ORDER BY f.sort_key, f.file_no) - n AS before, sum(n) OVER () AS total
       FROM counted c JOIN store.files f ON f.file_no = c.file_no)
     SELECT file_no, first, last, n, before, total FROM placed WHERE before < ${high} AND before + n > ${low} ORDER BY before`,
    [datasetId],
  );
  const files = found.map(([fileNo, first, last, rows, before, total]): FilePart => ({
    fileNo: Number(fileNo),
    first: first as bigint,
    last: last as bigint,
    rows: Number(rows),
    before: Number(before),
    total: Number(total),
  }));
  const total = files[0]?.total;
  if (total === undefined || files.some(({ first, last, rows }) => last - first + 1n !== BigInt(rows)))
    return undefined;
  const start = descending ? total - to : from;
  const end = descending ? total - from : to;
  const ranges = files.map(({ fileNo, first, rows, before }) => ({
    fileNo,
    from: first + BigInt(Math.max(0, start - before)),
    to: first + BigInt(Math.min(rows, end - before)) - 1n,
  }));
  const least = ranges.reduce((low, range) => (range.from < low ? range.from : low), ranges[0]?.from ?? 0n);
  const most = ranges.reduce((high, range) => (range.to > high ? range.to : high), least);
  const rows = await ask(
    `SELECT ${ROW_COLUMNS} FROM ${ROW_TABLES}
     WHERE r.tno BETWEEN ${least} AND ${most} AND r.file_no IN (${ranges.map(({ fileNo }) => fileNo).join(", ")})
     ${ranges.length === 1 ? "" : `AND (${ranges.map((range) => `r.tno BETWEEN ${range.from} AND ${range.to}`).join(" OR ")})`}
     ORDER BY ${FILE_ORDER}`,
  );
  return { rows: descending ? rows.reverse() : rows, total };
}
