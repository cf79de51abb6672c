/** x divided by its Euclidean norm, [D]; a vector of zeros becomes NaN. */
export function unitVector(values: ArrayLike<number>): Float64Array {
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += values[k]! ** 2;
  const norm = Math.sqrt(squares);
  return Float64Array.from({ length: values.length }, (_, k) => values[k]! / norm);
}

/** Mean of the unit vectors of rows [N][D], [D]; not brought back to length one. */
export function meanUnitVector(rows: readonly ArrayLike<number>[]): Float64Array {
  const width = rows[0]?.length ?? 0;
  const mean = new Float64Array(width);
  for (const row of rows.map(unitVector))
    for (let k = 0; k < width; k++) mean[k] = mean[k]! + row[k]! / rows.length;
  return mean;
}

/** Cosine of two vectors of the same length; NaN when one of them is zero. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let k = 0; k < a.length; k++) {
    dot += a[k]! * b[k]!;
    aa += a[k]! * a[k]!;
    bb += b[k]! * b[k]!;
  }
  return dot / (Math.sqrt(aa) * Math.sqrt(bb));
}

/** Goal-baseline reward of one frame with the two distances it is made of. */
export interface GoalBaselineReward {
  readonly reward: number;
  /** Signed distance to the goal along the direction baseline -> goal. */
  readonly along: number;
  /** Squared distance to the goal off that direction. */
  readonly offSquared: number;
}

/**
 * Goal-baseline regularised reward (AlignmentResearch/vlmrm, src/vlmrm/reward_model.py, CLIPReward):
 * `1 - |(x - g) P|^2 / 2`, `P = alpha d d^T / |d|^2 + (1 - alpha) I`, `d = g - b`.
 *
 * @param image raw frame embedding, [D]; @param goal, @param baseline from `meanUnitVector`, [D]
 * @param alpha 0 = no projection, 1 = only the direction from baseline to goal
 * @returns NaN when goal and baseline are equal, for every alpha
 */
export function goalBaselineReward(
  image: ArrayLike<number>,
  goal: ArrayLike<number>,
  baseline: ArrayLike<number>,
  alpha: number,
): GoalBaselineReward {
  const x = unitVector(image);
  let dd = 0;
  let ed = 0;
  let ee = 0;
  for (let k = 0; k < x.length; k++) {
    const d = goal[k]! - baseline[k]!;
    const e = x[k]! - goal[k]!;
    dd += d * d;
    ed += e * d;
    ee += e * e;
  }
  // The projection leaves the part along d whole and scales the rest by (1 - alpha).
  const along = ed / Math.sqrt(dd);
  const offSquared = ee - along * along;
  return { reward: 1 - (along * along + (1 - alpha) ** 2 * offSquared) / 2, along, offSquared };
}
