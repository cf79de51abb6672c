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
import type { CausalOptions, CausalResult } from "./causalOptions";
import { addHidden, emptyResult, portions, rowOf, type NodeResult, type Run } from "./passParts";
import { reusesPrefixExactly } from "./prefixCheck";
import { extraWidths, readExtras } from "./rowExtras";

/** Bytes of logits that one run may return. */
const LOGITS_BYTES = 128 * 2 ** 20;
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
  const models = options.second ? [model, options.second] : [model];
  const maxTokens = Math.min(options.maxBatchTokens, Math.floor(byMemory / models.length));
  let reuse = options.sharePrefixes;
  for (const one of models) reuse &&= canReusePrefix(one) && (await reusesPrefixExactly(one));
  const forest = prefixForest(
    sequences,
    reuse
      ? { minSaved: MIN_SAVED_TOKENS, maxSegment: maxTokens }
      : { minSaved: Infinity, maxSegment: Infinity },
  );
  const pass = new Pass(models, sequences, wanted, forest, {
    ...options,
    maxBatchTokens: maxTokens,
  });
  await pass.run();
  return { statistics: sequences.map((_, index) => pass.collect(index)), computedTokens: forest.tokens };
}

class Pass {
  private readonly results: NodeResult[];
  /** Caches of an inner node, one per model. */
  private readonly pasts = new Map<number, readonly PastState[]>();
  /** Logits after the last token of an inner node, one row per model: its children's first tokens are drawn from them. */
  private readonly lastRows = new Map<number, readonly (Float32Array | Float64Array)[]>();
  private readonly captured = new Map<number, Float32Array | Float64Array>();
  private readonly widths: ReadonlyMap<string, number>;
  private done = 0;

  /** @param models the scored one, and the second where there is one */
  constructor(
    private readonly models: readonly LoadedModel[],
    private readonly sequences: readonly (readonly number[])[],
    private readonly wanted: readonly Uint8Array[],
    private readonly forest: PrefixForest,
    private readonly options: CausalOptions,
  ) {
    this.widths = options.extras ? extraWidths(options.extras) : new Map<string, number>();
    this.results = new Array<NodeResult>(forest.nodes.length);
  }

  async run(): Promise<void> {
    for (const nodes of portions(this.models, this.forest)) {
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
        { maxTokens: this.options.maxBatchTokens, padding: this.models.every(canPad) },
      );
      for (const batch of plan) await this.batch(batch.members.map((member) => group[member]!));
    }
  }

  private async batch(indices: readonly number[]): Promise<void> {
    await breathe(this.options.signal);
    const { forest } = this;
    const nodes = indices.map((index) => forest.nodes[index]!);
    const rows = nodes.map((node) => this.sequences[node.representative]!.slice(node.start, node.end));
    const width = Math.max(...rows.map((row) => row.length));
    const keep = forest.internal[indices[0]!] === 1;
    const runs: Run[] = [];
    for (const [which, model] of this.models.entries())
      runs.push(await this.runModel(which, model, nodes, rows, width, keep));
    const [first, second] = runs as [Run, Run | undefined];
    const read = await this.readRun(first.values, first.vocabulary, nodes, rows, width);
    indices.forEach((index, r) => {
      const node = nodes[r]!;
      const length = rows[r]!.length;
      this.results[index] = this.statistics(node, first, second, read, r * width);
      addHidden(this.options.hidden ?? [], this.results[index], first.outputs, r, length);
      this.capture(node, first, r * width);
      if (keep) {
        this.pasts.set(
          index,
          this.models.map((model, which) => pastOfRow(model, runs[which]!.outputs, r, node.start + length)),
        );
        this.lastRows.set(
          index,
          runs.map(({ values, vocabulary }) => {
            const last = (r * width + length - 1) * vocabulary;
            return values.slice(last, last + vocabulary);
          }),
        );
      }
      this.done += length;
    });
    this.options.onBatch?.(this.done, forest.tokens);
  }

  /** Runs one of the models over a batch. */
  private async runModel(
    which: number,
    model: LoadedModel,
    nodes: readonly PrefixNode[],
    rows: readonly (readonly number[])[],
    width: number,
    keep: boolean,
  ): Promise<Run> {
    const parents = nodes.map((node) => (node.parent < 0 ? undefined : this.pasts.get(node.parent)?.[which]));
    const pasts = parents.every((past) => past !== undefined) ? parents : undefined;
    const name = logitsOutput(model).name;
    const fetches = [
      name,
      ...(keep ? pastInputs(model).map((spec) => presentName(spec.name)) : []),
      ...(which === 0 ? new Set((this.options.hidden ?? []).map((hidden) => hidden.output)) : []),
    ];
    const outputs = await model.session.run(textFeeds(model, rows, width, pasts), fetches);
    const logits = outputs[name]!;
    checkLogits(logits, rows.length, width);
    return { outputs, values: asFloats(logits), vocabulary: logits.dims[2]! };
  }

  /** Keeps the logits behind the tokens at which sequences ask for them. */
  private capture(node: PrefixNode, run: Run, offset: number): void {
    for (const member of this.options.capture ? node.through : []) {
      const position = this.options.capture![member]!;
      if (position >= node.start && position < node.end)
        this.captured.set(member, rowOf(run, offset + position - node.start).slice());
    }
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
    return asked
      ? readDistributions(values, vocabulary, targets, this.models[0]!.session.threads)
      : undefined;
  }

  private statistics(
    node: PrefixNode,
    first: Run,
    second: Run | undefined,
    read: RowNumbers | undefined,
    offset: number,
  ): NodeResult {
    const length = node.end - node.start;
    const { vocabulary } = first;
    const result = emptyResult(length, this.widths);
    const ids = this.sequences[node.representative]!;
    const { extras } = this.options;
    // The first token was drawn from the distribution behind the parent's last one.
    const before = node.parent < 0 ? undefined : this.lastRows.get(node.parent);
    if (before && this.isWanted(node, node.start)) {
      readDistribution(before[0]!, ids[node.start]!, result, 0);
      if (extras) readExtras(extras, before[0]!, before[1], ids[node.start]!, result.tables, 0);
    }
    for (let i = 1; i < length && read; i++) {
      const token = ids[node.start + i]!;
      if (token >= vocabulary || !this.isWanted(node, node.start + i)) continue;
      const row = offset + i - 1;
      result.logprob[i] = read.logprob[row]!;
      result.entropy[i] = read.entropy[row]!;
      result.rank[i] = Number.isNaN(result.logprob[i]!) ? NaN : read.rank[row]!;
      if (extras)
        readExtras(extras, rowOf(first, row), second && rowOf(second, row), token, result.tables, i);
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
    const all = emptyResult(length, this.widths);
    for (let index = this.forest.leafOf[sequence]!; index >= 0; index = this.forest.nodes[index]!.parent) {
      const node = this.forest.nodes[index]!;
      const part = this.results[index]!;
      for (const [layer, { width, data }] of part.hidden) {
        const whole = all.hidden.get(layer) ?? { width, data: new Float32Array(length * width) };
        whole.data.set(data.subarray(0, (node.end - node.start) * width), node.start * width);
        all.hidden.set(layer, whole);
      }
      for (let i = 0; i < node.end - node.start; i++) {
        if (this.wanted[sequence]![node.start + i] !== 1) continue;
        all.logprob[node.start + i] = part.logprob[i]!;
        all.entropy[node.start + i] = part.entropy[i]!;
        all.rank[node.start + i] = part.rank[i]!;
        for (const [name, { width, data }] of part.tables)
          all.tables.get(name)!.data.set(data.subarray(i * width, (i + 1) * width), (node.start + i) * width);
      }
    }
    const captured = this.captured.get(sequence);
    return captured ? { ...all, captured } : all;
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
