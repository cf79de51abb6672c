import { covariance, inverse, Matrix } from "ml-matrix";
import { earthMoversDistance } from "./pointSetDistance";

export const descriptorMetrics = [
  "euclidean",
  "mahalanobis",
  "manhattan",
  "mink_0.1",
  "mink_1",
  "mink_0.01",
] as const;
export type DescriptorMetric = (typeof descriptorMetrics)[number];

function minkowski(a: Float64Array, b: Float64Array, power: number): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += Math.abs(a[d]! - b[d]!) ** power;
  return sum ** (1 / power);
}

/** Inverse of the covariance (n-1) of all points of both sets. */
const inverseCovariance = (points: readonly Float64Array[]): Matrix =>
  inverse(covariance(new Matrix(points.map((point) => Array.from(point)))));

/**
 * Distances between behaviour descriptors (GPaolo/STAX, core/evolvers/utils.py, calculate_distances), [N][M].
 * Mahalanobis uses the covariance of both sets together. @throws Error for an unknown metric
 */
export function descriptorDistances(
  descriptors: readonly Float64Array[],
  references: readonly Float64Array[],
  metric: DescriptorMetric,
): Float64Array[] {
  const table = (distance: (a: Float64Array, b: Float64Array) => number): Float64Array[] =>
    descriptors.map((a) => Float64Array.from(references, (b) => distance(a, b)));
  switch (metric) {
    case "euclidean":
      return table((a, b) => Math.sqrt(a.reduce((sum, value, d) => sum + (value - b[d]!) ** 2, 0)));
    case "manhattan":
    case "mink_1":
      return table((a, b) => minkowski(a, b, 1));
    case "mink_0.1":
      return table((a, b) => minkowski(a, b, 0.1));
    case "mink_0.01":
      return table((a, b) => minkowski(a, b, 0.01));
    case "mahalanobis": {
      const weights = inverseCovariance([...descriptors, ...references]);
      return table((a, b) => {
        const gap = Matrix.columnVector(Array.from(a, (value, d) => value - b[d]!));
        return Math.sqrt(gap.transpose().mmul(weights).mmul(gap).get(0, 0));
      });
    }
    default:
      throw new Error(
        `There is no distance "${String(metric)}"; there are ${descriptorMetrics.join(", ")}, optimal_control.`,
      );
  }
}

/** Distances between whole trajectories as point sets, blind to time (`optimal_control`), [N][M]. */
export function trajectoryDistances(
  trajectories: readonly (readonly Float64Array[])[],
  references: readonly (readonly Float64Array[])[],
): Float64Array[] {
  return trajectories.map((a) => Float64Array.from(references, (b) => earthMoversDistance(a, b)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Novelty of one descriptor (Lehman and Stanley, 2011, as in STAX and SERENE, novelty): mean distance to the `neighbours`
 * nearest references after the very nearest, which is taken to be the point itself, is dropped, whether or not it is.
 * NaN when nothing is left.
 *
 * @param distances to all references, [M]
 */
export function novelty(distances: Float64Array, neighbours: number): number {
  return mean(Array.from(distances.toSorted()).slice(1, neighbours + 1));
}

/**
 * Local competition: how many of the nearest references, the point itself moved to the front, have a strictly lower
 * reward (local_competitiveness).
 *
 * @param index of the point among the references; @param rewards of the references, [M]
 */
export function localCompetition(
  distances: Float64Array,
  index: number,
  rewards: ArrayLike<number>,
  neighbours: number,
): number {
  const order = [...distances.keys()].sort((a, b) => distances[a]! - distances[b]!);
  const place = order.indexOf(index);
  if (place > 0) {
    order[place] = order[0]!;
    order[0] = index;
  }
  return order.slice(1, neighbours + 1).filter((other) => rewards[other]! < rewards[order[0]!]!).length;
}

/**
 * Novelty in the original TAXONS (GPaolo/taxons, core/utils/optimizer.py, measure_novelty): the agent itself is taken
 * out of population and archive, then the mean of the k smallest distances, or of all where there are at most k.
 *
 * @param features of the last frame, population, [N][D]; @param archive [M][D]
 */
export function taxonsNovelty(
  features: readonly Float64Array[],
  archive: readonly Float64Array[],
  neighbours: number,
): Float64Array {
  const distances = descriptorDistances(features, [...features, ...archive], "euclidean");
  return Float64Array.from(distances, (row, own) => {
    const others = row.filter((_, index) => index !== own).sort();
    return mean(Array.from(others.subarray(0, neighbours)));
  });
}
