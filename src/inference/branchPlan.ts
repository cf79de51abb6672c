import { planBatches, type BatchLimits } from "./batching";
import type { PrefixForest } from "./prefixForest";

/** Nodes of a prefix forest that go through the model as one row, all behind one node that was computed before. */
export interface BranchRow {
  /** The node whose cache this row continues; -1 for none. */
  readonly anchor: number;
  /** Parents before children; the parent of each is in the row or is the anchor. */
  readonly members: readonly number[];
  /** Tokens of the cache and of the members. */
  readonly past: number;
  readonly tokens: number;
  /** Rows of wave w continue caches that rows of wave w - 1 gave. */
  readonly wave: number;
}

export interface BranchPlan {
  /** By wave. */
  readonly rows: readonly BranchRow[];
  /** 1 for nodes whose cache other rows continue. */
  readonly anchors: Uint8Array;
}

/** One row a node: for models whose attention cannot keep branches apart within a row. */
export function rowPerNode(forest: PrefixForest): BranchPlan {
  const rows = forest.nodes.map((node, index): BranchRow => ({
    anchor: node.parent,
    members: [index],
    past: node.start,
    tokens: node.end - node.start,
    wave: node.depth,
  }));
  return { rows: rows.sort((a, b) => a.wave - b.wave), anchors: forest.internal };
}

/**
 * Packs subtrees into rows of at most `width` tokens. A subtree that fits is one row; of a larger one, the top gets a row
 * and a cache, and what hangs below it is shared out over rows that continue that cache.
 */
export function packBranches(forest: PrefixForest, width: number): BranchPlan {
  const { nodes } = forest;
  const anchors = new Uint8Array(nodes.length);
  const children: number[][] = nodes.map(() => []);
  const roots: number[] = [];
  nodes.forEach(({ parent }, index) => (parent < 0 ? roots : children[parent]!).push(index));
  /** Tokens of a node and of everything below it that shares its row. */
  const together = new Float64Array(nodes.length);
  const open: { anchor: number; tops: number[]; tokens: number }[] = [];
  for (let index = nodes.length - 1; index >= 0; index--) {
    const own = nodes[index]!.end - nodes[index]!.start;
    const below = children[index]!.reduce((sum, child) => sum + together[child]!, 0);
    together[index] = own + (own + below <= width ? below : 0);
    if (below === 0 || own + below <= width) continue;
    anchors[index] = 1;
    // Largest first, so that rows end up about equally wide.
    const rows: { anchor: number; tops: number[]; tokens: number }[] = [];
    for (const child of [...children[index]!].sort((a, b) => together[b]! - together[a]! || a - b)) {
      const newest = rows.at(-1);
      if (newest && newest.tokens + together[child]! <= width) {
        newest.tops.push(child);
        newest.tokens += together[child]!;
      } else rows.push({ anchor: index, tops: [child], tokens: together[child]! });
    }
    open.push(...rows);
  }
  open.push(...roots.map((root) => ({ anchor: -1, tops: [root], tokens: together[root]! })));
  // Rows nearer to the roots were closed last; a row's wave is one more than that of the row that holds its anchor.
  const waveOf = new Int32Array(nodes.length);
  const rows: BranchRow[] = [];
  for (const { anchor, tops, tokens } of open.reverse()) {
    const wave = anchor < 0 ? 0 : waveOf[anchor]! + 1;
    const members: number[] = [];
    const stack = [...tops].reverse();
    while (stack.length > 0) {
      const index = stack.pop()!;
      members.push(index);
      waveOf[index] = wave;
      if (!anchors[index]) stack.push(...children[index]!.toReversed());
    }
    rows.push({ anchor, members, past: anchor < 0 ? 0 : nodes[anchor]!.end, tokens, wave });
  }
  return { rows: rows.sort((a, b) => a.wave - b.wave), anchors };
}

/** What a pass costs, in floating-point operations or what takes as long. */
export interface PassCosts {
  /** A token through all layers, attention apart. */
  readonly token: number;
  /** A token that attends to another one. */
  readonly pair: number;
  /** A token's keys and values cut out of one run and fed to another. */
  readonly copy: number;
  /** A run, whatever is in it: reading the weights, starting every operator. */
  readonly run: number;
  /** Tokens of one run. */
  readonly maxTokens: number;
}

/** How rows may go together. */
export interface WaveLimits extends BatchLimits {
  /** True where rows of one run may continue caches of different lengths, which are padded. */
  readonly mixedPasts: boolean;
}

/** Limits under which branches share rows: a run more is started where padding would cost more than that. */
export const branchLimits = (costs: PassCosts): WaveLimits => ({
  maxTokens: costs.maxTokens,
  maxPadding: costs.run / costs.token,
  padding: true,
  mixedPasts: true,
});

/** Caches of one run are padded to the longest, so they differ by no more than this factor. */
const PAST_SPREAD = 1.3;

/** The runs of one wave: rows of which caches are kept, and those of which none are, go apart. */
export function waveBatches(
  rows: readonly BranchRow[],
  anchors: Uint8Array,
  limits: WaveLimits,
): readonly (readonly BranchRow[])[] {
  const groups = new Map<string, BranchRow[]>();
  for (const row of rows) {
    const past = limits.mixedPasts ? Math.ceil(Math.log(row.past + 1) / Math.log(PAST_SPREAD)) : row.past;
    const key = `${past} ${row.members.some((index) => anchors[index])}`;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].flatMap((group) =>
    // A row's past is copied and attended to but not computed again, so it counts for little.
    planBatches(
      group.map((row) => row.tokens + Math.ceil(row.past / 10)),
      limits,
    ).map(({ members }) => members.map((member) => group[member]!)),
  );
}

/** Estimated cost of a plan, with the padding that its runs need. */
export function planCost({ rows, anchors }: BranchPlan, costs: PassCosts): number {
  const waves = new Map<number, BranchRow[]>();
  for (const row of rows) {
    const wave = waves.get(row.wave);
    if (wave) wave.push(row);
    else waves.set(row.wave, [row]);
  }
  let cost = 0;
  for (const wave of waves.values()) {
    for (const batch of waveBatches(wave, anchors, branchLimits(costs))) {
      const width = Math.max(...batch.map((row) => row.tokens));
      const past = Math.max(...batch.map((row) => row.past));
      const tokens = batch.length * width;
      cost += tokens * (costs.token + costs.pair * (past + width));
      cost += batch.length * past * costs.copy + costs.run;
    }
  }
  return cost;
}

/** Row widths that are tried. */
const WIDTHS = [1, 24, 48, 64, 96, 128, 192, 256, 512, 1024];

/** The cheapest packing: wide rows have fewer caches and runs, narrow ones less attention between branches. */
export function cheapestPacking(forest: PrefixForest, costs: PassCosts): BranchPlan {
  const plans = WIDTHS.filter((width) => width <= costs.maxTokens).map((width) =>
    packBranches(forest, width),
  );
  if (plans.length === 0) plans.push(rowPerNode(forest));
  return plans.reduce((best, plan) => (planCost(plan, costs) < planCost(best, costs) ? plan : best));
}
