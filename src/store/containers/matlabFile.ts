import { inflateSync } from "node:zlib";
import { Failure } from "../../model/failure";
import type { ArrayType, PlainStub, PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import type { ByteSource } from "./byteSource";
import { contiguousStrides, elementCount, itemBytes, NumericArray } from "./numericArray";

/** Storage types of the MAT-file format, level 5. */
const STORAGE: Readonly<Record<number, ArrayType>> = {
  1: "int8",
  2: "uint8",
  3: "int16",
  4: "uint16",
  5: "int32",
  6: "uint32",
  7: "float32",
  9: "float64",
  12: "int64",
  13: "uint64",
};
const MATRIX = 14;
const COMPRESSED = 15;
const LARGEST_VARIABLE = 2 ** 30;
const DEEPEST = 64;
const MOST_CELLS = 2 ** 24;

/** True for a MAT-file of level 5 (MATLAB 5 to 7.2); later ones are HDF5 files. */
export function isMatlab(bytes: Uint8Array): boolean {
  const order = String.fromCharCode(bytes[126] ?? 0, bytes[127] ?? 0);
  return (
    bytes.length >= 128 &&
    (order === "IM" || order === "MI") &&
    Buffer.from(bytes.subarray(0, 6)).toString("latin1") === "MATLAB"
  );
}

/**
 * Variables of a MAT-file by name: numbers as arrays, text as strings (a list of rows where there are several), cells as
 * nested lists, structures as maps (a list of maps where there are several), anything else as a stub.
 */
export function readMatlab(
  source: ByteSource,
  path: string,
): { readonly value: ReadonlyMap<PlainValue, PlainValue>; readonly notes: readonly Note[] } {
  const value = new Map<PlainValue, PlainValue>();
  const notes: Note[] = [];
  const header = source.read(0, 128);
  const littleEndian = header.toString("latin1", 126, 128) === "IM";
  let at = 128;
  try {
    while (at + 8 <= source.size) {
      const tag = source.read(at, 8);
      const type = littleEndian ? tag.readUInt32LE(0) : tag.readUInt32BE(0);
      const length = littleEndian ? tag.readUInt32LE(4) : tag.readUInt32BE(4);
      if (length > LARGEST_VARIABLE)
        throw new Failure("large-variable", `a variable of ${length} bytes`, "It is left out.");
      const data = source.read(at + 8, length);
      if (data.length < length) throw new Failure("short-file", "a variable is cut off", "It is left out.");
      if (type === COMPRESSED) {
        const element = new Elements(
          inflateSync(data, { maxOutputLength: LARGEST_VARIABLE }),
          littleEndian,
        ).next();
        if (element?.type === MATRIX) takeVariable(element.data, littleEndian, value);
      } else if (type === MATRIX) takeVariable(data, littleEndian, value);
      at += 8 + length;
      // Compressed elements are not padded.
      if (type !== COMPRESSED) at = Math.ceil(at / 8) * 8;
    }
  } catch (error) {
    notes.push({
      code: "torn-matlab",
      message: `The MATLAB file breaks off at byte ${at} (${error instanceof Error ? error.message : String(error)}): what comes before is shown.`,
      where: path,
    });
  }
  if (value.size === 0)
    throw new Failure(
      "unreadable-matlab",
      `${path} holds no variable that can be read.`,
      notes[0]?.message ?? "It may be empty.",
    );
  return { value, notes };
}

function takeVariable(data: Buffer, littleEndian: boolean, into: Map<PlainValue, PlainValue>): void {
  const { name, value } = matrix(data, littleEndian, 0);
  into.set(name, value);
}

/** The elements of a matrix, one after another. */
class Elements {
  private at = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly littleEndian: boolean,
  ) {}

  next(): { readonly type: number; readonly data: Buffer } | undefined {
    const { bytes } = this;
    if (this.at + 8 > bytes.length) return undefined;
    const first = this.littleEndian ? bytes.readUInt32LE(this.at) : bytes.readUInt32BE(this.at);
    // Up to four bytes lie in the tag itself, with their length in its upper half.
    if (first >>> 16 !== 0) {
      const data = bytes.subarray(this.at + 4, this.at + 4 + Math.min(4, first >>> 16));
      this.at += 8;
      return { type: first & 0xffff, data };
    }
    const length = this.littleEndian ? bytes.readUInt32LE(this.at + 4) : bytes.readUInt32BE(this.at + 4);
    const start = this.at + 8;
    if (start + length > bytes.length)
      throw new Failure("short-file", "a part of a variable is cut off", "It is left out.");
    this.at = start + Math.ceil(length / 8) * 8;
    return { type: first, data: bytes.subarray(start, start + length) };
  }

  need(): { readonly type: number; readonly data: Buffer } {
    const element = this.next();
    if (element === undefined)
      throw new Failure("short-file", "a part of a variable is missing", "It is left out.");
    return element;
  }
}

function stub(className: string, shape: readonly number[]): PlainStub {
  return { kind: "stub", className, args: [shape], state: null, items: [], entries: new Map() };
}

function matrix(
  data: Buffer,
  littleEndian: boolean,
  depth: number,
): { readonly name: string; readonly value: PlainValue } {
  if (depth > DEEPEST) throw new Failure("deep-value", "cells are nested too deep", "It is left out.");
  const elements = new Elements(data, littleEndian);
  const flags = elements.need().data;
  if (flags.length < 4) return { name: "", value: [] };
  const word = littleEndian ? flags.readUInt32LE(0) : flags.readUInt32BE(0);
  const kind = word & 0xff;
  const complex = (word & 0x800) !== 0;
  const logical = (word & 0x200) !== 0;
  const sizes = elements.need();
  const shape = Array.from({ length: Math.floor(sizes.data.length / 4) }, (_, axis) =>
    littleEndian ? sizes.data.readInt32LE(axis * 4) : sizes.data.readInt32BE(axis * 4),
  );
  if (shape.some((size) => size < 0) || shape.length > 32)
    throw new Failure("bad-shape", "an array has a negative size", "It is left out.");
  const name = elements.need().data.toString("latin1");
  const count = elementCount(shape);
  if (kind === 1) return { name, value: cellArray(elements, shape, count, littleEndian, depth) };
  if (kind === 2 || kind === 3) {
    if (kind === 3) elements.need();
    return { name, value: structure(elements, shape, count, littleEndian, depth) };
  }
  if (kind === 5) return { name, value: stub("sparse", shape) };
  if (kind > 15 || kind === 0) return { name, value: stub(kind === 16 ? "function" : "opaque", shape) };
  const real = elements.need();
  if (kind === 4) return { name, value: text(real, shape, littleEndian) };
  if (complex) return { name, value: stub("complex", shape) };
  const type = STORAGE[real.type];
  if (type === undefined) return { name, value: stub(`type ${real.type}`, shape) };
  if (count * itemBytes(type) > real.data.length)
    throw new Failure("short-array", `${name} holds too few numbers`, "It is left out.");
  return {
    name,
    value: new NumericArray(logical ? "bool" : type, shape, {
      bytes: () => real.data,
      littleEndian,
      offset: 0,
      strides: contiguousStrides(shape, itemBytes(type), true),
    }),
  };
}

function cellArray(
  elements: Elements,
  shape: readonly number[],
  count: number,
  littleEndian: boolean,
  depth: number,
): PlainValue {
  const values: PlainValue[] = [];
  for (let index = 0; index < Math.min(count, MOST_CELLS); index++) {
    const element = elements.next();
    if (element === undefined) break;
    values.push(matrix(element.data, littleEndian, depth + 1).value);
  }
  // A row or a column is a list; anything else a list of rows.
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2 || rows === 1 || columns === 1 || values.length !== count) return values;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_inner, column) => values[column * rows + row] as PlainValue),
  );
}

function structure(
  elements: Elements,
  shape: readonly number[],
  count: number,
  littleEndian: boolean,
  depth: number,
): PlainValue {
  const lengths = elements.need().data;
  const nameLength =
    lengths.length >= 4 ? (littleEndian ? lengths.readInt32LE(0) : lengths.readInt32BE(0)) : 0;
  const names = elements.need().data;
  if (nameLength < 1) return stub("struct", shape);
  const fields = Array.from({ length: Math.floor(names.length / nameLength) }, (_, index) =>
    names.toString("latin1", index * nameLength, (index + 1) * nameLength).replace(/\0.*$/s, ""),
  );
  const values: Map<PlainValue, PlainValue>[] = [];
  for (let index = 0; index < Math.min(count, MOST_CELLS) && fields.length > 0; index++) {
    const value = new Map<PlainValue, PlainValue>();
    for (const field of fields) {
      const element = elements.next();
      if (element === undefined) return count === 1 ? value : values;
      value.set(field, matrix(element.data, littleEndian, depth + 1).value);
    }
    values.push(value);
  }
  return count === 1 ? (values[0] ?? new Map()) : values;
}

/** Text by rows: MATLAB lays it out by columns. */
function text(
  { type, data }: { readonly type: number; readonly data: Buffer },
  shape: readonly number[],
  littleEndian: boolean,
): PlainValue {
  const wide = type === 17 || type === 4 || type === 3;
  const codes =
    type === 16
      ? [...data.toString("utf8")].map((letter) => letter.codePointAt(0) as number)
      : Array.from({ length: Math.floor(data.length / (wide ? 2 : 1)) }, (_, index) =>
          wide
            ? littleEndian
              ? data.readUInt16LE(index * 2)
              : data.readUInt16BE(index * 2)
            : (data[index] as number),
        );
  const [rows = 1] = shape;
  const columns = rows === 0 ? 0 : Math.floor(codes.length / rows);
  const line = (row: number): string => {
    let value = "";
    for (let column = 0; column < columns; column++)
      value += String.fromCodePoint(codes[column * rows + row] ?? 0);
    return value;
  };
  return rows <= 1 ? line(0) : Array.from({ length: Math.min(rows, codes.length) }, (_, row) => line(row));
}
