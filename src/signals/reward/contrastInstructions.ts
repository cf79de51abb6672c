import { polygonArea, polygonHull } from "d3-polygon";
import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { centredColumns } from "../kernels/spectrum";

/** A retrieved text with its similarity to the query. */
export interface Neighbour {
  readonly text: string;
  readonly similarity: number;
}

/**
 * Share of pairs whose first reward wins (shadowkiller33/Contrast-Instruction): strictly, as the inference scripts
 * count, or with equal rewards winning too, as reward_fusion.py counts.
 *
 * @param pairs rewards [wanted, other] of each pair
 * @throws Error without pairs
 */
export function consistency(
  pairs: readonly (readonly [number, number])[],
  rule: "strict" | "ties-win",
): { readonly count: number; readonly share: number } {
  if (pairs.length === 0) throw new Error("There are no pairs to take a share of.");
  const count = pairs.filter(([a, b]) => a > b || (rule === "ties-win" && a === b)).length;
  return { count, share: count / pairs.length };
}

/** The neighbours without repeated texts; the first of each stays. */
export function distinctNeighbours(neighbours: readonly Neighbour[]): readonly Neighbour[] {
  const seen = new Set<string>();
  return neighbours.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/**
 * Fused reward (code/reward_fusion.py, RewardTrainer.compute_loss): mean of the text's own reward and its neighbours'
 * rewards, weighted by 1 and by similarity.
 *
 * @param own reward of the text; @param neighbours as retrieved; @param rewards reward of each neighbour, [N]
 */
export function fusedReward(
  own: number,
  neighbours: readonly Neighbour[],
  rewards: ArrayLike<number>,
): number {
  let sum = own;
  let weights = 1;
  neighbours.forEach(({ similarity }, i) => {
    sum += similarity * rewards[i]!;
    weights += similarity;
  });
  return sum / weights;
}

/** Bradley-Terry loss of one pair, nats: -log sigmoid(chosen - rejected), without overflow. */
export function pairLoss(chosen: number, rejected: number): number {
  const margin = chosen - rejected;
  return Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
}

/**
 * Coordinates on the two main directions of centred rows, [N][2] (PCA; the sign of each direction is arbitrary).
 *
 * @throws Error with fewer than two rows or columns
 */
export function principalPlane(rows: readonly ArrayLike<number>[]): readonly (readonly [number, number])[] {
  if (rows.length < 2 || (rows[0]?.length ?? 0) < 2)
    throw new Error("A plane of main directions needs at least two rows and two columns.");
  if (!rows.every((row) => Array.from(row).every(Number.isFinite)))
    throw new Error("The rows hold numbers that are not finite: they have no main directions.");
  const centred = new Matrix(centredColumns(rows).map((row) => Array.from(row)));
  const svd = new SingularValueDecomposition(centred, { autoTranspose: true });
  const left = svd.leftSingularVectors;
  const scale = svd.diagonal;
  return rows.map((_, i) => [left.get(i, 0) * scale[0]!, left.get(i, 1) * scale[1]!]);
}

/**
 * Corners of the convex hull of points in the plane, as row numbers in rising order; points on an edge are no corners,
 * of equal points the first counts.
 *
 * @throws Error when all points lie on one line, as Qhull does
 */
export function hullCorners(points: readonly (readonly [number, number])[]): readonly number[] {
  const size = Math.max(...points.flatMap(([x, y]) => [Math.abs(x), Math.abs(y)]));
  const near = ([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): boolean =>
    Math.hypot(ax - bx, ay - by) <= 1e-12 * size;
  const distinct: [number, number][] = [];
  for (const point of points)
    if (!distinct.some((other) => near(point, other))) distinct.push([point[0], point[1]]);
  // Points that rounding alone lifts off an edge are no corners.
  let corners = polygonHull(distinct) ?? [];
  for (;;) {
    const bent = corners.findIndex((at, i) => {
      const before = corners[(i + corners.length - 1) % corners.length]!;
      const after = corners[(i + 1) % corners.length]!;
      return Math.abs(polygonArea([before, at, after])) * 2 <= 1e-12 * size * size;
    });
    if (bent < 0) break;
    corners = corners.filter((_, i) => i !== bent);
  }
  if (corners.length < 3) throw new Error("All points lie on one line: there is no hull around them.");
  return corners.map((corner) => points.findIndex((point) => near(point, corner))).sort((a, b) => a - b);
}
