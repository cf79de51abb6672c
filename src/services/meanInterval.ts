/** Two-sided share of a 95 % interval. */
const LEVEL = 0.95;

/**
 * Probability that |t| stays below `t` with a whole number of degrees of freedom: the finite sums of Abramowitz and
 * Stegun 26.7.3 and 26.7.4.
 */
function studentWithin(t: number, degrees: number): number {
  const theta = Math.atan(t / Math.sqrt(degrees));
  const [sin, cos] = [Math.sin(theta), Math.cos(theta)];
  const odd = degrees % 2 === 1;
  let term = odd ? cos : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= ((k - 1) / k) * cos * cos;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (theta + sin * sum) : sin * sum;
}

/** Quantile of Student's t for a two-sided 95 % interval. */
export function studentQuantile(degrees: number): number {
  let [low, high] = [0, 1];
  while (studentWithin(high, degrees) < LEVEL) high *= 2;
  for (let i = 0; i < 100 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, degrees) < LEVEL) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Largest share of further samples that may differ from n equal ones, with 95 % confidence: the exact binomial (Clopper and
 * Pearson) upper bound for none of n.
 */
export const unseenShare = (n: number): number => 1 - (1 - LEVEL) ** (1 / n);

/**
 * Mean and its 95 % interval by Student's t, sample standard deviation (n - 1). A single number has no spread, and equal
 * numbers show none: Student's t would give them an interval of no width, as if they were certain, so theirs is without
 * bounds and `spread` is false.
 */
export function meanInterval(values: readonly number[]): {
  readonly mean: number;
  readonly interval: readonly [number, number];
  readonly spread: boolean;
} {
  const n = values.length;
  const [first] = values;
  if (first === undefined) return { mean: NaN, interval: [NaN, NaN], spread: false };
  if (values.every((value) => value === first))
    return { mean: first, interval: [-Infinity, Infinity], spread: false };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(n - 1) * Math.sqrt(variance / n);
  return { mean, interval: [mean - half, mean + half], spread: true };
}
