import { Failure } from "../model/failure";
import {
  branchLimits,
  cheapestPacking,
  rowPerNode,
  waveBatches,
  type BranchPlan,
  type BranchRow,
  type WaveLimits,
} from "./branchPlan";
import { fillRow, layoutOf, stretchesTo, type FilledRow } from "./branchRows";
import type { CausalOptions, CausalResult } from "./causalOptions";
import { BranchPoint, readDistributions, type RowNumbers, type TokenStatistics } from "./distribution";
import type { LoadedModel } from "./loadedModel";
import { checkLogits, logitsOutput } from "./logits";
import { addHidden, emptyResult, passCosts, portionsOf, rowOf, type NodeResult, type Run } from "./passParts";
import { branchesExactly, reusesPrefixExactly } from "./prefixCheck";
import { prefixForest, type PrefixForest, type PrefixNode } from "./prefixForest";
import { extraWidths, readExtras } from "./rowExtras";
import { asFloats } from "./tensors";
import {
  canPad,
  canReusePrefix,
  pastInputs,
  pastOfRow,
  presentName,
  textFeeds,
  type BranchLayout,
  type PastState,
} from "./textBatch";

/** Bytes of logits that one run may return. */
const LOGITS_BYTES = 128 * 2 ** 20;
/** A shared stretch that saves fewer tokens is not worth a run of its own. */
const MIN_SAVED_TOKENS = 32;
/** Where branches share a row, a shared stretch needs no run of its own. */
const MIN_SAVED_IN_ROW = 4;

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
  let reuse = options.sharePrefixes && sequences.length > 1;
  for (const one of models) reuse &&= canReusePrefix(one) && (await reusesPrefixExactly(one));
  let branching = reuse;
  for (const one of models) branching &&= await branchesExactly(one);
  const forest = prefixForest(
    sequences,
    reuse
      ? { minSaved: branching ? MIN_SAVED_IN_ROW : MIN_SAVED_TOKENS, maxSegment: maxTokens }
      : { minSaved: Infinity, maxSegment: Infinity },
  );
  const costs = passCosts(models, maxTokens);
  const plan = branching ? cheapestPacking(forest, costs) : rowPerNode(forest);
  const limits = branching
    ? branchLimits(costs)
    : { maxTokens, padding: models.every(canPad), mixedPasts: false };
  const pass = new Pass(models, sequences, wanted, forest, plan, limits, options);
  await pass.run();
  return { statistics: sequences.map((_, index) => pass.collect(index)), computedTokens: forest.tokens };
}

class Pass {
  private readonly results: NodeResult[];
  /** Caches of the anchors, one per model. */
  private readonly pasts = new Map<number, readonly PastState[]>();
  /** What the models say after the last token of an anchor: first tokens of what continues it are drawn from that. */
  private readonly ends = new Map<number, readonly BranchPoint[]>();
  private readonly captured = new Map<number, Float32Array | Float64Array>();
  private readonly widths: ReadonlyMap<string, number>;
  private done = 0;

  /**
   * @param models the scored one, and the second where there is one
   * @param limits what may go together in one run
   */
  constructor(
    private readonly models: readonly LoadedModel[],
    private readonly sequences: readonly (readonly number[])[],
    private readonly wanted: readonly Uint8Array[],
    private readonly forest: PrefixForest,
    private readonly plan: BranchPlan,
    private readonly limits: WaveLimits,
    private readonly options: CausalOptions,
  ) {
    this.widths = options.extras ? extraWidths(options.extras) : new Map<string, number>();
    this.results = new Array<NodeResult>(forest.nodes.length);
  }

  async run(): Promise<void> {
    const { rows, anchors } = this.plan;
    const portionOf = portionsOf(this.models, this.forest, anchors);
    const waves = new Map<string, BranchRow[]>();
    for (const row of rows) {
      const key = `${portionOf[row.members[0]!]} ${row.wave}`;
      const list = waves.get(key);
      if (list) list.push(row);
      else waves.set(key, [row]);
    }
    // Rows are listed by wave, so each portion's waves are in order; one portion is finished before the next.
    const keys = [...waves.keys()].sort((a, b) => Number.parseInt(a) - Number.parseInt(b));
    for (const key of keys) await this.wave(waves.get(key)!);
  }

  /** Rows whose caches are all there. */
  private async wave(rows: readonly BranchRow[]): Promise<void> {
    for (const batch of waveBatches(rows, this.plan.anchors, this.limits)) await this.batch(batch);
    for (const { anchor } of rows) {
      this.pasts.delete(anchor);
      this.ends.delete(anchor);
    }
  }

  private async batch(planned: readonly BranchRow[]): Promise<void> {
    await breathe(this.options.signal);
    const { forest } = this;
    const rows = planned.map((row) => fillRow(forest, row, this.sequences));
    const width = Math.max(...rows.map((row) => row.ids.length));
    const layout = this.limits.mixedPasts ? layoutOf(forest, rows, width) : undefined;
    const keep = planned[0]!.members.some((index) => this.plan.anchors[index]);
    const runs: Run[] = [];
    for (const [which, model] of this.models.entries())
      runs.push(await this.runModel(which, model, rows, width, keep, layout));
    const asked = new Map(
      rows.flatMap(({ row }) => row.members.map((index) => [index, this.askedOf(index)])),
    );
    const read = await this.readRun(runs[0]!, rows, width, asked);
    const past = Math.max(...planned.map((row) => row.past));
    for (const [r, filled] of rows.entries()) {
      const ends = new Map<number, readonly BranchPoint[]>();
      /** What the models say after the last token of a node of this row. */
      const endOf = (index: number): readonly BranchPoint[] => {
        const node = forest.nodes[index]!;
        const last = r * width + filled.offsets.get(index)! + node.end - node.start - 1;
        const found = ends.get(index) ?? runs.map((run) => new BranchPoint(rowOf(run, last)));
        ends.set(index, found);
        return found;
      };
      for (const index of filled.row.members) {
        const node = forest.nodes[index]!;
        const offset = filled.offsets.get(index)!;
        const before =
          node.parent < 0
            ? undefined
            : filled.offsets.has(node.parent)
              ? endOf(node.parent)
              : this.ends.get(node.parent);
        this.results[index] = this.statistics(
          node,
          runs,
          read,
          r * width + offset,
          before,
          asked.get(index)!,
        );
        addHidden(
          this.options.hidden ?? [],
          this.results[index],
          runs[0]!.outputs,
          r,
          offset,
          node.end - node.start,
        );
        this.capture(node, runs[0]!, r * width + offset);
        if (!this.plan.anchors[index]) continue;
        const stretches = stretchesTo(forest, filled, index);
        const kept = [
          ...(filled.row.past > 0 ? [[0, filled.row.past] as const] : []),
          ...stretches.map(([from, to]) => [past + from, past + to] as const),
        ];
        this.pasts.set(
          index,
          this.models.map((model, which) => pastOfRow(model, runs[which]!.outputs, r, kept)),
        );
        // Copied: the run's own logits are let go.
        this.ends.set(
          index,
          endOf(index).map(({ logits }) => new BranchPoint(logits.slice())),
        );
      }
      this.done += filled.ids.length;
    }
    this.options.onBatch?.(this.done, forest.tokens);
  }

  /** Runs one of the models over a batch. */
  private async runModel(
    which: number,
    model: LoadedModel,
    rows: readonly FilledRow[],
    width: number,
    keep: boolean,
    layout: BranchLayout | undefined,
  ): Promise<Run> {
    const pasts = rows.map(({ row }) => this.pasts.get(row.anchor)?.[which]);
    const name = logitsOutput(model).name;
    const fetches = [
      name,
      ...(keep ? pastInputs(model).map((spec) => presentName(spec.name)) : []),
      ...(which === 0 ? new Set((this.options.hidden ?? []).map((hidden) => hidden.output)) : []),
    ];
    const ids = rows.map((row) => row.ids);
    const outputs = await model.session.run(textFeeds(model, ids, width, pasts, layout), fetches);
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

  /** 1 for the tokens of a node of which some sequence wants the numbers. */
  private askedOf(index: number): Uint8Array {
    const { through, start, end } = this.forest.nodes[index]!;
    const asked = new Uint8Array(end - start);
    let missing = asked.length;
    for (const member of through) {
      if (missing === 0) break;
      const wanted = this.wanted[member]!;
      for (let i = 0; i < asked.length; i++) {
        if (asked[i] === 1 || wanted[start + i] !== 1) continue;
        asked[i] = 1;
        missing--;
      }
    }
    return asked;
  }

  /**
   * Reads the distribution behind every token of a run at the token that follows it in its node; undefined when nobody
   * asks. Entry r * width + i belongs to token i of row r.
   */
  private async readRun(
    run: Run,
    rows: readonly FilledRow[],
    width: number,
    asked: ReadonlyMap<number, Uint8Array>,
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
    const { threads } = this.models[0]!.session;
    return any ? readDistributions(run.values, run.vocabulary, targets, threads) : undefined;
  }

  /**
   * @param offset the run's row of logits behind the node's first token
   * @param before what the models say before the node's first token
   */
  private statistics(
    node: PrefixNode,
    [first, second]: readonly Run[],
    read: RowNumbers | undefined,
    offset: number,
    before: readonly BranchPoint[] | undefined,
    asked: Uint8Array,
  ): NodeResult {
    const { vocabulary } = first!;
    const result = emptyResult(asked.length, this.widths);
    const ids = this.sequences[node.representative]!;
    const { extras } = this.options;
    if (before && asked[0] === 1) {
      before[0]!.read(ids[node.start]!, result, 0);
      if (extras)
        readExtras(extras, before[0]!.logits, before[1]?.logits, ids[node.start]!, result.tables, 0);
    }
    for (let i = 1; i < asked.length && read; i++) {
      const token = ids[node.start + i]!;
      if (token >= vocabulary || asked[i] === 0) continue;
      const row = offset + i - 1;
      result.logprob[i] = read.logprob[row]!;
      result.entropy[i] = read.entropy[row]!;
      result.rank[i] = Number.isNaN(result.logprob[i]!) ? NaN : read.rank[row]!;
      if (extras)
        readExtras(extras, rowOf(first!, row), second && rowOf(second, row), token, result.tables, i);
    }
    return result;
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

/** Lets messages (a cancellation) in between two runs, which themselves block the thread. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted)
    throw new Failure("cancelled", "Scoring was cancelled.", "Start it again when you want it.");
}
