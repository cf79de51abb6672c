import { closeSync, existsSync, fstatSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, sep, win32 } from "node:path";
import protobuf from "protobufjs/minimal.js";
import { Failure } from "../model/failure";

/** What an .onnx file says about itself, read without its weights. */
export interface OnnxFileFacts {
  /** `metadata_props`: the exporter's own key/value pairs (onnxruntime-node does not expose them). */
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of the file and of its external data files together. */
  readonly bytes: number;
  /** Files beside the model that hold weights, relative to it. */
  readonly externalFiles: readonly string[];
}

interface Field {
  readonly number: number;
  /** First byte of the content, for length-delimited fields. */
  readonly start: number;
  readonly length: number;
}

/** Field numbers of ONNX's ModelProto, GraphProto, TensorProto and StringStringEntryProto. */
const MODEL_GRAPH = 7;
const MODEL_OPSET = 8;
const MODEL_METADATA = 14;
const GRAPH_INITIALIZER = 5;
const GRAPH_NODE = 1;
const NODE_ATTRIBUTE = 5;
const ATTRIBUTE_TENSOR = 5;
const ATTRIBUTE_GRAPH = 6;
const ATTRIBUTE_TENSORS = 10;
const ATTRIBUTE_GRAPHS = 11;
const TENSOR_EXTERNAL_DATA = 13;
/** Graphs inside graphs (bodies of conditions and loops) that are looked into. */
const DEEPEST_GRAPH = 16;
const LENGTH_DELIMITED = 2;

/** Random access to a file through one window, so that gigabytes of weights are stepped over, not read. */
class FileWindow {
  private readonly window = Buffer.alloc(65_536);
  private start = 0;
  private length = 0;

  constructor(
    private readonly descriptor: number,
    readonly size: number,
  ) {}

  at(offset: number, length: number): Uint8Array {
    if (length > this.window.length) {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(this.descriptor, bytes, 0, length, offset));
    }
    if (offset < this.start || offset + length > this.start + this.length) {
      this.start = offset;
      this.length = readSync(this.descriptor, this.window, 0, this.window.length, offset);
    }
    return this.window.subarray(offset - this.start, Math.min(offset - this.start + length, this.length));
  }
}

/** Walks the fields of one protobuf message in [start, end). @throws RangeError when the bytes are no message */
function* fieldsOf(file: FileWindow, start: number, end: number): Generator<Field> {
  let offset = start;
  while (offset < end) {
    const head = protobuf.Reader.create(file.at(offset, 20));
    const tag = head.uint32();
    const wire = tag & 7;
    if (tag >>> 3 === 0) throw new RangeError("field number 0");
    if (wire === LENGTH_DELIMITED) {
      const length = Number(head.uint64());
      const content = offset + head.pos;
      if (content + length > end) throw new RangeError("a field reaches past the end");
      yield { number: tag >>> 3, start: content, length };
      offset = content + length;
    } else {
      head.skipType(wire);
      offset += head.pos;
    }
  }
}

function keyAndValue(bytes: Uint8Array): [string, string] {
  const reader = protobuf.Reader.create(bytes);
  let [key, value] = ["", ""];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) key = reader.string();
    else if (tag === 18) value = reader.string();
    else reader.skipType(tag & 7);
  }
  return [key, value];
}

/** An entry larger than this is not metadata that a person wrote; it is left alone. */
const MAX_METADATA_BYTES = 1_000_000;

/**
 * Reads metadata and external data locations of an ONNX file.
 * @throws Failure `unreadable-model` when the file is not ONNX, `hostile-model` when it points outside its folder
 */
export function readOnnxFile(path: string): OnnxFileFacts {
  const unreadable = (why: string) =>
    new Failure(
      "unreadable-model",
      `${path} is not a readable ONNX model: ${why}.`,
      "Export the model again, or fetch the whole file.",
    );
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    throw new Failure(
      "unreadable-model",
      `The model file ${path} cannot be opened.`,
      "Check the path and the file's permissions.",
    );
  }
  try {
    const size = fstatSync(descriptor).size;
    if (size === 0) throw unreadable("it is empty");
    const file = new FileWindow(descriptor, size);
    const opening = Buffer.from(file.at(0, 48)).toString("latin1");
    if (opening.startsWith("version https://git-lfs"))
      throw unreadable("it is a Git LFS pointer, not the file itself");
    const metadata: Record<string, string> = {};
    const external = new Set<string>();
    let [graphs, opsets] = [0, 0];
    try {
      for (const field of fieldsOf(file, 0, size)) {
        if (field.number === MODEL_OPSET) opsets++;
        if (field.number === MODEL_METADATA && field.length < MAX_METADATA_BYTES) {
          const [key, value] = keyAndValue(file.at(field.start, field.length));
          metadata[key] = value;
        }
        if (field.number !== MODEL_GRAPH) continue;
        graphs++;
        for (const location of externalLocations(file, field)) external.add(location);
      }
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw unreadable("it is cut off or not in ONNX's format");
    }
    if (graphs === 0 || opsets === 0) throw unreadable("it holds no graph");
    return { metadata, externalFiles: [...external], bytes: size + externalBytes(path, [...external]) };
  } finally {
    closeSync(descriptor);
  }
}

/** Places of weights outside the file: of initializers, of constants, and of the graphs inside conditions and loops. */
function* externalLocations(file: FileWindow, graph: Field, depth = 0): Generator<string> {
  if (depth > DEEPEST_GRAPH) throw new RangeError("graphs are nested too deeply");
  for (const part of inside(file, graph)) {
    if (part.number === GRAPH_INITIALIZER) yield* tensorLocations(file, part);
    if (part.number !== GRAPH_NODE) continue;
    for (const attribute of inside(file, part)) {
      if (attribute.number !== NODE_ATTRIBUTE) continue;
      for (const value of inside(file, attribute)) {
        if (value.number === ATTRIBUTE_TENSOR || value.number === ATTRIBUTE_TENSORS)
          yield* tensorLocations(file, value);
        if (value.number === ATTRIBUTE_GRAPH || value.number === ATTRIBUTE_GRAPHS)
          yield* externalLocations(file, value, depth + 1);
      }
    }
  }
}

const inside = (file: FileWindow, field: Field): Generator<Field> =>
  fieldsOf(file, field.start, field.start + field.length);

function* tensorLocations(file: FileWindow, tensor: Field): Generator<string> {
  for (const part of inside(file, tensor)) {
    if (part.number !== TENSOR_EXTERNAL_DATA) continue;
    const [key, value] = keyAndValue(file.at(part.start, part.length));
    if (key === "location") yield value;
  }
}

/**
 * True when a weight file is a link that leads out of the model's folder. Where the model itself is a link, as in a
 * hub's cache of snapshots and blobs, its weights may lie where the model's own content lies.
 */
function leavesFolder(modelPath: string, file: string): boolean {
  const real = realpathSync(file);
  const homes = [realpathSync(dirname(modelPath)), dirname(realpathSync(modelPath))];
  return !homes.some((home) => real.startsWith(home.endsWith(sep) ? home : home + sep));
}

/** Weights may lie beside the model and nowhere else: a model file is input from strangers. */
function externalBytes(modelPath: string, locations: readonly string[]): number {
  let bytes = 0;
  for (const location of locations) {
    // A backslash separates folders on one system and belongs to the name on the others.
    const clean = normalize(location.replaceAll("\\", "/"));
    const hostile = new Failure(
      "hostile-model",
      `${modelPath} asks for weights outside its own folder (${location}).`,
      "Do not load this file unless you know where it comes from; export it again with the weights beside it.",
    );
    if (isAbsolute(location) || win32.isAbsolute(location) || clean === ".." || clean.startsWith(`..${sep}`))
      throw hostile;
    const file = join(dirname(modelPath), clean);
    // A link beside the model may still lead out of its folder.
    if (existsSync(file) && leavesFolder(modelPath, file)) throw hostile;
    if (!existsSync(file)) {
      throw new Failure(
        "unreadable-model",
        `${modelPath} needs the weight file ${location}, which is not beside it.`,
        "Copy the file next to the model.",
      );
    }
    bytes += statSync(file).size;
  }
  return bytes;
}
