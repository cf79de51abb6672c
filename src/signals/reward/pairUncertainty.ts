import { inverse, Matrix } from "ml-matrix";
import type { Tree } from "../../model/tree";

/** Leaves of a prefix tree with the prior covariance of their rewards. */
export interface LeafPrior {
  /** Trajectory of each leaf, in the order of the tree. */
  readonly leaves: readonly string[];
  /** Prior covariance, [leaves][leaves]. */
  readonly covariance: readonly Float64Array[];
  /** Edges that two leaves share, [leaves][leaves]. */
  readonly sharedEdges: readonly Int32Array[];
}

/**
 * Gaussian counterpart of the tree's structure (own design): the covariance of two leaves is the variance of the prefix
 * edges that they share. A root counts as an edge only where it adds text of its own.
 */
export function leafPrior(tree: Tree, edgeVariance: number, weigh: "edges" | "tokens"): LeafPrior {
  const { nodes } = tree;
  const ends = nodes.flatMap((node, index) => (node.leaf && node.trajectoryId !== undefined ? [index] : []));
  const paths = ends.map((end) => {
    const path: number[] = [];
    for (let at = end; at >= 0 && path.length <= nodes.length; at = nodes[at]!.parent)
      if (nodes[at]!.parent >= 0) path.push(at);
    return new Set(path);
  });
  const weight = (node: number): number => (weigh === "tokens" ? (nodes[node]!.tokenCount ?? 1) : 1);
  const covariance = ends.map(() => new Float64Array(ends.length));
  const sharedEdges = ends.map(() => new Int32Array(ends.length));
  paths.forEach((own, a) => {
    paths.forEach((other, b) => {
      for (const node of own) {
        if (!other.has(node)) continue;
        covariance[a]![b]! += edgeVariance * weight(node);
        sharedEdges[a]![b]!++;
      }
    });
  });
  return { leaves: ends.map((end) => nodes[end]!.trajectoryId!), covariance, sharedEdges };
}

/** Noise of one comparison under a logistic label of inverse temperature beta: pi^2 / 3 / beta^2. */
export function comparisonNoise(beta: number): number {
  return Math.PI ** 2 / 3 / beta ** 2;
}

/**
 * Posterior covariance after comparisons that observe the difference of two rewards with noise.
 *
 * @param compared pairs of rows; @param noise variance of one comparison, above 0
 */
export function posteriorCovariance(
  covariance: readonly ArrayLike<number>[],
  compared: readonly (readonly [number, number])[],
  noise: number,
): readonly Float64Array[] {
  const size = covariance.length;
  const prior = covariance.map((row) => Float64Array.from(row));
  if (compared.length === 0) return prior;
  const difference = (row: number, [a, b]: readonly [number, number]): number =>
    prior[row]![a]! - prior[row]![b]!;
  const cross = new Matrix(prior.map((_, row) => compared.map((pair) => difference(row, pair))));
  const observed = Matrix.zeros(compared.length, compared.length);
  compared.forEach(([a, b], i) => {
    compared.forEach((_, j) => observed.set(i, j, cross.get(a, j) - cross.get(b, j) + (i === j ? noise : 0)));
  });
  const gain = cross.mmul(inverse(observed)).mmul(cross.transpose());
  return prior.map((row, a) => Float64Array.from({ length: size }, (_, b) => row[b]! - gain.get(a, b)));
}

/** Variance of the difference of two rewards, never below 0. */
export function pairVariance(covariance: readonly ArrayLike<number>[], a: number, b: number): number {
  return Math.max(0, covariance[a]![a]! + covariance[b]![b]! - 2 * covariance[a]![b]!);
}

/** Information of one more comparison about its own pair, nats: half log(1 + variance / noise). */
export function comparisonGain(variance: number, noise: number): number {
  return 0.5 * Math.log(1 + variance / noise);
}
