import type * as DuckDB from "@duckdb/node-api";
import type { DuckDBAppender, DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import type * as Bindings from "@duckdb/node-bindings";
import { loadBindings, loadDuckdb } from "./duckdb";

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

/** Rows [from, to) of columns that were handed over, not yet written. */
interface Stretch {
  readonly columns: readonly AppendColumn[];
  readonly from: number;
  readonly to: number;
}

/**
 * Appends rows to one table of the schema `store`, column by column. The types must be the table's own. Part of the
 * connection's running transaction; nothing is written before `close`. One appender for many blocks: opening and
 * closing one, and each chunk of rows, costs as much as thousands of rows, so small blocks share chunks.
 */
export class ColumnAppender {
  private waiting: Stretch[] = [];
  private rows = 0;
  private readonly chunk: Bindings.DataChunk;
  private readonly wrapped: DuckDB.DuckDBDataChunk;

  private constructor(
    api: typeof DuckDB,
    private readonly native: typeof Bindings,
    private readonly appender: DuckDBAppender,
    private readonly types: readonly DuckDBType[],
  ) {
    this.wrapped = api.DuckDBDataChunk.create(types);
    this.chunk = this.wrapped.chunk;
  }

  static async open(
    connection: DuckDBConnection,
    table: string,
    types: (api: typeof DuckDB) => readonly DuckDBType[],
  ): Promise<ColumnAppender> {
    const api = await loadDuckdb();
    return new ColumnAppender(
      api,
      await loadBindings(),
      await connection.createAppender(table, "store"),
      types(api),
    );
  }

  append(columns: readonly AppendColumn[], count: number): void {
    for (let from = 0; from < count;) {
      const to = Math.min(count, from + CHUNK_ROWS - this.rows);
      this.waiting.push({ columns, from, to });
      this.rows += to - from;
      from = to;
      if (this.rows === CHUNK_ROWS) this.writeChunk();
    }
  }

  close(): void {
    this.writeChunk();
    this.appender.closeSync();
  }

  private writeChunk(): void {
    if (this.rows === 0) return;
    const { native, chunk } = this;
    native.data_chunk_reset(chunk);
    for (const index of this.types.keys())
      fill(native, native.data_chunk_get_vector(chunk, index), this.waiting, index, this.rows);
    native.data_chunk_set_size(chunk, this.rows);
    this.appender.appendDataChunk(this.wrapped);
    this.waiting = [];
    this.rows = 0;
  }
}

/** Fills one vector of a chunk from the stretches that make it up. */
function fill(
  native: typeof Bindings,
  vector: Bindings.Vector,
  stretches: readonly Stretch[],
  index: number,
  size: number,
): void {
  const column = (stretch: Stretch): AppendColumn => stretch.columns[index] as AppendColumn;
  const first = column(stretches[0] as Stretch);
  if (
    (first.kind === "nulls" || first.kind === "constant") &&
    stretches.every((stretch) => isSame(column(stretch), first))
  ) {
    native.vector_reference_value(
      vector,
      first.kind === "nulls" ? native.create_null_value() : native.create_varchar(first.text),
    );
    return;
  }
  let validity: Uint8Array | undefined;
  const setNull = (at: number): void => {
    validity ??= new Uint8Array(validityBytes(size)).fill(0xff);
    validity[at >> 3]! &= ~(1 << (at & 7));
  };
  let at = 0;
  for (const stretch of stretches) {
    const own = column(stretch);
    const { from, to } = stretch;
    if (own.kind === "numbers") {
      const { data, isNull } = own;
      const width = data.BYTES_PER_ELEMENT;
      native.copy_data_to_vector(
        vector,
        at * width,
        data.buffer as ArrayBuffer,
        data.byteOffset + from * width,
        (to - from) * width,
      );
      if (isNull !== undefined)
        for (let row = from; row < to; row++) if (isNull(row)) setNull(at + row - from);
    } else if (own.kind === "nulls") for (let row = from; row < to; row++) setNull(at + row - from);
    else
      for (let row = from; row < to; row++) {
        const text = own.kind === "constant" ? own.text : own.text(row);
        if (text === null) setNull(at + row - from);
        else native.vector_assign_string_element(vector, at + row - from, text);
      }
    at += to - from;
  }
  if (validity === undefined) return;
  native.vector_ensure_validity_writable(vector);
  native.copy_data_to_vector_validity(
    vector,
    0,
    validity.buffer as ArrayBuffer,
    validity.byteOffset,
    validity.byteLength,
  );
}

function isSame(left: AppendColumn, right: AppendColumn): boolean {
  return (
    left.kind === right.kind &&
    (left.kind !== "constant" || (right.kind === "constant" && left.text === right.text))
  );
}

/** Validity masks come in words of 64 bits. */
const validityBytes = (size: number): number => Math.ceil(size / 64) * 8;
