/** Ranks from 1, ties sharing their mean rank, [N]. */
function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1]!] === values[order[start]!]) end++;
    for (let i = start; i <= end; i++) ranks[order[i]!] = (start + end) / 2 + 1;
    start = end + 1;
  }
  return ranks;
}

/**
 * Spearman rank correlation with mean ranks for ties.
 *
 * @returns NaN for fewer than two values, for constant values and when a value is NaN
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const size = a.length;
  if (size < 2) return NaN;
  for (let i = 0; i < size; i++) if (Number.isNaN(a[i]!) || Number.isNaN(b[i]!)) return NaN;
  const ra = averageRanks(a);
  const rb = averageRanks(b);
  const mean = (size + 1) / 2;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < size; i++) {
    const x = ra[i]! - mean;
    const y = rb[i]! - mean;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

/**
 * Spearman rank correlation by `1 - 6 sum d^2 / (n (n^2 - 1))`, ties ranked by their order (YunyiShen/ARM-FI,
 * model/bradleyterry.py, spearman_correlation).
 */
export function spearmanByOrder(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const ranks = (values: ArrayLike<number>): Float64Array => {
    const out = new Float64Array(values.length);
    Array.from({ length: values.length }, (_, i) => i)
      .sort((i, j) => values[i]! - values[j]!)
      .forEach((row, rank) => (out[row] = rank));
    return out;
  };
  const ra = ranks(a);
  const rb = ranks(b);
  const size = a.length;
  const squares = ra.reduce((sum, rank, i) => sum + (rank - rb[i]!) ** 2, 0);
  return 1 - (6 * squares) / (size * (size * size - 1));
}
