import { quantileSorted } from "d3";

/** What a scale spans, and whether numbers lie beyond it. */
export interface Limits {
  readonly low: number;
  readonly high: number;
  /** How many finite values lie outside. */
  readonly beyond: number;
}

const SAMPLE = 20_000;

/**
 * Robust limits of a series: the 2nd and 98th percentile from 50 values on (so that one outlier does not flatten the
 * rest), the extremes below that. Signed series get symmetric limits around zero. Undefined when nothing is finite.
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
  const robust = finite.length >= 50;
  let low = robust ? quantileSorted(finite, 0.02)! : finite[0]!;
  let high = robust ? quantileSorted(finite, 0.98)! : finite[finite.length - 1]!;
  if (signed) {
    high = Math.max(Math.abs(low), Math.abs(high)) || Math.max(Math.abs(finite[0]!), Math.abs(finite[finite.length - 1]!)) || 1;
    low = -high;
  } else {
    if (low === high) {
      low = finite[0]!;
      high = finite[finite.length - 1]!;
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

/** Counts the finite values outside [low, high]. */
export function countBeyond(values: ArrayLike<number>, low: number, high: number): number {
  let beyond = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isFinite(value) && (value < low || value > high)) beyond++;
  }
  return beyond;
}
