import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { TableColumn } from "../formats/format";
import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { loadDuckdb, plainValue, valueConverter } from "./duckdb";

/** The index itself may not touch files, so tables are read through a database of their own, in memory. */
let tables: Promise<DuckDBInstance> | undefined;
let shared: Promise<DuckDBConnection> | undefined;

function instance(): Promise<DuckDBInstance> {
  tables ??= loadDuckdb().then(({ DuckDBInstance }) =>
    DuckDBInstance.create(":memory:", {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    }),
  );
  return tables;
}

function connection(): Promise<DuckDBConnection> {
  shared ??= instance().then((database) => database.connect());
  return shared;
}

/** A connection of one's own to the database in memory: its temporary tables are seen by it alone, and go with it. */
export async function tableConnection(): Promise<DuckDBConnection> {
  return (await instance()).connect();
}

/** Opens a database in memory of its own, for exports. */
export async function scratchConnection(): Promise<DuckDBConnection> {
  const { DuckDBInstance } = await loadDuckdb();
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  return instance.connect();
}

/** @throws Failure when the file is not readable Parquet */
export async function parquetColumns(path: string): Promise<readonly TableColumn[]> {
  try {
    const result = await (
      await connection()
    ).runAndReadAll("DESCRIBE SELECT * FROM read_parquet($1)", [path]);
    return result.getRows().map((row) => ({ name: String(row[0]), type: String(row[1]) }));
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Rows [start, end) of a Parquet file as plain objects, in the file's order. */
export async function parquetRows(path: string, start: number, end: number): Promise<readonly JsonObject[]> {
  try {
    const result = await (
      await connection()
    ).runAndReadAll(
      `SELECT * FROM read_parquet($1, file_row_number = true) WHERE file_row_number >= ${start} AND file_row_number < ${end} ORDER BY file_row_number`,
      [path],
    );
    const names = result.columnNames();
    const skip = names.indexOf("file_row_number");
    return result.convertRows(await valueConverter()).map((row) => {
      const object: Record<string, JsonValue | undefined> = {};
      for (const [index, name] of names.entries())
        if (index !== skip) object[name] = plainValue(row[index]) as JsonValue;
      return object;
    });
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * All rows of a Parquet file in the file's order, in batches of at most 2,048, read once from beginning to end while
 * the rows before are being used.
 * @throws Failure where the file cannot be read on; the batches before were whole
 */
export async function* parquetBatches(path: string): AsyncGenerator<readonly JsonObject[]> {
  const converter = await valueConverter();
  const own = await (await instance()).connect();
  try {
    const result = await own.stream("SELECT * FROM read_parquet($1)", [path]);
    const names = result.columnNames();
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0;) {
      const next = result.fetchChunk();
      // A failure shows when it is awaited, after these rows have been used.
      next.catch(() => undefined);
      const columns = chunk.convertColumns(converter);
      const rows: Record<string, JsonValue | undefined>[] = Array.from(
        { length: chunk.rowCount },
        () => ({}),
      );
      for (const [index, name] of names.entries()) {
        const values = columns[index] ?? [];
        for (const [row, object] of rows.entries()) object[name] = plainValue(values[row]) as JsonValue;
      }
      yield rows;
      chunk = await next;
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    own.closeSync();
  }
}

export async function parquetRowCount(path: string): Promise<number> {
  try {
    const result = await (
      await connection()
    ).runAndReadAll("SELECT sum(num_rows) FROM parquet_file_metadata($1)", [path]);
    return Number(result.getRows()[0]?.[0] ?? 0);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * Rows at which a value of these columns differs from the row before, and the first row. Columns that the file does not have
 * are passed over; without any the whole file is one run. Of a file without rows there is none.
 */
export async function parquetRunStarts(path: string, columns: readonly string[]): Promise<readonly number[]> {
  const present = new Set((await parquetColumns(path)).map(({ name }) => name));
  const names = columns.filter((name) => present.has(name)).map((name) => `"${name.replaceAll('"', '""')}"`);
  if (names.length === 0) return (await parquetRowCount(path)) === 0 ? [] : [0];
  const changes = names.map(
    (name) => `${name} IS DISTINCT FROM lag(${name}) OVER (ORDER BY file_row_number)`,
  );
  try {
    const result = await (
      await connection()
    ).runAndReadAll(
      `SELECT file_row_number FROM read_parquet($1, file_row_number = true)
       QUALIFY file_row_number = 0 ${changes.map((change) => `OR ${change}`).join(" ")} ORDER BY file_row_number`,
      [path],
    );
    return result.getRows().map((row) => Number(row[0]));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Failure {
  const reason = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
  if (/No magic bytes found at end|too small to be a Parquet/i.test(reason))
    return new Failure(
      "unreadable-parquet",
      `${path} is a Parquet file without its end, where it says what its rows are: it is still being written, or it is cut off.`,
      "It is read again when it changes; a file that is cut off has to be written again.",
    );
  return new Failure(
    "unreadable-parquet",
    `${path} cannot be read as Parquet: ${reason}`,
    "The file may still be being written, or be cut off; it is read again when it changes.",
  );
}
