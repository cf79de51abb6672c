/** Two-sided share of a 95 % interval. */
const LEVEL = 0.95;

/**
 * Probability that |t| stays below `t` with a whole number of degrees of freedom: the finite sums of Abramowitz and
 * Stegun 26.7.3 and 26.7.4.
 */
export function studentWithin(t: number, degrees: number): number {
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

/** Mean and its 95 % interval by Student's t, sample standard deviation (n - 1); a single number has no interval. */
export function meanInterval(values: readonly number[]): {
  readonly mean: number;
  readonly interval: readonly [number, number];
} {
  const n = values.length;
  if (n === 0) return { mean: NaN, interval: [NaN, NaN] };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, interval: [-Infinity, Infinity] };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(n - 1) * Math.sqrt(variance / n);
  return { mean, interval: [mean - half, mean + half] };
}
