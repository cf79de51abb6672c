import type * as DuckDB from "@duckdb/node-api";
import type { DuckDBAppender, DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import type * as Bindings from "@duckdb/node-bindings";
import { loadDuckdb } from "./duckdb";

let loaded: Promise<typeof Bindings> | undefined;

/** DuckDB's own bindings: they copy a whole column at once, where the API above them sets value by value. */
async function bindings(): Promise<typeof Bindings> {
  loaded ??= import("@duckdb/node-bindings").then(
    (module) => (module as unknown as { default?: typeof Bindings }).default ?? module,
  );
  return loaded;
}

/** DuckDB's vector size: a data chunk holds at most this many rows. */
const CHUNK_ROWS = 2048;

/** A column to append: numbers with the rows that hold none, texts, or codes of few texts. */
export type AppendColumn =
  | {
      readonly kind: "numbers";
      readonly data: Int32Array | Float64Array | BigInt64Array | BigUint64Array | Uint8Array;
      readonly isNull?: (row: number) => boolean;
    }
  | { readonly kind: "texts"; readonly text: (row: number) => string | null }
  /** The same text in all rows. */
  | { readonly kind: "constant"; readonly text: string }
  | { readonly kind: "nulls" };

/**
 * Appends rows to one table of the schema `store`, column by column. The types must be the table's own. Part of the
 * connection's running transaction; nothing is written before `close`. One appender for many blocks: opening and
 * closing one costs as much as thousands of rows.
 */
export class ColumnAppender {
  private constructor(
    private readonly api: typeof DuckDB,
    private readonly native: typeof Bindings,
    private readonly appender: DuckDBAppender,
    private readonly types: readonly DuckDBType[],
  ) {}

  static async open(
    connection: DuckDBConnection,
    table: string,
    types: (api: typeof DuckDB) => readonly DuckDBType[],
  ): Promise<ColumnAppender> {
    const api = await loadDuckdb();
    return new ColumnAppender(
      api,
      await bindings(),
      await connection.createAppender(table, "store"),
      types(api),
    );
  }

  append(columns: readonly AppendColumn[], count: number): void {
    for (let start = 0; start < count; start += CHUNK_ROWS) {
      const size = Math.min(CHUNK_ROWS, count - start);
      const { chunk } = this.api.DuckDBDataChunk.create(this.types, size);
      for (const [index, column] of columns.entries())
        fill(this.native, this.native.data_chunk_get_vector(chunk, index), column, start, size);
      this.native.data_chunk_set_size(chunk, size);
      this.appender.appendDataChunk(new this.api.DuckDBDataChunk(chunk));
    }
  }

  close(): void {
    this.appender.closeSync();
  }
}

function fill(
  native: typeof Bindings,
  vector: Bindings.Vector,
  column: AppendColumn,
  start: number,
  size: number,
): void {
  if (column.kind === "texts") {
    let validity: Uint8Array | undefined;
    for (let row = 0; row < size; row++) {
      const text = column.text(start + row);
      if (text !== null) native.vector_assign_string_element(vector, row, text);
      else (validity ??= allValid(size))[row >> 3]! &= ~(1 << (row & 7));
    }
    if (validity !== undefined) writeValidity(native, vector, validity);
    return;
  }
  if (column.kind === "nulls") {
    native.vector_reference_value(vector, native.create_null_value());
    return;
  }
  if (column.kind === "constant") {
    native.vector_reference_value(vector, native.create_varchar(column.text));
    return;
  }
  const { data, isNull } = column;
  const width = data.BYTES_PER_ELEMENT;
  native.copy_data_to_vector(
    vector,
    0,
    data.buffer as ArrayBuffer,
    data.byteOffset + start * width,
    size * width,
  );
  if (isNull === undefined) return;
  const validity = allValid(size);
  for (let row = 0; row < size; row++) if (isNull(start + row)) validity[row >> 3]! &= ~(1 << (row & 7));
  writeValidity(native, vector, validity);
}

/** Validity masks come in words of 64 bits. */
const validityBytes = (size: number): number => Math.ceil(size / 64) * 8;

const allValid = (size: number): Uint8Array => new Uint8Array(validityBytes(size)).fill(0xff);

function writeValidity(native: typeof Bindings, vector: Bindings.Vector, validity: Uint8Array): void {
  native.vector_ensure_validity_writable(vector);
  native.copy_data_to_vector_validity(
    vector,
    0,
    validity.buffer as ArrayBuffer,
    validity.byteOffset,
    validity.byteLength,
  );
}
