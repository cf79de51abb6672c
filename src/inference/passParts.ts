import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { HiddenOutput } from "./causalOptions";
import type { TokenStatistics } from "./distribution";
import type { LoadedModel } from "./loadedModel";
import type { PrefixForest } from "./prefixForest";
import type { TokenTable } from "./rowExtras";
import { asFloats } from "./tensors";
import { pastInputs } from "./textBatch";

/** Bytes of keys and values kept at one time for later reuse. */
const CACHE_BYTES = 768 * 2 ** 20;

/** Bytes of keys and values that one token takes. */
function cacheBytesPerToken(models: readonly LoadedModel[]): number {
  return (
    models
      .flatMap(pastInputs)
      .reduce(
        (sum, spec) =>
          sum +
          (Number(spec.shape[1]) || 8) * (Number(spec.shape[3]) || 64) * (spec.type === "float16" ? 2 : 4),
        0,
      ) || 1
  );
}

/** Roots of the forest in portions whose inner nodes' caches fit into memory together. */
export function portions(models: readonly LoadedModel[], forest: PrefixForest): number[][] {
  const perToken = cacheBytesPerToken(models);
  const rootOf = new Int32Array(forest.nodes.length);
  const bytes = new Map<number, number>();
  forest.nodes.forEach((node, index) => {
    const root = node.parent < 0 ? index : rootOf[node.parent]!;
    rootOf[index] = root;
    bytes.set(root, (bytes.get(root) ?? 0) + (forest.internal[index] ? node.end * perToken : 0));
  });
  const portionOf = new Map<number, number>();
  let [portion, used] = [0, 0];
  for (const [root, size] of bytes) {
    if (used > 0 && used + size > CACHE_BYTES) [portion, used] = [portion + 1, 0];
    used += size;
    portionOf.set(root, portion);
  }
  const lists: number[][] = Array.from({ length: portion + 1 }, () => []);
  forest.nodes.forEach((_, index) => lists[portionOf.get(rootOf[index]!)!]!.push(index));
  return lists;
}

/** What one run of one model over a batch gave. */
export interface Run {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Logits, row-major [rows * width, vocabulary]. */
  readonly values: Float32Array | Float64Array;
  readonly vocabulary: number;
}

export const rowOf = ({ values, vocabulary }: Run, row: number): Float32Array | Float64Array =>
  values.subarray(row * vocabulary, (row + 1) * vocabulary);

/** Numbers of the tokens of one node. */
export interface NodeResult extends TokenStatistics {
  readonly tables: Map<string, TokenTable>;
  readonly hidden: Map<number, { readonly width: number; readonly data: Float32Array }>;
}

export function emptyResult(length: number, widths: ReadonlyMap<string, number>): NodeResult {
  const empty = (size: number): Float64Array => new Float64Array(size).fill(NaN);
  return {
    logprob: empty(length),
    entropy: empty(length),
    rank: empty(length),
    tables: new Map([...widths].map(([name, width]) => [name, { width, data: empty(length * width) }])),
    hidden: new Map(),
  };
}

/** Hidden states of one row's tokens, without padding. */
export function addHidden(
  wanted: readonly HiddenOutput[],
  result: NodeResult,
  outputs: Readonly<Record<string, Tensor>>,
  row: number,
  length: number,
): void {
  for (const { layer, output, stacked } of wanted) {
    const tensor = outputs[output]!;
    const dims = stacked === undefined ? tensor.dims : tensor.dims.slice(1);
    if (dims.length !== 3)
      throw new Failure(
        "bad-output",
        `The model returned ${output} of shape [${tensor.dims.join(", ")}]; expected [batch, sequence, width].`,
        "Export hidden states as [batch, sequence, width] per layer, or stacked along a first axis.",
      );
    const [batch, width, size] = dims as [number, number, number];
    const from = ((stacked ?? 0) * batch + row) * width * size;
    result.hidden.set(layer, {
      width: size,
      data: Float32Array.from(asFloats(tensor).subarray(from, from + length * size)),
    });
  }
}
