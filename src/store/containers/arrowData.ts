/** Checks that the columns of an Arrow table hold what they say, so that reading a row neither runs on nor makes values up. */
import { DataType, type Data } from "apache-arrow";
import { Failure } from "../../model/failure";
import { LONGEST_BATCH } from "./arrowMessages";

/** So many values may take no bytes at all, as those of a column of nothing but nulls do. */
const MOST_WITHOUT_BYTES = 2 ** 26;
/** Bytes of a view of a text: its length, and either the text or a buffer and a place in it. */
const VIEW_BYTES = 16;
const INLINE_BYTES = 12;

type Offsets = Int32Array | BigInt64Array;

/** @throws Failure when a column, or one inside of it, is shorter than it says or points out of itself */
export function checkData(data: Data): void {
  const problem = problemOf(data);
  if (problem !== undefined) throw new Failure("damaged-arrow", problem, "The file is damaged.");
  for (const child of data.children) checkData(child);
  for (const part of data.dictionary?.data ?? []) checkData(part);
}

function problemOf(data: Data): string | undefined {
  const { type, length, children, nullBitmap, stride } = data;
  const few = `a column has fewer than its ${length} values`;
  if (!(length >= 0 && length <= LONGEST_BATCH)) return "a column has an impossible length";
  if (length === 0) return undefined;
  if (DataType.isNull(type)) return length <= MOST_WITHOUT_BYTES ? undefined : few;
  if (length > MOST_WITHOUT_BYTES && data.byteLength * 8 < length) return few;
  if (data.nullCount > 0 && (nullBitmap?.length ?? 0) * 8 < length) return few;
  const offsets = data.valueOffsets as unknown as Offsets | undefined;
  const values = data.values as ArrayLike<number> | undefined;
  if (DataType.isUnion(type)) return problemOfUnion(data, few);
  if (DataType.isStruct(type)) return children.every((child) => child.length >= length) ? undefined : few;
  if (DataType.isFixedSizeList(type))
    return stride >= 0 && (children[0]?.length ?? 0) >= length * stride ? undefined : few;
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return problemOfViews(data, few);
  if (
    DataType.isUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isLargeBinary(type)
  )
    return problemOfOffsets(offsets, length, values?.length ?? 0, few);
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type))
    return problemOfOffsets(offsets, length, children[0]?.length ?? 0, few);
  const held = values?.length ?? 0;
  if (DataType.isBool(type)) return held * 8 >= length ? undefined : few;
  if (!(stride >= 0 && held >= length * stride)) return few;
  return DataType.isDictionary(type) ? problemOfKeys(data) : undefined;
}

/** Offsets of lists and texts begin at 0 or later, never go back, and end inside of what they divide. */
function problemOfOffsets(
  offsets: Offsets | undefined,
  length: number,
  held: number,
  few: string,
): string | undefined {
  if (offsets === undefined || offsets.length < length + 1) return few;
  const whole = (index: number): number => Number(offsets[index]);
  if (!(whole(0) >= 0)) return "a column begins before its values";
  for (let index = 0; index < length; index++)
    if (whole(index + 1) < whole(index)) return "a column goes back in its values";
  return whole(length) <= held ? undefined : "a column points behind its values";
}

function problemOfKeys(data: Data): string | undefined {
  const entries = data.dictionary?.length ?? 0;
  const keys = data.values as ArrayLike<number | bigint>;
  for (let index = 0; index < data.length; index++) {
    const key = Number(keys[index]);
    if ((key < 0 || key >= entries) && data.getValid(index)) return "a column points out of its dictionary";
  }
  return undefined;
}

function problemOfViews({ length, values, variadicBuffers }: Data, few: string): string | undefined {
  const bytes = values as Uint8Array | undefined;
  if (bytes === undefined || bytes.length < length * VIEW_BYTES) return few;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < length * VIEW_BYTES; at += VIEW_BYTES) {
    const size = view.getInt32(at, true);
    if (size >= 0 && size <= INLINE_BYTES) continue;
    const buffer = variadicBuffers[view.getInt32(at + 8, true)];
    const start = view.getInt32(at + 12, true);
    if (size < 0 || start < 0 || buffer === undefined || start + size > buffer.length)
      return "a column points behind its values";
  }
  return undefined;
}

function problemOfUnion(
  { type, length, children, typeIds, valueOffsets }: Data,
  few: string,
): string | undefined {
  const { typeIdToChildIndex, mode } = type as DataType & {
    readonly typeIdToChildIndex: Readonly<Record<number, number>>;
    readonly mode: number;
  };
  const ids = typeIds as ArrayLike<number> | undefined;
  const offsets = valueOffsets as unknown as ArrayLike<number> | undefined;
  // 0: each child is as long as the union; 1: an offset says where in a child a value is.
  const dense = mode === 1;
  if (ids === undefined || ids.length < length || (dense && (offsets?.length ?? 0) < length)) return few;
  for (let index = 0; index < length; index++) {
    const child = children[typeIdToChildIndex[ids[index] as number] ?? -1];
    const place = dense ? ((offsets as ArrayLike<number>)[index] as number) : index;
    if (child === undefined || place < 0 || place >= child.length) return few;
  }
  return undefined;
}
