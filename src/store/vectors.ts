import type * as DuckDB from "@duckdb/node-api";
import type { DuckDBAppender, DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import type * as Bindings from "@duckdb/node-bindings";
import { loadBindings, loadDuckdb } from "./duckdb";
import type { CodedTexts, PackedTexts } from "./summaryBlock";

/** DuckDB's vector size: a data chunk holds at most this many rows. */
const CHUNK_ROWS = 2048;

/** A column to append: numbers with the rows that hold none, texts, codes of few texts, or lists of numbers. */
export type AppendColumn =
  | {
      readonly kind: "numbers";
      readonly data: Int32Array | Float64Array | BigInt64Array | BigUint64Array | Uint8Array;
      readonly isNull?: (row: number) => boolean;
    }
  | { readonly kind: "texts"; readonly text: (row: number) => string | null }
  | { readonly kind: "packed"; readonly texts: PackedTexts }
  | { readonly kind: "coded"; readonly texts: CodedTexts }
  /** Lists of numbers: those of row i are `values` from where row i-1 ended to `ends[i]`; `state` is 1 where one is null. */
  | {
      readonly kind: "lists";
      readonly values: Float64Array;
      readonly state: Uint8Array;
      readonly ends: Int32Array;
      readonly isNull: (row: number) => boolean;
    }
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
    else if (own.kind === "packed") fillPacked(native, vector, own.texts, from, to, at, setNull);
    else if (own.kind === "coded") fillCoded(native, vector, own.texts, from, to, at, setNull);
    else if (own.kind === "lists") fillLists(native, vector, own, from, to, at, setNull);
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

/** How DuckDB holds a text in a vector: its length in four bytes, then the text where it fits, else four of it and a pointer. */
const TEXT_BYTES = 16;
const SHORT_TEXT = 12;

/** Writes texts; short ones of ASCII, such as most ids, directly as DuckDB holds them, which takes a tenth of the time. */
function fillPacked(
  native: typeof Bindings,
  vector: Bindings.Vector,
  { text, ends, absent }: PackedTexts,
  from: number,
  to: number,
  at: number,
  setNull: (at: number) => void,
): void {
  const held = new Uint8Array((to - from) * TEXT_BYTES);
  const longer: number[] = [];
  let start = from === 0 ? 0 : (ends[from - 1] as number);
  for (let row = from; row < to; row++) {
    const end = ends[row] as number;
    const base = (row - from) * TEXT_BYTES;
    if (absent?.[row] === 1) setNull(at + row - from);
    else if (end - start > SHORT_TEXT) longer.push(row);
    else {
      held[base] = end - start;
      for (let index = start; index < end; index++) {
        const code = text.charCodeAt(index);
        held[base + 4 + index - start] = code;
        // Beyond ASCII, or a NUL: left to the library.
        if (code > 0x7f || code === 0) {
          longer.push(row);
          break;
        }
      }
    }
    start = end;
  }
  native.copy_data_to_vector(vector, at * TEXT_BYTES, held.buffer, 0, held.byteLength);
  for (const row of longer)
    native.vector_assign_string_element(
      vector,
      at + row - from,
      text.slice(row === 0 ? 0 : ends[row - 1], ends[row]),
    );
}

/** Writes each of few texts once, and what the vector then holds of it, its length and a pointer, to all of its rows. */
function fillCoded(
  native: typeof Bindings,
  vector: Bindings.Vector,
  { texts, codes }: CodedTexts,
  from: number,
  to: number,
  at: number,
  setNull: (at: number) => void,
): void {
  const firstRow = new Int32Array(texts.length).fill(-1);
  for (let row = from; row < to; row++) {
    const code = codes[row] as number;
    if (code < 0) setNull(at + row - from);
    else if (firstRow[code] === -1) {
      firstRow[code] = row;
      native.vector_assign_string_element(vector, at + row - from, texts[code] as string);
    }
  }
  const bytes = native.vector_get_data(vector, (at + to - from) * TEXT_BYTES);
  const words = new Uint32Array(4 * (to - from));
  const known = new Uint32Array(
    bytes.buffer.slice(bytes.byteOffset + at * TEXT_BYTES, bytes.byteOffset + (at + to - from) * TEXT_BYTES),
  );
  for (let row = from; row < to; row++) {
    const code = codes[row] as number;
    if (code < 0) continue;
    const source = 4 * ((firstRow[code] as number) - from);
    const target = 4 * (row - from);
    for (let word = 0; word < 4; word++) words[target + word] = known[source + word] as number;
  }
  native.copy_data_to_vector(vector, at * TEXT_BYTES, words.buffer, 0, words.byteLength);
}

function fillLists(
  native: typeof Bindings,
  vector: Bindings.Vector,
  { values, state, ends, isNull }: Extract<AppendColumn, { kind: "lists" }>,
  from: number,
  to: number,
  at: number,
  setNull: (at: number) => void,
): void {
  const held = native.list_vector_get_size(vector);
  const first = from === 0 ? 0 : (ends[from - 1] as number);
  const last = to === 0 ? 0 : (ends[to - 1] as number);
  const size = held + last - first;
  native.list_vector_reserve(vector, size);
  native.list_vector_set_size(vector, size);
  // Offset and length of each list, in 64 bits, of which the upper half stays 0.
  const entries = new Uint32Array(4 * (to - from));
  for (let row = from; row < to; row++) {
    const start = row === 0 ? 0 : (ends[row - 1] as number);
    entries[4 * (row - from)] = held + start - first;
    entries[4 * (row - from) + 2] = (ends[row] as number) - start;
    if (isNull(row)) setNull(at + row - from);
  }
  native.copy_data_to_vector(vector, at * TEXT_BYTES, entries.buffer, 0, entries.byteLength);
  if (last === first) return;
  const child = native.list_vector_get_child(vector);
  native.copy_data_to_vector(
    child,
    held * 8,
    values.buffer as ArrayBuffer,
    values.byteOffset + first * 8,
    (last - first) * 8,
  );
  if (!state.subarray(first, last).includes(1) && held === 0) return;
  native.vector_ensure_validity_writable(child);
  const bits = new Uint8Array(validityBytes(size)).fill(0xff);
  if (held > 0) bits.set(native.vector_get_validity(child, validityBytes(held)));
  for (let index = first; index < last; index++) {
    const position = held + index - first;
    if (state[index] === 1) bits[position >> 3]! &= ~(1 << (position & 7));
    else bits[position >> 3]! |= 1 << (position & 7);
  }
  native.copy_data_to_vector_validity(child, 0, bits.buffer, 0, bits.byteLength);
}

function isSame(left: AppendColumn, right: AppendColumn): boolean {
  return (
    left.kind === right.kind &&
    (left.kind !== "constant" || (right.kind === "constant" && left.text === right.text))
  );
}

/** Validity masks come in words of 64 bits. */
const validityBytes = (size: number): number => Math.ceil(size / 64) * 8;
