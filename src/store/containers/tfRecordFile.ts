import protobuf from "protobufjs/light.js";
import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { FileBytes } from "./byteSource";
import { maskedCrc32c } from "./crc32c";
import { NumericArray } from "./numericArray";

const LARGEST_RECORD = 512 * 2 ** 20;

/** A map field is a field with a type of keys, which the library's types do not tell. */
const mapField: protobuf.IField & { keyType: string } = { keyType: "string", type: "Feature", id: 1 };

/** Fields of tf.train.Example, by the numbers of TensorFlow's example.proto and feature.proto. */
const schema = (): protobuf.Root =>
  protobuf.Root.fromJSON({
    nested: {
      BytesList: { fields: { value: { rule: "repeated", type: "bytes", id: 1 } } },
      FloatList: { fields: { value: { rule: "repeated", type: "float", id: 1 } } },
      Int64List: { fields: { value: { rule: "repeated", type: "int64", id: 1 } } },
      Feature: {
        oneofs: { kind: { oneof: ["bytesList", "floatList", "int64List"] } },
        fields: {
          bytesList: { type: "BytesList", id: 1 },
          floatList: { type: "FloatList", id: 2 },
          int64List: { type: "Int64List", id: 3 },
        },
      },
      Features: { fields: { feature: mapField } },
      Example: { fields: { features: { type: "Features", id: 1 } } },
    },
  });

let exampleType: protobuf.Type | undefined;

interface Feature {
  readonly bytesList?: { readonly value?: readonly Uint8Array[] } | null;
  readonly floatList?: { readonly value?: readonly number[] } | null;
  readonly int64List?: {
    readonly value?: readonly (number | { readonly low: number; readonly high: number })[];
  } | null;
}

/** True when a file begins with the length of a record and that length's checksum. */
export function isTfRecord(bytes: Buffer): boolean {
  return bytes.length >= 12 && maskedCrc32c(bytes.subarray(0, 8)) === bytes.readUInt32LE(8);
}

export interface TfRecords {
  readonly count: number;
  readonly notes: readonly Note[];
  /** @throws Failure when the record's checksum differs or it is no tf.train.Example */
  readonly read: (row: number) => PlainValue;
}

/**
 * The records of a TFRecord file: a map from feature names to 1-D arrays of float32 or int64, or to lists of bytes. A file
 * that is cut off gives the records before the cut; a record whose length is damaged ends the file.
 */
export function tfRecords(path: string): TfRecords {
  const source = FileBytes.of(path);
  const places: { readonly start: number; readonly length: number }[] = [];
  const notes: Note[] = [];
  let at = 0;
  while (at < source.size) {
    const head = source.read(at, 12);
    const length = head.length < 12 || !isTfRecord(head) ? undefined : Number(head.readBigUInt64LE(0));
    if (length === undefined || length > LARGEST_RECORD || at + 16 + length > source.size) {
      notes.push({
        code: "torn-records",
        message: `${path} breaks off in record ${places.length + 1} at byte ${at}: what comes before is shown.`,
        where: path,
      });
      break;
    }
    places.push({ start: at + 12, length });
    at += 16 + length;
  }
  return {
    count: places.length,
    notes,
    read(row) {
      const place = places[row];
      if (place === undefined)
        throw new Failure("missing-record", `there is no record ${row + 1}`, "Refresh.");
      const bytes = source.read(place.start, place.length + 4);
      const data = bytes.subarray(0, place.length);
      if (bytes.length < place.length + 4 || maskedCrc32c(data) !== bytes.readUInt32LE(place.length))
        throw new Failure("damaged-record", "its checksum differs", "Copy the file again.");
      return exampleOf(data);
    },
  };
}

function exampleOf(data: Buffer): PlainValue {
  let features: Readonly<Record<string, Feature>>;
  try {
    exampleType ??= schema().lookupType("Example");
    const decoded = exampleType.decode(data) as unknown as {
      readonly features?: { readonly feature?: Record<string, Feature> } | null;
    };
    features = decoded.features?.feature ?? {};
  } catch (error) {
    throw new Failure(
      "unknown-record",
      `it is no tf.train.Example (${error instanceof Error ? error.message : String(error)})`,
      "Other protocol buffers in TFRecord files are not known here.",
    );
  }
  const map = new Map<PlainValue, PlainValue>();
  for (const [name, feature] of Object.entries(features)) map.set(name, featureOf(feature));
  return map;
}

function featureOf({ bytesList, floatList, int64List }: Feature): PlainValue {
  if (bytesList !== null && bytesList !== undefined)
    return (bytesList.value ?? []).map((bytes) => Uint8Array.from(bytes));
  if (floatList !== null && floatList !== undefined)
    return flat("float32", Float32Array.from(floatList.value ?? []));
  if (int64List !== null && int64List !== undefined)
    return flat(
      "int64",
      BigInt64Array.from(int64List.value ?? [], (value) =>
        typeof value === "number"
          ? BigInt(value)
          : BigInt.asIntN(64, (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0)),
      ),
    );
  return [];
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function flat(type: "float32" | "int64", values: Float32Array | BigInt64Array): NumericArray {
  const bytes = new Uint8Array(values.buffer);
  return new NumericArray(type, [values.length], {
    bytes: () => bytes,
    littleEndian: LITTLE_ENDIAN,
    offset: 0,
    strides: [values.BYTES_PER_ELEMENT],
  });
}
