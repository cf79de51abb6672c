import {
  compressionRegistry,
  CompressionType,
  DataType,
  RecordBatchReader,
  Table,
  tableFromIPC,
  type Field,
  type RecordBatch,
} from "apache-arrow";
import { basename } from "node:path";
import type { TableColumn } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { plainInteger } from "../duckdb";
import { arrowDecoder, unlz4Buffer, unzstdBuffer } from "./arrowCompression";
import { checkData } from "./arrowData";
import { FILE_START, isArrowFile, isSoundFooter, soundBlocks, soundMessages } from "./arrowMessages";
import { FileBytes } from "./byteSource";
import type { TableRows } from "./csvFile";

/** What is read of a file, and what its compressed columns may grow to. */
const LARGEST_FILE = 1.5 * 2 ** 30;

/** Tells the library what decompresses buffers. Not before a file asks for it: the library is large, and loaded when it is used. */
function registerDecoders(): void {
  compressionRegistry.set(CompressionType.ZSTD, { decode: arrowDecoder(unzstdBuffer) });
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: arrowDecoder(unlz4Buffer) });
}

/** True for an Arrow IPC file, or a stream: the mark of a message, its length, and the table of a flatbuffer behind it. */
export function isArrow(bytes: Buffer): boolean {
  if (isArrowFile(bytes)) return true;
  if (bytes.length < 16 || bytes.readUInt32LE(0) !== 0xffffffff) return false;
  const length = bytes.readUInt32LE(4);
  const root = bytes.readUInt32LE(8);
  return length > 0 && length < 64 * 2 ** 20 && length % 8 === 0 && root > 0 && root < length;
}

/**
 * The table of an Arrow IPC file or stream. Of one that is cut off, the record batches before the cut.
 * @throws Failure when it cannot be read
 */
function readTable(path: string): { readonly table: Table; readonly notes: readonly Note[] } {
  registerDecoders();
  const source = FileBytes.of(path);
  if (source.size > LARGEST_FILE)
    throw new Failure(
      "large-arrow",
      `${path} is an Arrow file of ${Math.round(source.size / 2 ** 20)} MB.`,
      `Convert it to Parquet: Arrow files are read up to ${LARGEST_FILE / 2 ** 20} MB.`,
    );
  const bytes = source.read(0, source.size);
  const isFile = isArrowFile(bytes);
  const stream = isFile ? bytes.subarray(FILE_START) : bytes;
  const sound = soundMessages(stream);
  const listed = isFile && !sound.whole ? soundBlocks(bytes) : undefined;
  const grown = listed ?? sound.grown;
  if (grown > LARGEST_FILE)
    throw new Failure(
      "large-arrow",
      `${path} is an Arrow file that grows to ${Math.round(grown / 2 ** 20)} MB when it is decompressed.`,
      `Convert it to Parquet: Arrow files are read up to ${LARGEST_FILE / 2 ** 20} MB.`,
    );
  const hasFooter = listed !== undefined || !isFile || isSoundFooter(bytes, sound.starts);
  try {
    if (!sound.whole && listed === undefined) throw new Error("a message is damaged or cut off");
    if (!hasFooter) throw new Error("its table of contents is damaged or cut off");
    const table = tableFromIPC(bytes);
    for (const batch of table.batches) checkData(batch.data);
    return { table, notes: [] };
  } catch (error) {
    // What the library stumbles over tells a reader nothing.
    const reason =
      error instanceof TypeError || error instanceof RangeError
        ? "a message is damaged or cut off"
        : (error instanceof Error ? error.message : String(error)).slice(0, 200);
    const table = wholeBatches(stream.subarray(0, sound.end));
    if (table === undefined)
      throw new Failure(
        "unreadable-arrow",
        `${basename(path)} cannot be read as Arrow: ${reason}.`,
        "The file may be cut off.",
      );
    return {
      table,
      notes: [
        {
          code: "torn-arrow",
          message: `${basename(path)} breaks off after ${table.numRows} rows (${reason}): these are shown.`,
          where: path,
        },
      ],
    };
  }
}

/** Record batches of a stream before the first that cannot be read. */
function wholeBatches(stream: Buffer): Table | undefined {
  const batches: RecordBatch[] = [];
  try {
    const reader = RecordBatchReader.from(Uint8Array.from(stream));
    for (const batch of reader) {
      checkData(batch.data);
      batches.push(batch);
    }
  } catch {
    // What came before is what there is.
  }
  return batches.length === 0 ? undefined : new Table(batches);
}

/** Columns with the library's type names. One without a name, which the format allows, has its place for one. */
const columnsOf = (fields: readonly Field[]): readonly TableColumn[] =>
  fields.map((field, index) => ({
    name: (field.name as string | null) || `column ${index}`,
    type: String(field.type),
  }));

/** Columns of an Arrow file. */
export function arrowColumns(path: string): readonly TableColumn[] {
  return columnsOf(readTable(path).table.schema.fields);
}

export async function arrowRows(path: string): Promise<TableRows> {
  const { table, notes } = readTable(path);
  const { fields } = table.schema;
  const columns = columnsOf(fields);
  return {
    columns,
    count: table.numRows,
    notes,
    async read(start, end) {
      const rows: JsonObject[] = [];
      const vectors = fields.map((_, index) => table.getChildAt(index));
      for (let row = start; row < Math.min(end, table.numRows); row++) {
        const object: Record<string, JsonValue | undefined> = {};
        for (const [index, field] of fields.entries()) {
          const value: unknown = vectors[index]?.get(row);
          object[columns[index]?.name ?? ""] =
            typeof value === "number" && (DataType.isTimestamp(field.type) || DataType.isDate(field.type))
              ? new Date(value).toISOString()
              : jsonOf(value, field.type as DataType);
        }
        rows.push(object);
      }
      return rows;
    },
  };
}

/**
 * A value of a vector as JSON: lists, structures and maps by their parts, times as ISO text, bytes as `\\x…` like DuckDB's.
 * @param type the value's type, which tells decimals, wide integers for the library, from lists
 */
function jsonOf(value: unknown, type?: DataType): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return plainInteger(value);
  if (value instanceof Date) return value.toISOString();
  if (DataType.isDecimal(type) && value instanceof Uint32Array) return decimalOf(value, type.scale);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  const partOf = (name: string | number): DataType | undefined =>
    (typeof name === "number" ? type?.children?.[name] : type?.children?.find((field) => field.name === name))
      ?.type as DataType | undefined;
  const items = (list: ArrayLike<unknown> | Iterable<unknown>): JsonValue[] =>
    Array.from(list as Iterable<unknown>, (item) => jsonOf(item, partOf(0)));
  if (ArrayBuffer.isView(value)) return items(value as unknown as ArrayLike<number | bigint>);
  if (Array.isArray(value)) return items(value);
  const parts = value as Iterable<unknown> & { toJSON?: () => unknown; readonly length?: number };
  // A vector of a list column is iterable and has a length; a structure's row lists its pairs.
  if (typeof parts[Symbol.iterator] === "function" && typeof parts.length === "number") return items(parts);
  const json = parts.toJSON?.() ?? parts;
  // The only child of a map is a structure of its key and its value.
  const valueType = DataType.isMap(type)
    ? (partOf(0)?.children?.[1]?.type as DataType | undefined)
    : undefined;
  return Object.fromEntries(
    Object.entries(json as Record<string, unknown>).map(([key, item]) => [
      key,
      jsonOf(item, valueType ?? partOf(key)),
    ]),
  );
}

/** A decimal as the number next to it: a whole number in two's complement, least word first, and how many digits are behind the point. */
function decimalOf(words: Uint32Array, scale: number): number {
  let whole = 0n;
  for (const word of [...words].reverse()) whole = (whole << 32n) | BigInt(word);
  const digits = BigInt.asIntN(32 * words.length, whole).toString();
  return Number(`${digits}e${-scale}`);
}
