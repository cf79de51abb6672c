import { quantileSorted } from "d3";

/** What a scale spans, and whether numbers lie beyond it. */
export interface Limits {
  readonly low: number;
  readonly high: number;
  /** How many finite values lie outside. */
  readonly beyond: number;
}

const SAMPLE = 20_000;

/** How many times the range of the inner 96 % the whole range may be before the limits turn robust. */
const OUTLYING = 2.5;

/**
 * Robust limits of a series: the extremes, or the 2nd and 98th percentile where outliers would flatten the rest. Signed series get symmetric limits around zero, or zero
 * at an edge when all lie on one side. Undefined when nothing is finite.
 */
export function robustLimits(values: ArrayLike<number>, signed: boolean): Limits | undefined {
  const stride = Math.max(1, Math.ceil(values.length / SAMPLE));
  const finite: number[] = [];
  for (let index = 0; index < values.length; index += stride) {
    const value = values[index] as number;
    if (Number.isFinite(value)) finite.push(value);
  }
  if (finite.length === 0) return undefined;
  finite.sort((a, b) => a - b);
  const [least, most] = [finite[0]!, finite[finite.length - 1]!];
  const inner = [quantileSorted(finite, 0.02)!, quantileSorted(finite, 0.98)!] as const;
  // Smooth series are shown whole: only when the extremes would flatten the rest are they cut.
  const robust =
    finite.length >= 50 && most - least > OUTLYING * (inner[1] - inner[0]) && inner[1] > inner[0];
  let [low, high] = robust ? inner : [least, most];
  if (signed) {
    high = Math.max(Math.abs(low), Math.abs(high)) || Math.max(Math.abs(least), Math.abs(most)) || 1;
    low = -high;
    // One-sided series get the whole height; zero stays at the edge.
    if (least >= 0) low = 0;
    else if (most <= 0) high = 0;
  } else {
    if (low === high) {
      low = least;
      high = most;
    }
    if (low === high) {
      // A constant: zero stays in view, so that the line sits where its size says.
      if (low > 0) low = 0;
      else if (high < 0) high = 0;
      else high = 1;
    }
  }
  return { low, high, beyond: countBeyond(values, low, high) };
}

/** The larger distance of the two limits from zero: what a diverging scale spans on either side. */
export function reach(limits: { readonly low: number; readonly high: number }): number {
  return Math.max(Math.abs(limits.low), Math.abs(limits.high));
}

/** Counts the finite values outside [low, high]. */
export function countBeyond(values: ArrayLike<number>, low: number, high: number): number {
  let beyond = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isFinite(value) && (value < low || value > high)) beyond++;
  }
  return beyond;
}
