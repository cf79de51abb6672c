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
import { breathe } from "./breathe";
import type { CausalOptions, CausalResult } from "./causalOptions";
import { BranchPoint, type TokenStatistics } from "./distribution";
import type { LoadedModel } from "./loadedModel";
import { checkLogits, logitsOutput } from "./logits";
import { passCosts, portionsOf } from "./passCosts";
import {
  addHidden,
  nodeStatistics,
  readRun,
  rowOf,
  sequenceStatistics,
  type NodeResult,
  type Run,
} from "./passNumbers";
import { branchesExactly, reusesPrefixExactly } from "./prefixCheck";
import { prefixForest, type PrefixForest, type PrefixNode } from "./prefixForest";
import { extraWidths } from "./rowExtras";
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
    const read = await readRun(runs[0]!, rows, width, asked, this.models[0]!.session.threads);
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
        this.results[index] = nodeStatistics(
          { ids: this.sequences[node.representative]!, start: node.start, asked: asked.get(index)! },
          runs,
          read,
          r * width + offset,
          before,
          this.options.extras,
          this.widths,
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

  /** Numbers of one sequence. */
  collect(sequence: number): TokenStatistics {
    const [{ length }, wanted] = [this.sequences[sequence]!, this.wanted[sequence]!];
    const all = sequenceStatistics(this.forest, this.results, sequence, length, wanted, this.widths);
    const captured = this.captured.get(sequence);
    return captured ? { ...all, captured } : all;
  }
}
