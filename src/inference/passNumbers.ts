import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { FilledRow } from "./branchRows";
import type { HiddenOutput } from "./causalOptions";
import { readDistributions, type BranchPoint, type RowNumbers, type TokenStatistics } from "./distribution";
import type { PrefixForest } from "./prefixForest";
import { readExtras, type TokenTable } from "./rowExtras";
import { asFloats } from "./tensors";

/** What one run of one model over a batch gave. */
export interface Run {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Logits, row-major [rows * width, vocabulary]. */
  readonly values: Float32Array | Float64Array;
  readonly vocabulary: number;
}

/** Logits [vocabulary] behind one token of a run; shared with the run, not copied. */
export const rowOf = ({ values, vocabulary }: Run, row: number): Float32Array | Float64Array =>
  values.subarray(row * vocabulary, (row + 1) * vocabulary);

/** Numbers of the tokens of one node. */
export interface NodeResult extends TokenStatistics {
  readonly tables: Map<string, TokenTable>;
  readonly hidden: Map<number, { readonly width: number; readonly data: Float32Array }>;
}

function emptyResult(length: number, widths: ReadonlyMap<string, number>): NodeResult {
  const empty = (size: number): Float64Array => new Float64Array(size).fill(NaN);
  return {
    logprob: empty(length),
    entropy: empty(length),
    rank: empty(length),
    tables: new Map([...widths].map(([name, width]) => [name, { width, data: empty(length * width) }])),
    hidden: new Map(),
  };
}

/** Hidden states of `length` of one row's tokens, from token `offset` on. */
export function addHidden(
  wanted: readonly HiddenOutput[],
  result: NodeResult,
  outputs: Readonly<Record<string, Tensor>>,
  row: number,
  offset: number,
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
    const from = (((stacked ?? 0) * batch + row) * width + offset) * size;
    result.hidden.set(layer, {
      width: size,
      data: Float32Array.from(asFloats(tensor).subarray(from, from + length * size)),
    });
  }
}

/**
 * Reads the distribution behind every token of a run at the token that follows it in its node; undefined when nobody
 * asks. Entry r * width + i belongs to token i of row r.
 * @param asked per node 1 for the tokens whose numbers are wanted
 */
export async function readRun(
  run: Run,
  rows: readonly FilledRow[],
  width: number,
  asked: ReadonlyMap<number, Uint8Array>,
  threads: number | undefined,
): Promise<RowNumbers | undefined> {
  const targets = new BigInt64Array(rows.length * width);
  let any = false;
  rows.forEach(({ ids, offsets }, r) => {
    for (const [index, offset] of offsets) {
      const flags = asked.get(index)!;
      for (let i = 1; i < flags.length; i++) {
        if (flags[i] === 0) continue;
        any = true;
        const token = ids[offset + i]!;
        if (token < run.vocabulary) targets[r * width + offset + i - 1] = BigInt(token);
      }
    }
  });
  return any ? readDistributions(run.values, run.vocabulary, targets, threads) : undefined;
}

/** Tokens of a node: those of a sequence from `start` on, as many as `asked` is long. */
interface NodeTokens {
  readonly ids: readonly number[];
  readonly start: number;
  /** 1 for the tokens whose numbers are wanted. */
  readonly asked: Uint8Array;
}

/**
 * Numbers of the tokens of one node.
 * @param runs of the scored model, and of the second where there is one
 * @param offset the run's row of logits behind the node's first token
 * @param before what the models say before the node's first token
 */
export function nodeStatistics(
  { ids, start, asked }: NodeTokens,
  [first, second]: readonly Run[],
  read: RowNumbers | undefined,
  offset: number,
  before: readonly BranchPoint[] | undefined,
  extras: Parameters<typeof readExtras>[0] | undefined,
  widths: ReadonlyMap<string, number>,
): NodeResult {
  const result = emptyResult(asked.length, widths);
  if (before && asked[0] === 1) {
    before[0]!.read(ids[start]!, result, 0);
    if (extras) readExtras(extras, before[0]!.logits, before[1]?.logits, ids[start]!, result.tables, 0);
  }
  for (let i = 1; i < asked.length && read; i++) {
    const token = ids[start + i]!;
    if (token >= first!.vocabulary || asked[i] === 0) continue;
    const row = offset + i - 1;
    result.logprob[i] = read.logprob[row]!;
    result.entropy[i] = read.entropy[row]!;
    result.rank[i] = Number.isNaN(result.logprob[i]!) ? NaN : read.rank[row]!;
    if (extras) readExtras(extras, rowOf(first!, row), second && rowOf(second, row), token, result.tables, i);
  }
  return result;
}

/**
 * Numbers of one sequence, put together from the nodes on its path.
 * @param results per node of the forest
 * @param length of the sequence, in tokens
 * @param wanted 1 where a number is wanted, per token; hidden states are given for all
 */
export function sequenceStatistics(
  forest: PrefixForest,
  results: readonly NodeResult[],
  sequence: number,
  length: number,
  wanted: Uint8Array,
  widths: ReadonlyMap<string, number>,
): NodeResult {
  const all = emptyResult(length, widths);
  for (let index = forest.leafOf[sequence]!; index >= 0; index = forest.nodes[index]!.parent) {
    const node = forest.nodes[index]!;
    const part = results[index]!;
    for (const [layer, { width, data }] of part.hidden) {
      const whole = all.hidden.get(layer) ?? { width, data: new Float32Array(length * width) };
      whole.data.set(data.subarray(0, (node.end - node.start) * width), node.start * width);
      all.hidden.set(layer, whole);
    }
    for (let i = 0; i < node.end - node.start; i++) {
      if (wanted[node.start + i] !== 1) continue;
      all.logprob[node.start + i] = part.logprob[i]!;
      all.entropy[node.start + i] = part.entropy[i]!;
      all.rank[node.start + i] = part.rank[i]!;
      for (const [name, { width, data }] of part.tables)
        all.tables.get(name)!.data.set(data.subarray(i * width, (i + 1) * width), (node.start + i) * width);
    }
  }
  return all;
}
