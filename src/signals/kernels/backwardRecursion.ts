import type { Precision } from "./precision";

/**
 * The one backward recursion behind returns, GAE, TD(lambda), V-trace and Retrace:
 * `out[t] = input[t] + decay[t] * out[t+1]`, starting from `initial` after the last entry.
 *
 * @param input what each position adds, [T]
 * @param decay factor on the later sum: one number, or one per position, [T]; 0 stops the recursion there
 * @param out receives the result, [T]; may be `input` itself
 * @param initial the sum that stands after the last position (a bootstrap value, or 0)
 * @param precision float32 rounds after every operation, as a float32 framework does
 */
export function accumulateBackward(
  input: Float64Array,
  decay: Float64Array | number,
  out: Float64Array,
  initial = 0,
  precision: Precision = "float64",
): Float64Array {
  let running = initial;
  if (precision === "float32") {
    const fround = Math.fround;
    const constant = typeof decay === "number" ? fround(decay) : 0;
    running = fround(running);
    for (let t = input.length - 1; t >= 0; t--) {
      const factor = typeof decay === "number" ? constant : fround(decay[t]!);
      // 0 * NaN would leak the sum of a later episode across a stop, so a stop drops it.
      running = factor === 0 ? fround(input[t]!) : fround(fround(input[t]!) + fround(factor * running));
      out[t] = running;
    }
  } else if (typeof decay === "number") {
    for (let t = input.length - 1; t >= 0; t--) {
      running = decay === 0 ? input[t]! : input[t]! + decay * running;
      out[t] = running;
    }
  } else {
    for (let t = input.length - 1; t >= 0; t--) {
      const factor = decay[t]!;
      running = factor === 0 ? input[t]! : input[t]! + factor * running;
      out[t] = running;
    }
  }
  return out;
}
