import type { DuckDBConnection } from "@duckdb/node-api";
import type { TableColumn } from "../formats/format";
import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { loadDuckdb, plainValue } from "./duckdb";

/** The index itself may not touch files, so tables are read through a database of their own, in memory. */
let tables: Promise<DuckDBConnection> | undefined;

async function connection(): Promise<DuckDBConnection> {
  tables ??= loadDuckdb().then(async ({ DuckDBInstance }) => {
    const instance = await DuckDBInstance.create(":memory:", {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    return instance.connect();
  });
  return tables;
}

/** Opens a fresh connection to the in-memory database, for exports. */
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
    return result.getRowsJS().map((row) => {
      const object: Record<string, JsonValue | undefined> = {};
      for (const [index, name] of names.entries())
        if (index !== skip) object[name] = plainValue(row[index]) as JsonValue;
      return object;
    });
  } catch (error) {
    throw unreadable(path, error);
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

function unreadable(path: string, error: unknown): Failure {
  const reason = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
  return new Failure(
    "unreadable-parquet",
    `${path} cannot be read as Parquet: ${reason}`,
    "The file may still be being written, or be cut off; it is read again when it changes.",
  );
}
