import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Subtracts the mean of each column; rows are observations. */
export function centredColumns(rows: readonly ArrayLike<number>[]): readonly Float64Array[] {
  const width = rows[0]?.length ?? 0;
  const means = new Float64Array(width);
  for (const row of rows) for (let k = 0; k < width; k++) means[k]! += row[k]! / rows.length;
  return rows.map((row) => Float64Array.from({ length: width }, (_, k) => row[k]! - means[k]!));
}

/**
 * Singular values of the centred matrix [T][D], descending, min(T, D) of them, by way of the smaller Gram matrix.
 * Values below the rounding of the square root (1e-8 of the largest) are 0. NaN, all of them, for rows that are not finite.
 */
export function centredSingularValues(rows: readonly ArrayLike<number>[]): Float64Array {
  const centred = centredColumns(rows);
  const height = centred.length;
  const width = centred[0]?.length ?? 0;
  const size = Math.min(height, width);
  if (size === 0) return new Float64Array(0);
  // The decomposition does not end well on numbers that are not finite; they have no spectrum.
  if (!centred.every((row) => row.every(Number.isFinite))) return new Float64Array(size).fill(NaN);
  const tall = height > width;
  const gram = Matrix.zeros(size, size);
  for (let a = 0; a < size; a++) {
    for (let b = a; b < size; b++) {
      let sum = 0;
      if (tall) for (let t = 0; t < height; t++) sum += centred[t]![a]! * centred[t]![b]!;
      else for (let k = 0; k < width; k++) sum += centred[a]![k]! * centred[b]![k]!;
      gram.set(a, b, sum);
      gram.set(b, a, sum);
    }
  }
  const values = new EigenvalueDecomposition(gram, { assumeSymmetric: true }).realEigenvalues;
  const singular = Float64Array.from(values, (value) => Math.sqrt(Math.max(0, value))).sort((a, b) => b - a);
  const floor = (singular[0] ?? 0) * 1e-8;
  return singular.map((value) => (value <= floor ? 0 : value));
}

/** exp of the entropy of the normalised singular values: how many directions the rows really use. */
export function effectiveRank(singular: ArrayLike<number>): number {
  let total = 0;
  for (let k = 0; k < singular.length; k++) total += singular[k]!;
  let entropy = 0;
  for (let k = 0; k < singular.length; k++) {
    const share = singular[k]! / (total + 1e-8);
    entropy -= share * Math.log(share + 1e-8);
  }
  return Math.exp(entropy);
}
