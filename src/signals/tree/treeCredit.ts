import { meanAndSpread } from "../kernels/groupNormalisation";

/** A branching search with rewards at its leaves; parents come before their children. */
export interface RewardTree {
  /** Index of the parent, -1 for the root, [N]. */
  readonly parents: Int32Array;
  /** Reward of each leaf, NaN where it is not known; inner nodes are ignored, [N]. */
  readonly leafRewards: Float64Array;
}

export interface TreeValues {
  /** Leaf reward, or the mean of the children's values (not of the leaves), [N]. */
  readonly values: Float64Array;
  /** Population deviation of the direct children's values; NaN for leaves, [N]. */
  readonly spreads: Float64Array;
  /** Children per node, [N]. */
  readonly children: readonly (readonly number[])[];
}

/** Aggregates leaf rewards upwards: value = mean of the children, spread = population deviation of the children. */
export function treeValues(tree: RewardTree): TreeValues {
  const size = tree.parents.length;
  const children: number[][] = Array.from({ length: size }, () => []);
  for (let node = 0; node < size; node++) {
    const parent = tree.parents[node]!;
    if (parent >= 0) children[parent]!.push(node);
  }
  const values = new Float64Array(size).fill(NaN);
  const spreads = new Float64Array(size).fill(NaN);
  for (let node = size - 1; node >= 0; node--) {
    const below = children[node]!;
    if (below.length === 0) {
      values[node] = tree.leafRewards[node]!;
      continue;
    }
    const { mean, spread } = meanAndSpread(
      Float64Array.from(below, (child) => values[child]!),
      "population",
    );
    values[node] = mean;
    spreads[node] = spread;
  }
  return { values, spreads, children };
}

/** How an edge is credited. `rloo` here is child minus parent, the child being part of the parent's mean. */
export type EdgeMethod = "rloo" | "grpo";

/** Added to the parent's spread under `grpo`. */
export const edgeEpsilon = 1e-8;

/** Chance that one of four tries from a state of value v succeeds: the prover's value of a state. */
export function proverValue(value: number): number {
  return 1 - (1 - value) ** 4;
}

export interface EdgeCredit {
  /** Advantage of the edge that enters each node; NaN for the root, [N]. */
  readonly advantages: Float64Array;
  /** Difference of the prover's values along the edge; NaN for the root, [N]. */
  readonly provers: Float64Array;
}

/** Credit of every edge of a tree. */
export function edgeCredit(
  tree: RewardTree,
  { values, spreads }: TreeValues,
  method: EdgeMethod,
): EdgeCredit {
  const size = tree.parents.length;
  const advantages = new Float64Array(size).fill(NaN);
  const provers = new Float64Array(size).fill(NaN);
  for (let node = 0; node < size; node++) {
    const parent = tree.parents[node]!;
    if (parent < 0) continue;
    const difference = values[node]! - values[parent]!;
    advantages[node] = method === "rloo" ? difference : difference / (spreads[parent]! + edgeEpsilon);
    provers[node] = proverValue(values[node]!) - proverValue(values[parent]!);
  }
  return { advantages, provers };
}

/** Target of a process advantage verifier: value of the child plus `weight` times the prover's advantage. */
export function verifierTarget(value: number, prover: number, weight = 5): number {
  return value + weight * prover;
}
