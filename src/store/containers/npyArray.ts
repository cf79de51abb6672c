import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { weakly, type ByteSource } from "./byteSource";
import {
  checkedShape,
  numpyArray,
  objectArray,
  arrayBytes,
  parseNumpyType,
  type NumpyField,
  type NumpyType,
} from "./numpyType";
import { readPickle } from "./pickle";

const LONGEST_HEADER = 1024 * 1024;
const LARGEST_OBJECTS = 2 ** 30;

/** True for the magic number of an npy file. */
export function isNpy(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x93 &&
    bytes[1] === 0x4e &&
    bytes[2] === 0x55 &&
    bytes[3] === 0x4d &&
    bytes[4] === 0x50 &&
    bytes[5] === 0x59
  );
}

/** The array of an npy file: its header is read now, its numbers when they are asked for. */
export function npyArray(
  source: ByteSource,
  name: string,
): { readonly value: PlainValue; readonly notes: readonly Note[] } {
  const head = source.read(0, 12);
  if (!isNpy(head) || head.length < 12)
    throw new Failure("bad-npy", `${name} is no npy file.`, "Write it again.");
  const wide = (head[6] as number) >= 2;
  const start = wide ? 12 : 10;
  const length = wide ? head.readUInt32LE(8) : head.readUInt16LE(8);
  if (length > LONGEST_HEADER)
    throw new Failure("bad-npy", `The header of ${name} is damaged.`, "Write it again.");
  const header = source.read(start, length).toString(head[6] === 3 ? "utf8" : "latin1");
  const { descr, fortran_order: columnMajor, shape: sizes } = dictOf(parseLiteral(header), name);
  const shape = checkedShape(sizes);
  const type = typeOf(descr);
  const data = start + length;
  if (type.kind === "O" && type.fields === undefined) {
    const size = source.size - data;
    if (size > LARGEST_OBJECTS)
      throw new Failure("large-pickle", `${name} holds ${size} bytes of pickled objects.`, "It is left out.");
    // The pickle is the array itself.
    const { value, notes } = readPickle(source.read(data, size));
    const flat = Array.isArray(value) && shape.length === 1 && value.length === shape[0];
    return { value: flat ? value : reshaped(value, shape, columnMajor === true), notes };
  }
  const bytes = arrayBytes(type, shape);
  const content = weakly(() => source.read(data, bytes));
  return {
    value: numpyArray(type, shape, content, columnMajor === true),
    notes:
      data + bytes > source.size
        ? [
            {
              code: "short-array",
              message: `${name} holds ${source.size - data} of the ${bytes} bytes of its array: it is cut off.`,
            },
          ]
        : [],
  };
}

function reshaped(value: PlainValue, shape: readonly number[], columnMajor: boolean): PlainValue {
  return Array.isArray(value) &&
    shape.length > 1 &&
    value.length === shape.reduce((a, b) => a * b, 1) &&
    value.length !== shape[0]
    ? objectArray(value as PlainValue[], shape, columnMajor)
    : value;
}

function dictOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Failure("bad-npy", `The header of ${name} is no dict.`, "Write it again.");
  return value as Record<string, unknown>;
}

/** `descr` of a header: a type string, or a list of (name, type[, shape]) of a structured type. */
function typeOf(descr: unknown): NumpyType {
  if (typeof descr === "string") return parseNumpyType(descr);
  if (!Array.isArray(descr))
    throw new Failure("unknown-dtype", "An array has an unknown type.", "It is left out.");
  const fields: NumpyField[] = [];
  let offset = 0;
  for (const field of descr as unknown[]) {
    if (!Array.isArray(field)) throw new Failure("unknown-dtype", "A field has no type.", "It is left out.");
    const [title, inner, shape] = field as unknown[];
    let type = typeOf(inner);
    if (shape !== undefined) {
      const sizes = checkedShape(shape);
      type = {
        ...type,
        itemSize: sizes.reduce((size, length) => size * length, type.itemSize),
        inner: sizes,
      };
    }
    // A field may have a title beside its name; nameless ones are padding.
    const name = Array.isArray(title) ? String((title as unknown[])[1]) : String(title);
    if (name !== "") fields.push({ name, type, offset });
    offset += type.itemSize;
  }
  return { kind: "V", itemSize: offset, littleEndian: true, fields };
}

/** A Python literal of dicts, tuples, lists, strings, numbers and names, as the header of an npy file is written. */
function parseLiteral(text: string): unknown {
  let at = 0;
  const fail = (): never => {
    throw new Failure("bad-npy", "The header of an npy file is damaged.", "Write it again.");
  };
  const skip = (): void => {
    while (at < text.length && " \n\t\r".includes(text[at] as string)) at++;
  };
  const list = (close: string, depth: number): unknown[] => {
    const items: unknown[] = [];
    for (;;) {
      skip();
      if (text[at] === close) {
        at++;
        return items;
      }
      items.push(value(depth + 1));
      skip();
      if (text[at] === ",") at++;
      else if (text[at] !== close) return fail() as unknown[];
    }
  };
  const value = (depth: number): unknown => {
    if (depth > 32) return fail();
    skip();
    const first = text[at];
    if (first === "{") {
      at++;
      const entries: Record<string, unknown> = {};
      for (;;) {
        skip();
        if (text[at] === "}") {
          at++;
          return entries;
        }
        const key = value(depth + 1);
        skip();
        if (text[at++] !== ":") return fail();
        entries[String(key)] = value(depth + 1);
        skip();
        if (text[at] === ",") at++;
        else if (text[at] !== "}") return fail();
      }
    }
    if (first === "(" || first === "[") {
      at++;
      return list(first === "(" ? ")" : "]", depth);
    }
    if (first === "'" || first === '"') {
      const end = text.indexOf(first, at + 1);
      if (end < 0) return fail();
      const inner = text.slice(at + 1, end);
      at = end + 1;
      return inner;
    }
    const word = /^(?:True|False|None|-?\d+L?)/.exec(text.slice(at, at + 40))?.[0];
    if (word === undefined) return fail();
    at += word.length;
    return word === "True" ? true : word === "False" ? false : word === "None" ? null : parseInt(word, 10);
  };
  return value(0);
}
