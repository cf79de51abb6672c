import type { ArrayType, PlainMap, PlainStub, PlainValue } from "../../model/plain";
import { Failure } from "../../model/failure";
import { contiguousStrides, elementCount, itemBytes, NumericArray } from "./numericArray";

/** One field of a structured type. */
export interface NumpyField {
  readonly name: string;
  readonly type: NumpyType;
  readonly offset: number;
}

/** What a NumPy dtype says, as far as its elements can be decoded. */
export interface NumpyType {
  /** Kind letter of NumPy: b, i, u, f, c, S, U, O, V, M, m. */
  readonly kind: string;
  readonly itemSize: number;
  readonly littleEndian: boolean;
  readonly fields?: readonly NumpyField[];
  /** How many simple fields there are, those of nested structures counted one by one. */
  readonly leaves?: number;
  /** Shape of the elements of a subarray type. */
  readonly inner?: readonly number[];
}

/**
 * Reads a dtype string such as `<f8`, `|b1`, `|S10`, `<U3`, `O8`. Types without a byte order are the machine's, which is
 * little-endian wherever NumPy is common.
 */
export function parseNumpyType(text: string): NumpyType {
  const found = /^([<>|=]?)([a-zA-Z?])(\d*)(?:\[[^\]]*\])?$/.exec(text);
  const named = TYPE_NAMES[text];
  if (found === null && named !== undefined) return parseNumpyType(named);
  if (found === null)
    throw new Failure(
      "unknown-dtype",
      `The array type "${text.slice(0, 80)}" is not known.`,
      "It is left out.",
    );
  const [, order = "", letter = "", digits = ""] = found;
  const kind = letter === "?" ? "b" : letter === "a" ? "S" : letter;
  const size = digits === "" ? (letter === "?" || letter === "b" ? 1 : kind === "O" ? 8 : 0) : Number(digits);
  return { kind, itemSize: kind === "U" ? size * 4 : size, littleEndian: order !== ">" };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  bool: "|b1",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
  object: "O",
};

/** The kind of number of a type; undefined for texts, objects, times, complex numbers and structures. */
export function arrayTypeOf({ kind, itemSize, fields, inner }: NumpyType): ArrayType | undefined {
  if (fields !== undefined || inner !== undefined) return undefined;
  if (kind === "b") return itemSize === 1 ? "bool" : undefined;
  const name = { i: "int", u: "uint", f: "float" }[kind];
  if (name === undefined) return undefined;
  const type = `${name}${itemSize * 8}`;
  return type in KNOWN_TYPES ? (type as ArrayType) : undefined;
}

const KNOWN_TYPES: Readonly<Record<string, true>> = {
  int8: true,
  int16: true,
  int32: true,
  int64: true,
  uint8: true,
  uint16: true,
  uint32: true,
  uint64: true,
  float16: true,
  float32: true,
  float64: true,
};

/** Texts beyond this many in one array are refused. */
const MOST_TEXTS = 2 ** 24;

/** An array as NumPy lays it out, from its raw bytes. `offset` and `strides` in bytes place fields of structures. */
export function numpyArray(
  type: NumpyType,
  shape: readonly number[],
  bytes: () => Uint8Array,
  columnMajor = false,
  offset = 0,
  strides: readonly number[] = contiguousStrides(shape, type.itemSize, columnMajor),
): PlainValue {
  if (type.inner !== undefined) {
    const { inner, ...rest } = type;
    const itemSize = inner.reduce((size, length) => size / Math.max(1, length), type.itemSize);
    const element = { ...rest, itemSize };
    return numpyArray(element, [...shape, ...inner], bytes, false, offset, [
      ...strides,
      ...contiguousStrides(inner, itemSize),
    ]);
  }
  if (type.fields !== undefined) {
    const entries = new Map<PlainValue, PlainValue>();
    for (const field of type.fields)
      entries.set(
        field.name,
        numpyArray(field.type, shape, bytes, columnMajor, offset + field.offset, strides),
      );
    return stub("numpy.ndarray", [["structured", shape]], entries);
  }
  const numeric = arrayTypeOf(type);
  if (numeric !== undefined)
    return new NumericArray(numeric, shape, { bytes, littleEndian: type.littleEndian, offset, strides });
  if (type.kind === "c") {
    const half = type.itemSize / 2;
    if (half === 4 || half === 8)
      return stub("numpy.ndarray", [
        ["complex", shape],
        new NumericArray(half === 4 ? "float32" : "float64", [...shape, 2], {
          bytes,
          littleEndian: type.littleEndian,
          offset,
          strides: [...strides, half],
        }),
      ]);
  }
  if (type.kind === "M" || type.kind === "m")
    return stub("numpy.ndarray", [
      [type.kind === "M" ? "datetime64" : "timedelta64", shape],
      new NumericArray("int64", shape, { bytes, littleEndian: type.littleEndian, offset, strides }),
    ]);
  if (type.kind === "S" || type.kind === "U") return textArray(type, shape, bytes(), offset, strides);
  return stub("numpy.ndarray", [[`${type.kind}${type.itemSize}`, shape]]);
}

function textArray(
  type: NumpyType,
  shape: readonly number[],
  bytes: Uint8Array,
  offset: number,
  strides: readonly number[],
): PlainValue {
  checkLists(shape);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => {
    if (at < 0 || at + type.itemSize > buffer.length)
      throw new Failure("short-array", "An array of texts ends early.", "The file may be cut off.");
    if (type.kind === "S") {
      let end = at + type.itemSize;
      while (end > at && buffer[end - 1] === 0) end--;
      return buffer.toString("utf8", at, end);
    }
    let value = "";
    for (let byte = at; byte < at + type.itemSize; byte += 4) {
      const code = type.littleEndian ? buffer.readUInt32LE(byte) : buffer.readUInt32BE(byte);
      value += code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    }
    return value.replace(/\0+$/, "");
  };
  const level = (axis: number, at: number): PlainValue =>
    axis === shape.length
      ? text(at)
      : Array.from({ length: shape[axis] as number }, (_, index) =>
          level(axis + 1, at + index * (strides[axis] as number)),
        );
  return level(0, offset);
}

/** Flat values of an object array as lists of lists, by its shape. A scalar array is its value. */
export function objectArray(
  values: readonly PlainValue[],
  shape: readonly number[],
  columnMajor: boolean,
): PlainValue {
  if (elementCount(shape) !== values.length)
    throw new Failure(
      "short-array",
      `An object array of shape ${shape.join(" x ")} holds ${values.length} values.`,
      "The file may be cut off.",
    );
  checkLists(shape);
  const strides = contiguousStrides(shape, 1, columnMajor);
  const level = (axis: number, at: number): PlainValue =>
    axis === shape.length
      ? (values[at] as PlainValue)
      : Array.from({ length: shape[axis] as number }, (_, index) =>
          level(axis + 1, at + index * (strides[axis] as number)),
        );
  return level(0, 0);
}

/** Lists are made for every level of a shape, even where a later one is empty. @throws Failure when that is too many */
function checkLists(shape: readonly number[]): void {
  let lists = 1;
  for (const size of shape) {
    lists *= size;
    if (lists > MOST_TEXTS)
      throw new Failure(
        "large-array",
        `An array of shape ${shape.join(" x ")} is too large to list.`,
        "It is left out.",
      );
  }
}

/** A shape as a file gives it. @throws Failure when it is none */
export function checkedShape(value: unknown): readonly number[] {
  const shape = Array.isArray(value) ? (value as unknown[]) : typeof value === "number" ? [value] : [];
  if (
    (!Array.isArray(value) && typeof value !== "number") ||
    shape.length > 64 ||
    !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  )
    throw new Failure(
      "bad-shape",
      "An array has a shape that is not a list of sizes.",
      "The file is damaged.",
    );
  return shape as number[];
}

/** One element of a type, from its bytes. */
export function numpyScalar(type: NumpyType, bytes: Uint8Array): PlainValue {
  const numeric = arrayTypeOf(type);
  if (numeric === undefined) return numpyArray(type, [], () => bytes);
  const array = new NumericArray(numeric, [], {
    bytes: () => bytes,
    littleEndian: type.littleEndian,
    offset: 0,
    strides: [],
  });
  if (numeric === "bool") return array.numbers()[0] === 1;
  if (numeric === "int64" || numeric === "uint64") {
    const exact = array.integers()[0] as bigint;
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number : exact;
  }
  return array.numbers()[0] as number;
}

function stub(
  className: string,
  args: readonly PlainValue[],
  entries: PlainMap = new Map<PlainValue, PlainValue>(),
): PlainStub {
  return { kind: "stub", className, args, state: null, items: [], entries };
}

/** Bytes that an array of this type and shape takes. */
export function arrayBytes(type: NumpyType, shape: readonly number[]): number {
  const numeric = arrayTypeOf(type);
  return elementCount(shape) * (numeric === undefined ? type.itemSize : itemBytes(numeric));
}
