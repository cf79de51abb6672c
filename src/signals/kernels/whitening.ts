/** How a masked whitening divides. */
export interface WhiteningConvention {
  /** sample = divides by n-1, population = divides by n. */
  readonly std: "sample" | "population";
  /** Added to the variance (`inside-root`, as `rsqrt(var + eps)`) or to the deviation (`outside-root`). */
  readonly epsilon: number;
  readonly epsilonPlace: "inside-root" | "outside-root";
  /** false adds the mean back afterwards. */
  readonly shiftMean: boolean;
}

/** verl and TRL: `(x - mean) * rsqrt(var + 1e-8)`, variance over n-1. */
export const torchWhitening: WhiteningConvention = {
  std: "sample",
  epsilon: 1e-8,
  epsilonPlace: "inside-root",
  shiftMean: true,
};

export interface MaskedMoments {
  readonly count: number;
  readonly mean: number;
  /** Variance under the convention; NaN when it is undefined (one selected value and n-1). */
  readonly variance: number;
}

/** Mean and variance over the entries whose mask is not 0. Equal values have a variance of exactly 0. */
export function maskedMoments(
  values: Float64Array,
  mask: ArrayLike<number> | undefined,
  std: "sample" | "population",
): MaskedMoments {
  let count = 0;
  let sum = 0;
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (mask !== undefined && !mask[i]) continue;
    const value = values[i]!;
    count++;
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (count === 0) return { count, mean: NaN, variance: NaN };
  const equal = least === most && Number.isFinite(least) && !Number.isNaN(sum);
  const mean = equal ? least : sum / count;
  const divisor = std === "sample" ? count - 1 : count;
  if (divisor === 0) return { count, mean, variance: NaN };
  if (equal) return { count, mean, variance: 0 };
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask !== undefined && !mask[i]) continue;
    const deviation = values[i]! - mean;
    squares += deviation * deviation;
  }
  return { count, mean, variance: squares / divisor };
}

/**
 * Mean and variance (n-1) of values of which each stands `counts` times: an advantage on every token of its rollout.
 * NaN variance with fewer than two tokens.
 */
export function repeatedMoments(values: Float64Array, counts: Float64Array): MaskedMoments {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    count += counts[i]!;
    sum += counts[i]! * values[i]!;
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += counts[i]! * (values[i]! - mean) ** 2;
  return { count, mean, variance: count > 1 ? squares / (count - 1) : NaN };
}

/**
 * Masked whitening: moments over the masked-in entries, applied to every entry (masked-out ones too, as the
 * frameworks do; multiply by the mask afterwards where they do).
 *
 * @param values [N], any layout; @param mask [N], undefined = all
 * @returns the whitened values, [N], with the moments that were used
 */
export function whiten(
  values: Float64Array,
  mask: ArrayLike<number> | undefined,
  convention: WhiteningConvention = torchWhitening,
  out: Float64Array = new Float64Array(values.length),
): { readonly values: Float64Array; readonly moments: MaskedMoments; readonly scale: number } {
  const moments = maskedMoments(values, mask, convention.std);
  const scale =
    convention.epsilonPlace === "inside-root"
      ? 1 / Math.sqrt(moments.variance + convention.epsilon)
      : 1 / (Math.sqrt(moments.variance) + convention.epsilon);
  const back = convention.shiftMean ? 0 : moments.mean;
  for (let i = 0; i < values.length; i++) out[i] = (values[i]! - moments.mean) * scale + back;
  return { values: out, moments, scale };
}

/**
 * Masked whitening over a batch of rows, as the frameworks whiten a padded matrix.
 *
 * @param rows [N][T], rows may differ in length; @param masks 1 = counts for the moments, same shapes
 * @throws Error when fewer than two entries count under `sample`, where the frameworks raise or give NaN
 */
export function whitenRows(
  rows: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  convention: WhiteningConvention = torchWhitening,
  loneEntry: "refuse" | "nan" = "refuse",
): readonly Float64Array[] {
  const size = rows.reduce((total, row) => total + row.length, 0);
  const flat = new Float64Array(size);
  const mask = new Uint8Array(size);
  let offset = 0;
  rows.forEach((row, i) => {
    flat.set(row, offset);
    for (let t = 0; t < row.length; t++) mask[offset + t] = masks[i]![t] ? 1 : 0;
    offset += row.length;
  });
  const whitened = whiten(flat, mask, convention, flat);
  if (loneEntry === "refuse" && Number.isNaN(whitened.moments.variance) && whitened.moments.count < 2) {
    throw new Error(
      `Whitening needs at least two tokens under the mask; the batch has ${whitened.moments.count}.`,
    );
  }
  offset = 0;
  return rows.map((row) => flat.subarray(offset, (offset += row.length)));
}
