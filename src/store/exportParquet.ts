import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../model/failure";
import { loadDuckdb } from "./duckdb";
import type { IndexDatabase } from "./indexDatabase";
import { scratchConnection } from "./parquet";

/**
 * Writes the `trajectories` view of some datasets, with one column per component, to a Parquet file. The index may not
 * touch files, so the rows pass through a database in memory.
 * @throws Failure when there is nothing to write or the file cannot be written
 */
export async function exportParquet(
  database: IndexDatabase,
  datasetIds: readonly string[],
  to: string,
): Promise<{ path: string; rows: number }> {
  if (!existsSync(dirname(to)))
    throw new Failure(
      "missing-folder",
      `The folder of ${to} does not exist.`,
      "Make it first, or choose another place.",
    );
  const { DuckDBDataChunk } = await loadDuckdb();
  const source = await database.instance.connect();
  const scratch = await scratchConnection();
  try {
    const ids = datasetIds.map((_, index) => `$${index + 1}`).join(", ");
    await copyTable("trajectories", `SELECT * FROM trajectories WHERE dataset_id IN (${ids})`);
    await copyTable(
      "components",
      `SELECT trajectory_id, name, value FROM components WHERE dataset_id IN (${ids})`,
    );
    const count = Number(
      (await scratch.runAndReadAll("SELECT count(*) FROM trajectories")).getRows()[0]?.[0] ?? 0,
    );
    if (count === 0)
      throw new Failure("nothing-to-export", "There are no trajectories to export.", "Index a folder first.");
    const names = (await scratch.runAndReadAll("SELECT DISTINCT name FROM components ORDER BY name"))
      .getRows()
      .map((row) => String(row[0]));
    const columns = names
      .map(
        (name) =>
          `, max(c.value) FILTER (WHERE c.name = ${literal(name)}) AS ${identifier(`component.${name}`)}`,
      )
      .join("");
    const join =
      names.length === 0
        ? "SELECT * FROM trajectories"
        : `SELECT t.*${columns} FROM trajectories t LEFT JOIN components c ON c.trajectory_id = t.id GROUP BY ALL`;
    await scratch.run(
      `COPY (SELECT * FROM (${join}) ORDER BY path, "row", part) TO ${literal(to)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    return { path: to, rows: count };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      "export-failed",
      `${to} cannot be written: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}`,
      "Check that the place can be written.",
    );
  } finally {
    source.closeSync();
    scratch.closeSync();
  }

  async function copyTable(name: string, sql: string): Promise<void> {
    const result = await source.stream(sql, [...datasetIds]);
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
      const copy = DuckDBDataChunk.create(types, chunk.rowCount);
      copy.setColumns(chunk.getColumns());
      appender.appendDataChunk(copy);
    }
    appender.closeSync();
  }
}

function literal(text: string): string {
  return `'${text.replace(/'/g, "''")}'`;
}

function identifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`;
}
