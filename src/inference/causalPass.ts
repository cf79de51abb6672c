import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import { planBatches } from "./batching";
import type { LoadedModel } from "./loadedModel";
import { readDistribution, readDistributions, type RowNumbers, type TokenStatistics } from "./distribution";
import { prefixForest, type PrefixForest, type PrefixNode } from "./prefixForest";
import { asFloats } from "./tensors";
import {
  canPad,
  canReusePrefix,
  pastInputs,
  pastOfRow,
  presentName,
  textFeeds,
  type PastState,
} from "./textBatch";
import { reusesPrefixExactly } from "./prefixCheck";

export interface CausalOptions {
  readonly signal: AbortSignal;
  readonly maxBatchTokens: number;
  /** False computes every sequence on its own, for comparison. */
  readonly sharePrefixes: boolean;
  /** Sequences finished so far and tokens computed. */
  onBatch?(doneTokens: number, totalTokens: number): void;
}

export interface CausalResult {
  readonly statistics: readonly TokenStatistics[];
  /** Tokens that went through the model; shared ones count once. */
  readonly computedTokens: number;
}

/** Bytes of logits that one run may return. */
const LOGITS_BYTES = 128 * 2 ** 20;
/** Bytes of keys and values kept at one time for later reuse. */
const CACHE_BYTES = 768 * 2 ** 20;
/** A shared stretch that saves fewer tokens is not worth a run of its own. */
const MIN_SAVED_TOKENS = 32;

/** The logits output of a language model. @throws Failure when there is none of the right shape */
export function logitsOutput(model: LoadedModel): { name: string; vocabulary: number | undefined } {
  const spec = model.session.output("logits") ?? model.session.outputs[0];
  if (!spec || spec.shape.length !== 3) {
    throw new Failure(
      "model-does-not-fit",
      `A language model returns logits [batch, sequence, vocabulary]; ${model.files.name} returns ${spec ? `${spec.name} [${spec.shape.join(", ")}]` : "nothing"}.`,
      "Export the model with its language-model head.",
    );
  }
  const last = spec.shape[2];
  return { name: spec.name, vocabulary: typeof last === "number" ? last : model.files.config?.vocab_size };
}

/**
 * Log-probability, entropy and rank of the tokens of many sequences, shared prefixes computed once.
 * @param wanted 1 where a number is wanted, per sequence and token
 */
export async function causalPass(
  model: LoadedModel,
  sequences: readonly (readonly number[])[],
  wanted: readonly Uint8Array[],
  options: CausalOptions,
): Promise<CausalResult> {
  const logits = logitsOutput(model);
  const byMemory =
    logits.vocabulary === undefined
      ? Infinity
      : Math.max(64, Math.floor(LOGITS_BYTES / (4 * logits.vocabulary)));
  const maxTokens = Math.min(options.maxBatchTokens, byMemory);
  const reuse = options.sharePrefixes && canReusePrefix(model) && (await reusesPrefixExactly(model));
  const forest = prefixForest(
    sequences,
    reuse
      ? { minSaved: MIN_SAVED_TOKENS, maxSegment: maxTokens }
      : { minSaved: Infinity, maxSegment: Infinity },
  );
  const pass = new Pass(model, sequences, wanted, forest, logits.name, {
    ...options,
    maxBatchTokens: maxTokens,
  });
  await pass.run();
  return { statistics: sequences.map((_, index) => pass.collect(index)), computedTokens: forest.tokens };
}

/** Bytes of keys and values that one token takes. */
function cacheBytesPerToken(model: LoadedModel): number {
  return (
    pastInputs(model).reduce(
      (sum, spec) =>
        sum + Number(spec.shape[1] ?? 8) * Number(spec.shape[3] ?? 64) * (spec.type === "float16" ? 2 : 4),
      0,
    ) || 1
  );
}

/** Roots of the forest in portions whose inner nodes' caches fit into memory together. */
function portions(model: LoadedModel, forest: PrefixForest): number[][] {
  const perToken = cacheBytesPerToken(model);
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

class Pass {
  private readonly results: (TokenStatistics | undefined)[];
  private readonly pasts = new Map<number, PastState>();
  /** Logits after the last token of an inner node: its children's first tokens are drawn from them. */
  private readonly lastRows = new Map<number, Float32Array | Float64Array>();
  private done = 0;

  constructor(
    private readonly model: LoadedModel,
    private readonly sequences: readonly (readonly number[])[],
    private readonly wanted: readonly Uint8Array[],
    private readonly forest: PrefixForest,
    private readonly logitsName: string,
    private readonly options: CausalOptions,
  ) {
    this.results = new Array<TokenStatistics | undefined>(forest.nodes.length);
  }

  async run(): Promise<void> {
    for (const nodes of portions(this.model, this.forest)) {
      const deepest = Math.max(0, ...nodes.map((index) => this.forest.nodes[index]!.depth));
      for (let depth = 0; depth <= deepest; depth++) {
        await this.wave(nodes.filter((index) => this.forest.nodes[index]!.depth === depth));
        if (depth > 0) this.forget(nodes, depth - 1);
      }
      this.pasts.clear();
      this.lastRows.clear();
    }
  }

  /** All nodes of one depth: their parents are computed. Rows of one run continue pasts of one length. */
  private async wave(indices: readonly number[]): Promise<void> {
    const groups = new Map<string, number[]>();
    for (const index of indices) {
      const key = `${this.forest.nodes[index]!.start} ${this.forest.internal[index]}`;
      groups.set(key, [...(groups.get(key) ?? []), index]);
    }
    for (const group of groups.values()) {
      const start = this.forest.nodes[group[0]!]!.start;
      const lengths = group.map((index) => this.forest.nodes[index]!.end - start);
      // A row's past is copied and attended to but not computed again, so it counts for little.
      const plan = planBatches(
        lengths.map((length) => length + Math.ceil(start / 10)),
        { maxTokens: this.options.maxBatchTokens, padding: canPad(this.model) },
      );
      for (const batch of plan) await this.batch(batch.members.map((member) => group[member]!));
    }
  }

  private async batch(indices: readonly number[]): Promise<void> {
    await breathe(this.options.signal);
    const { model, forest } = this;
    const nodes = indices.map((index) => forest.nodes[index]!);
    const rows = nodes.map((node) => this.sequences[node.representative]!.slice(node.start, node.end));
    const width = Math.max(...rows.map((row) => row.length));
    const parents = nodes.map((node) => (node.parent < 0 ? undefined : this.pasts.get(node.parent)));
    const pasts = parents.every((past) => past !== undefined) ? parents : undefined;
    const keep = forest.internal[indices[0]!] === 1;
    const fetches = [
      this.logitsName,
      ...(keep ? pastInputs(model).map((spec) => presentName(spec.name)) : []),
    ];
    const outputs = await model.session.run(textFeeds(model, rows, width, pasts), fetches);
    const logits = outputs[this.logitsName]!;
    checkLogits(logits, rows.length, width);
    const values = asFloats(logits);
    const vocabulary = logits.dims[2]!;
    const read = await this.readRun(values, vocabulary, nodes, rows, width);
    indices.forEach((index, r) => {
      const node = nodes[r]!;
      const length = rows[r]!.length;
      this.results[index] = this.statistics(node, vocabulary, read, r * width);
      if (keep) {
        const last = (r * width + length - 1) * vocabulary;
        this.pasts.set(index, pastOfRow(model, outputs, r, node.start + length));
        this.lastRows.set(index, values.slice(last, last + vocabulary));
      }
      this.done += length;
    });
    this.options.onBatch?.(this.done, forest.tokens);
  }

  private isWanted(node: PrefixNode, position: number): boolean {
    return node.through.some((member) => this.wanted[member]![position] === 1);
  }

  /**
   * Reads the distribution behind every token of a run at the token that follows it; undefined when nobody asks.
   * Entry r * width + i belongs to token i of row r.
   */
  private async readRun(
    values: Float32Array | Float64Array,
    vocabulary: number,
    nodes: readonly PrefixNode[],
    rows: readonly (readonly number[])[],
    width: number,
  ): Promise<RowNumbers | undefined> {
    const targets = new BigInt64Array(rows.length * width);
    let asked = false;
    rows.forEach((row, r) => {
      for (let i = 1; i < row.length; i++) {
        asked ||= this.isWanted(nodes[r]!, nodes[r]!.start + i);
        if (row[i]! < vocabulary) targets[r * width + i - 1] = BigInt(row[i]!);
      }
    });
    return asked ? readDistributions(values, vocabulary, targets, this.model.session.threads) : undefined;
  }

  private statistics(
    node: PrefixNode,
    vocabulary: number,
    read: RowNumbers | undefined,
    offset: number,
  ): TokenStatistics {
    const length = node.end - node.start;
    const result = {
      logprob: new Float64Array(length).fill(NaN),
      entropy: new Float64Array(length).fill(NaN),
      rank: new Float64Array(length).fill(NaN),
    };
    const ids = this.sequences[node.representative]!;
    // The first token was drawn from the distribution behind the parent's last one.
    const before = node.parent < 0 ? undefined : this.lastRows.get(node.parent);
    if (before && this.isWanted(node, node.start)) readDistribution(before, ids[node.start]!, result, 0);
    for (let i = 1; i < length && read; i++) {
      if (ids[node.start + i]! >= vocabulary || !this.isWanted(node, node.start + i)) continue;
      result.logprob[i] = read.logprob[offset + i - 1]!;
      result.entropy[i] = read.entropy[offset + i - 1]!;
      result.rank[i] = Number.isNaN(result.logprob[i]!) ? NaN : read.rank[offset + i - 1]!;
    }
    return result;
  }

  private forget(nodes: readonly number[], depth: number): void {
    for (const index of nodes) {
      if (this.forest.nodes[index]!.depth !== depth) continue;
      this.pasts.delete(index);
      this.lastRows.delete(index);
    }
  }

  /** Numbers of one sequence, put together from the nodes on its path. */
  collect(sequence: number): TokenStatistics {
    const length = this.sequences[sequence]!.length;
    const all = {
      logprob: new Float64Array(length).fill(NaN),
      entropy: new Float64Array(length).fill(NaN),
      rank: new Float64Array(length).fill(NaN),
    };
    for (let index = this.forest.leafOf[sequence]!; index >= 0; index = this.forest.nodes[index]!.parent) {
      const node = this.forest.nodes[index]!;
      const part = this.results[index]!;
      for (let i = 0; i < node.end - node.start; i++) {
        if (this.wanted[sequence]![node.start + i] !== 1) continue;
        all.logprob[node.start + i] = part.logprob[i]!;
        all.entropy[node.start + i] = part.entropy[i]!;
        all.rank[node.start + i] = part.rank[i]!;
      }
    }
    return all;
  }
}

function checkLogits(logits: Tensor, rows: number, width: number): void {
  const [batch, length] = logits.dims;
  if (logits.dims.length !== 3 || batch !== rows || length !== width) {
    throw new Failure(
      "bad-output",
      `The model returned logits of shape [${logits.dims.join(", ")}]; expected [${rows}, ${width}, vocabulary].`,
      "Export the model so that it returns logits for every token.",
    );
  }
}

/** Lets messages (a cancellation) in between two runs, which themselves block the thread. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted)
    throw new Failure("cancelled", "Scoring was cancelled.", "Start it again when you want it.");
}
