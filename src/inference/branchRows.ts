import type { BranchRow } from "./branchPlan";
import type { PrefixForest, PrefixNode } from "./prefixForest";
import type { BranchLayout } from "./textBatch";

/**
 * Added to what a token may not see. exp of it is 0 in float32, and added to a model's own lowest number it does not
 * overflow.
 */
export const UNSEEN = -1e9;

/** A row of a run: the tokens of several nodes, and where each begins. */
export interface FilledRow {
  readonly row: BranchRow;
  readonly ids: readonly number[];
  /** Position of each token in its own sequence. */
  readonly positions: readonly number[];
  /** First token of each node in the row. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** Puts the tokens of a row's nodes one behind the other. */
export function fillRow(
  forest: PrefixForest,
  row: BranchRow,
  sequences: readonly (readonly number[])[],
): FilledRow {
  const ids: number[] = [];
  const positions: number[] = [];
  const offsets = new Map<number, number>();
  for (const index of row.members) {
    const { representative, start, end } = forest.nodes[index]!;
    offsets.set(index, ids.length);
    const tokens = sequences[representative]!;
    for (let position = start; position < end; position++) {
      ids.push(tokens[position]!);
      positions.push(position);
    }
  }
  return { row, ids, positions, offsets };
}

const lengthOf = (node: PrefixNode): number => node.end - node.start;

/** Stretches [from, to) of the row that hold a node and what it continues, from the row's beginning to the node's end. */
export function stretchesTo(
  forest: PrefixForest,
  filled: FilledRow,
  index: number,
): readonly (readonly [from: number, to: number])[] {
  const stretches: [number, number][] = [];
  for (let at = index; ; at = forest.nodes[at]!.parent) {
    const offset = at < 0 ? undefined : filled.offsets.get(at);
    if (offset === undefined) return stretches.reverse();
    stretches.push([offset, offset + lengthOf(forest.nodes[at]!)]);
  }
}

/** Where the tokens of a run's rows stand, and which of them they see, beside what the model's own mask says. */
export function layoutOf(forest: PrefixForest, rows: readonly FilledRow[], width: number): BranchLayout {
  const positions = rows.map((filled) => filled.positions);
  const past = Math.max(...rows.map(({ row }) => row.past));
  const branched = rows.some((filled) => !isOneBranch(forest, filled));
  if (!branched) return { positions };
  const total = past + width;
  const bias = new Float32Array(rows.length * width * total);
  rows.forEach((filled, r) => {
    if (isOneBranch(forest, filled)) return;
    for (const [index, offset] of filled.offsets) {
      const first = (r * width + offset) * total;
      bias.fill(UNSEEN, first + past, first + total);
      for (const [from, to] of stretchesTo(forest, filled, index))
        bias.fill(0, first + past + from, first + past + to);
      for (let i = 1; i < lengthOf(forest.nodes[index]!); i++)
        bias.copyWithin(first + i * total, first, first + total);
    }
  });
  return { positions, bias };
}

/** True when every node of a row continues the one before it. */
const isOneBranch = (forest: PrefixForest, { row }: FilledRow): boolean =>
  row.members.every((index, i) => i === 0 || forest.nodes[index]!.parent === row.members[i - 1]);
