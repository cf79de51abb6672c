import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import protobuf from "protobufjs/minimal.js";
import { encodeGraphAddition } from "./onnxProto";

/** Input that is added to the attention of a causal model: [batch, 1, new tokens, past + new tokens], 0 = may be seen. */
export const BRANCH_BIAS = "trajectory_lens.branch_bias";

/** Room for what is appended, so that weights need not be copied once more. */
const ADDITION_BYTES = 65_536;
/** Protobuf may not be larger, so a model file is not either. */
const LARGEST_FILE = 2 ** 31 - 2 ** 20;

/** Field numbers of ModelProto, GraphProto, NodeProto and ValueInfoProto. */
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_INPUT = 11;
const GRAPH_OUTPUT = 12;
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_OP = 4;
const VALUE_NAME = 1;

interface Text {
  readonly text: string;
  /** Place of its bytes in the file. */
  readonly start: number;
  readonly length: number;
}

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly Text[];
}

interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Products with weights or between states; whatever depends on one is no mask. */
const PRODUCTS = new Set(["MatMul", "Gemm", "MatMulInteger", "MatMulNBits", "FusedMatMul", "Einsum"]);

/**
 * The bytes of a causal model's file, changed so that its attention takes one more mask, with which branches of a tree can
 * share one row: a token may then be kept from seeing the tokens of other branches. Tokens still see only what stands before
 * them, as the model's own mask has it. The mask that each Softmax of attention adds is found, and one addition is put
 * behind it; nothing else changes.
 * @returns undefined where the graph is built differently (fused attention, masks of another kind, no key-value cache)
 */
export function readBranchingModel(path: string): Uint8Array | undefined {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size > LARGEST_FILE) return undefined;
    const bytes = Buffer.allocUnsafeSlow(size + ADDITION_BYTES);
    for (let read = 0; read < size;) {
      const count = readSync(file, bytes, read, size - read, read);
      if (count === 0) return undefined;
      read += count;
    }
    const addition = branchBiasFor(bytes.subarray(0, size));
    if (addition === undefined || addition.length > ADDITION_BYTES) return undefined;
    bytes.set(addition, size);
    return bytes.subarray(0, size + addition.length);
  } finally {
    closeSync(file);
  }
}

/** What is appended to a model's bytes. In these, the names of mask tensors are changed in place. */
function branchBiasFor(bytes: Buffer): Uint8Array | undefined {
  let graph: Graph;
  try {
    graph = readGraph(bytes);
  } catch {
    return undefined;
  }
  const cached = graph.inputs.some((name) => /^past_key_values?\./.test(name));
  if (!cached || !["attention_mask", "position_ids"].every((name) => graph.inputs.includes(name)))
    return undefined;
  const masks = attentionMasks(graph);
  if (masks === undefined || masks.length === 0) return undefined;
  const names = new Set([
    ...graph.inputs,
    ...graph.nodes.flatMap((node) => [...node.inputs, ...node.outputs.map(({ text }) => text)]),
  ]);
  const nodes = [];
  for (const mask of masks) {
    const renamed = freeName(mask.text, names);
    if (renamed === undefined) return undefined;
    names.add(renamed);
    bytes.write(renamed, mask.start, mask.length, "latin1");
    nodes.push({ op: "Add", inputs: [renamed, BRANCH_BIAS], outputs: [mask.text] });
  }
  // Two graphs in one message are merged field by field: that is how protobuf reads what is appended.
  return encodeGraphAddition({
    name: "",
    inputs: [{ name: BRANCH_BIAS, type: "float32", shape: ["bias_batch", 1, "bias_new", "bias_total"] }],
    outputs: [],
    constants: [],
    nodes,
  });
}

/** A name of the same length that nothing has yet: the last character is another one. */
function freeName(name: string, taken: ReadonlySet<string>): string | undefined {
  if (!/^[\x20-\x7e]+$/.test(name)) return undefined;
  for (const last of "~^!#$%&*+=?@")
    if (!taken.has(name.slice(0, -1) + last)) return name.slice(0, -1) + last;
  return undefined;
}

/** Where the masks that attention adds before its Softmax are computed; undefined when one Softmax is not understood. */
function attentionMasks(graph: Graph): Text[] | undefined {
  const producer = new Map<string, Node>();
  for (const node of graph.nodes) for (const { text } of node.outputs) producer.set(text, node);
  const known = new Map<string, boolean>();
  /** Whether a value is computed from a product; a shape of one does not count. */
  const fromProduct = (name: string): boolean => {
    const open = [name];
    while (open.length > 0) {
      const next = open.at(-1)!;
      const node = producer.get(next);
      if (known.has(next) || !node || node.op === "Shape") {
        if (!known.has(next)) known.set(next, false);
        open.pop();
        continue;
      }
      const unknown = PRODUCTS.has(node.op) ? [] : node.inputs.filter((input) => !known.has(input));
      if (unknown.length > 0) {
        open.push(...unknown);
        continue;
      }
      known.set(next, PRODUCTS.has(node.op) || node.inputs.some((input) => known.get(input)));
      open.pop();
    }
    return known.get(name)!;
  };
  const masks = new Map<string, Text>();
  for (const node of graph.nodes) {
    if (node.op !== "Softmax") continue;
    const sum = producer.get(node.inputs[0]!);
    if (sum?.op !== "Add") return undefined;
    const candidates = sum.inputs.filter((input) => !fromProduct(input));
    const mask = candidates[0];
    const place =
      mask === undefined ? undefined : producer.get(mask)?.outputs.find(({ text }) => text === mask);
    if (candidates.length !== 1 || !place || graph.outputs.includes(place.text)) return undefined;
    masks.set(place.text, place);
  }
  return [...masks.values()];
}

/** Nodes and names of the main graph. @throws RangeError for bytes that are no message */
function readGraph(bytes: Uint8Array): Graph {
  const nodes: Node[] = [];
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const graph of fieldsOf(bytes, 0, bytes.length)) {
    if (graph.number !== MODEL_GRAPH) continue;
    for (const part of fieldsOf(bytes, graph.start, graph.end)) {
      if (part.number === GRAPH_NODE) nodes.push(readNode(bytes, part.start, part.end));
      const list = part.number === GRAPH_INPUT ? inputs : part.number === GRAPH_OUTPUT ? outputs : undefined;
      if (!list) continue;
      for (const field of fieldsOf(bytes, part.start, part.end))
        if (field.number === VALUE_NAME) list.push(textAt(bytes, field.start, field.end));
    }
  }
  return { nodes, inputs, outputs };
}

function readNode(bytes: Uint8Array, start: number, end: number): Node {
  let op = "";
  const inputs: string[] = [];
  const outputs: Text[] = [];
  for (const field of fieldsOf(bytes, start, end)) {
    if (field.number === NODE_OP) op = textAt(bytes, field.start, field.end);
    if (field.number === NODE_INPUT) inputs.push(textAt(bytes, field.start, field.end));
    if (field.number === NODE_OUTPUT)
      outputs.push({
        text: textAt(bytes, field.start, field.end),
        start: field.start,
        length: field.end - field.start,
      });
  }
  return { op, inputs, outputs };
}

const textAt = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");

/** Length-delimited fields of the message in [start, end); the others are stepped over. */
function* fieldsOf(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<{ number: number; start: number; end: number }> {
  const reader = protobuf.Reader.create(bytes);
  reader.pos = start;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if ((tag & 7) !== 2) {
      reader.skipType(tag & 7);
      continue;
    }
    const length = reader.uint32();
    const content = reader.pos;
    if (content + length > end) throw new RangeError("a field reaches past the end");
    yield { number: tag >>> 3, start: content, end: content + length };
    reader.pos = content + length;
  }
}
