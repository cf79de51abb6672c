import type { DuckDBConnection } from "@duckdb/node-api";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Failure } from "../model/failure";
import { loadDuckdb } from "./duckdb";
import type { IndexDatabase } from "./indexDatabase";
import { scratchConnection } from "./parquet";

/** A statement that falls between two others is not interrupted, so that the interruption is repeated. */
const INTERRUPT_MS = 20;

/**
 * Writes the `trajectories` view of some datasets to a Parquet file, with one column per component (`component.NAME`) and
 * per series of each model (`score.MODEL.NAME`: a number of a trajectory, a list of its steps or tokens with NULL where the
 * model gave none). The index may not touch files, so the rows pass through a database in memory. A file that is there
 * is replaced when the new one is whole.
 * @throws Failure when there is nothing to write, the file cannot be written, or `cancelled`
 */
export async function exportParquet(
  database: IndexDatabase,
  datasetIds: readonly string[],
  to: string,
  signal?: AbortSignal,
): Promise<{ path: string; rows: number }> {
  if (!existsSync(dirname(to)))
    throw new Failure(
      "missing-folder",
      `The folder of ${to} does not exist.`,
      "Make it first, or choose another place.",
    );
  const source = await database.instance.connect();
  const scratch = await scratchConnection();
  const unfinished = `${to}.${process.pid}.part`;
  let stopping: NodeJS.Timeout | undefined;
  const stop = (): void => {
    stopping ??= setInterval(() => {
      source.interrupt();
      scratch.interrupt();
    }, INTERRUPT_MS);
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const ids = datasetIds.map((_, index) => `$${index + 1}`).join(", ");
    const copy = (name: string, sql: string): Promise<void> =>
      copyTable(source, scratch, name, sql, datasetIds, signal);
    await copy("trajectories", `SELECT * FROM trajectories WHERE dataset_id IN (${ids})`);
    await copy(
      "components",
      `SELECT trajectory_id, name, value FROM components WHERE dataset_id IN (${ids})`,
    );
    await copy(
      "scores",
      `SELECT s.trajectory_id, s.model_path, s.name, s.level, s.series FROM store.scores s
       WHERE split_part(s.trajectory_id, ':', 1) IN (SELECT hash FROM store.files WHERE dataset_id IN (${ids}))`,
    );
    const [[count] = []] = await rowsOf(scratch, "SELECT count(*) FROM trajectories");
    if (Number(count ?? 0) === 0)
      throw new Failure("nothing-to-export", "There are no trajectories to export.", "Index a folder first.");
    const columns = [await componentColumns(scratch), await scoreColumns(scratch)];
    await scratch.run(
      `COPY (SELECT t.*${columns.map(({ names }) => names.map((name) => `, ${name}`).join("")).join("")} FROM trajectories t
         ${columns.map(({ join }) => join).join(" ")} ORDER BY path, "row", part)
       TO ${literal(unfinished)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    await rename(unfinished, to);
    return { path: to, rows: Number(count) };
  } catch (error) {
    await rm(unfinished, { force: true });
    if (signal?.aborted === true)
      throw new Failure("cancelled", "The export was cancelled.", "Nothing was written.");
    if (error instanceof Failure) throw error;
    throw new Failure(
      "export-failed",
      `${to} cannot be written: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}`,
      "Check that the place can be written.",
    );
  } finally {
    clearInterval(stopping);
    signal?.removeEventListener("abort", stop);
    source.closeSync();
    scratch.closeSync();
  }
}

/** Columns beside those of a trajectory, and where they come from. */
interface FurtherColumns {
  readonly names: readonly string[];
  readonly join: string;
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRows();
}

/** @param columns name and SQL of each, an aggregate over the rows of one trajectory */
function joined(table: string, columns: readonly (readonly [name: string, sql: string])[]): FurtherColumns {
  if (columns.length === 0) return { names: [], join: "" };
  const parts = columns.map(([name, sql]) => `${sql} AS ${identifier(name)}`);
  return {
    names: columns.map(([name]) => `${table}_of.${identifier(name)}`),
    join: `LEFT JOIN (SELECT trajectory_id, ${parts.join(", ")} FROM ${table} GROUP BY trajectory_id) ${table}_of ON ${table}_of.trajectory_id = t.id`,
  };
}

async function componentColumns(scratch: DuckDBConnection): Promise<FurtherColumns> {
  const names = await rowsOf(scratch, "SELECT DISTINCT name FROM components ORDER BY name");
  return joined(
    "components",
    names.map(([name]) => [
      `component.${String(name)}`,
      `max(value) FILTER (WHERE name = ${literal(String(name))})`,
    ]),
  );
}

async function scoreColumns(scratch: DuckDBConnection): Promise<FurtherColumns> {
  const found = await rowsOf(
    scratch,
    "SELECT DISTINCT model_path, name, level FROM scores ORDER BY model_path, name, level",
  );
  const series = found.map(([path, name, level]) => ({
    path: String(path),
    name: String(name),
    level: String(level),
  }));
  const short = ({ path, name }: { path: string; name: string }): string =>
    `score.${basename(path).replace(/\.onnx$/, "")}.${name}`;
  return joined(
    "scores",
    series.map((one) => {
      const alone = series.filter((other) => short(other) === short(one)).length === 1;
      const title = alone ? short(one) : `score.${one.path}.${one.name} (${one.level})`;
      const own = `FILTER (WHERE model_path = ${literal(one.path)} AND name = ${literal(one.name)} AND level = ${literal(one.level)})`;
      // NaN stands for a step or token without a number.
      const value =
        one.level === "trajectory"
          ? `any_value(CASE WHEN NOT isnan(series[1]) THEN series[1] END) ${own}`
          : `any_value(list_transform(series, lambda x: CASE WHEN NOT isnan(x) THEN x END)) ${own}`;
      return [title, value] as const;
    }),
  );
}

async function copyTable(
  source: DuckDBConnection,
  scratch: DuckDBConnection,
  name: string,
  sql: string,
  values: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { DuckDBDataChunk } = await loadDuckdb();
  const result = await source.stream(sql, [...values]);
  const types = result.columnTypes();
  const definition = result
    .columnNames()
    .map((column, index) => `${identifier(column)} ${String(types[index])}`)
    .join(", ");
  await scratch.run(`CREATE TABLE ${name}(${definition})`);
  const appender = await scratch.createAppender(name);
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    signal?.throwIfAborted();
    const copy = DuckDBDataChunk.create(types, chunk.rowCount);
    copy.setColumns(chunk.getColumns());
    appender.appendDataChunk(copy);
  }
  appender.closeSync();
}

function literal(text: string): string {
  return `'${text.replace(/'/g, "''")}'`;
}

function identifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`;
}
