/** How per-token losses become one number; the choice decides whether long answers weigh more. */
export type LossAggregation =
  "token-mean" | "seq-mean-token-sum" | "seq-mean-token-mean" | "seq-mean-token-sum-norm";

/**
 * Aggregates per-token losses as verl does (core_algos.py, agg_loss).
 *
 * Rows whose mask is empty do not count as sequences, except in `seq-mean-token-sum-norm`, which divides the total by
 * `scale` (default: the padded length), whatever the number of rows.
 *
 * @param losses [N][T]; @param masks 1 = counts, [N][T]; @param scale divisor of seq-mean-token-sum-norm
 */
export function aggregateLoss(
  losses: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  mode: LossAggregation,
  scale?: number,
): number {
  let tokens = 0;
  let sequences = 0;
  let total = 0;
  let means = 0;
  losses.forEach((row, i) => {
    let sum = 0;
    let count = 0;
    for (let t = 0; t < row.length; t++) {
      if (!masks[i]![t]) continue;
      sum += row[t]!;
      count++;
    }
    total += sum;
    tokens += count;
    if (count > 0) {
      sequences++;
      means += sum / count;
    }
  });
  switch (mode) {
    case "token-mean":
      return total / tokens;
    case "seq-mean-token-sum":
      return total / sequences;
    case "seq-mean-token-mean":
      return means / sequences;
    case "seq-mean-token-sum-norm":
      return total / (scale ?? losses[0]?.length ?? NaN);
  }
}
