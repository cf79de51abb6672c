import type { DuckDBConnection } from "@duckdb/node-api";
import { sortKey, type FileEntry } from "./fileEntry";
import { ColumnAppender, type AppendColumn } from "./vectors";

/** Writes what the index knows of files, in place of what it knew of them. */
export async function writeFileStates(
  connection: DuckDBConnection,
  files: readonly FileEntry[],
): Promise<void> {
  await connection.run(
    `DELETE FROM store.files WHERE file_no IN (${files.map((file) => file.fileNo).join(", ")})`,
  );
  const appender = await ColumnAppender.open(
    connection,
    "files",
    ({ BOOLEAN, DOUBLE, INTEGER, UBIGINT, VARCHAR }) => [
      INTEGER,
      VARCHAR,
      VARCHAR,
      VARCHAR,
      VARCHAR,
      VARCHAR,
      VARCHAR,
      DOUBLE,
      DOUBLE,
      DOUBLE,
      VARCHAR,
      VARCHAR,
      DOUBLE,
      INTEGER,
      BOOLEAN,
      DOUBLE,
      UBIGINT,
      UBIGINT,
      VARCHAR,
      DOUBLE,
    ],
  );
  const at = (row: number): FileEntry => files[row] as FileEntry;
  const texts = (text: (file: FileEntry) => string): AppendColumn => ({
    kind: "texts",
    text: (row) => text(at(row)),
  });
  const doubles = (value: (file: FileEntry) => number): AppendColumn => ({
    kind: "numbers",
    data: Float64Array.from(files, value),
  });
  const groups = (value: (file: FileEntry) => bigint | undefined): AppendColumn => ({
    kind: "numbers",
    data: BigUint64Array.from(files, (file) => value(file) ?? 0n),
    isNull: (row) => value(at(row)) === undefined,
  });
  appender.append(
    [
      { kind: "numbers", data: Int32Array.from(files, (file) => file.fileNo) },
      texts((file) => file.datasetId),
      texts((file) => file.path),
      texts((file) => file.relativePath),
      texts((file) => file.hash),
      texts((file) => sortKey(file.relativePath)),
      texts((file) => file.container),
      doubles((file) => file.bytes),
      doubles((file) => file.mtimeMs),
      doubles((file) => file.inode),
      texts((file) => file.headHash),
      texts((file) => file.tailHash),
      doubles((file) => file.indexedBytes),
      { kind: "numbers", data: Int32Array.from(files, (file) => file.records) },
      { kind: "numbers", data: Uint8Array.from(files, (file) => (file.openEnd ? 1 : 0)) },
      doubles((file) => file.tornBytes),
      groups((file) => file.lastGroup),
      groups((file) => file.lastGroupKey),
      texts((file) => file.companions),
      doubles((file) => file.revision),
    ],
    files.length,
  );
  appender.close();
}
