import { Decoder } from "@msgpack/msgpack";
import { usePackedReader } from "../../formats/packedText";
import type { PlainValue } from "../../model/plain";
import { unlz4 } from "./lz4Frame";
import { arrayBytes, checkedShape, numpyArray, numpyScalar, parseNumpyType } from "./numpyType";
import { readPickle } from "./pickle";

const LARGEST_CONTENT = 256 * 2 ** 20;
const DEEPEST = 100;

/** Length of an LZ4 frame's content, which Python's `lz4.frame` writes behind the flags. */
function contentLength(frame: Buffer): number | undefined {
  if (frame.length < 15 || frame.readUInt32LE(0) !== 0x184d2204 || ((frame[4] ?? 0) & 0x08) === 0)
    return undefined;
  const length = Number(frame.readBigUInt64LE(6));
  return length <= LARGEST_CONTENT ? length : undefined;
}

/** What `msgpack_numpy` makes of arrays and scalars, as arrays and numbers again; dicts keep their keys. */
function withArrays(value: unknown, depth: number): PlainValue {
  if (depth > DEEPEST) return null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item) => withArrays(item, depth + 1));
  if (typeof value !== "object" || value === null)
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : null;
  const map = new Map<string, unknown>(Object.entries(value));
  const [type, data] = [map.get("type"), map.get("data")];
  if (map.has("nd") && typeof type === "string" && data instanceof Uint8Array) {
    const parsed = parseNumpyType(type);
    if (map.get("nd") !== true) return numpyScalar(parsed, data);
    const shape = checkedShape(map.get("shape"));
    return data.length >= arrayBytes(parsed, shape)
      ? (numpyArray(parsed, shape, () => data, false) as PlainValue)
      : null;
  }
  return new Map([...map].map(([key, item]) => [key, withArrays(item, depth + 1)]));
}

/**
 * RLlib packs columns as base64 of a pickle in an LZ4 frame, and whole episodes as MessagePack. Nothing in them is executed;
 * what is damaged reads as absent.
 */
function readPacked(text: string): PlainValue | undefined {
  try {
    if (text.startsWith("\\x")) {
      const bytes = Buffer.from(text.slice(2), "hex");
      const decoder = new Decoder({
        useBigInt64: true,
        mapKeyConverter: (key) =>
          key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key),
      });
      return withArrays(decoder.decode(bytes), 0);
    }
    const frame = Buffer.from(text, "base64");
    const length = contentLength(frame);
    return length === undefined ? undefined : readPickle(Buffer.from(unlz4(frame, length))).value;
  } catch {
    return undefined;
  }
}

usePackedReader(readPacked);
