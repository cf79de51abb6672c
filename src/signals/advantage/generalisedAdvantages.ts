import { accumulateBackward } from "../kernels/backwardRecursion";
import { rounding, type Precision } from "../kernels/precision";
import type { Successors } from "../series/successorValues";

export interface GaeInput extends Successors {
  /** Reward of each step, [T]. */
  readonly rewards: Float64Array;
  /** Value of the state before each step, [T]. */
  readonly values: Float64Array;
}

export interface GaeResult {
  /** A_t, [T]. */
  readonly advantages: Float64Array;
  /** delta_t, [T]. */
  readonly deltas: Float64Array;
  /** A_t + V_t, [T]: the target of the value function. */
  readonly returns: Float64Array;
}

/**
 * Generalised advantage estimation: `delta_t = r_t + gamma V'_t - V_t`, `A_t = delta_t + gamma lambda c_t A_{t+1}`,
 * with `V'` the successor's value (0 after a terminal state) and `c` 0 where the episode ends.
 *
 * @param gamma one number, or one discount per step, [T] (rlax); @param lambda one number, or one per step, [T]
 */
export function generalisedAdvantages(
  input: GaeInput,
  gamma: number | Float64Array,
  lambda: number | Float64Array,
  precision: Precision = "float64",
): GaeResult {
  const { rewards, values, nextValues, carries } = input;
  const size = rewards.length;
  const deltas = new Float64Array(size);
  const decay = new Float64Array(size);
  const round = rounding(precision);
  const fixed = typeof gamma === "number" && typeof lambda === "number" && precision === "float64";
  if (fixed) {
    const product = gamma * lambda;
    for (let t = 0; t < size; t++) {
      deltas[t] = rewards[t]! + gamma * nextValues[t]! - values[t]!;
      decay[t] = product * carries[t]!;
    }
  } else {
    for (let t = 0; t < size; t++) {
      const discount = round(typeof gamma === "number" ? gamma : gamma[t]!);
      const mix = round(typeof lambda === "number" ? lambda : lambda[t]!);
      deltas[t] = round(
        round(round(rewards[t]!) + round(discount * round(nextValues[t]!))) - round(values[t]!),
      );
      decay[t] = round(round(discount * mix) * carries[t]!);
    }
  }
  const advantages = accumulateBackward(deltas, decay, new Float64Array(size), 0, precision);
  const returns = new Float64Array(size);
  for (let t = 0; t < size; t++) returns[t] = round(advantages[t]! + round(values[t]!));
  return { advantages, deltas, returns };
}

/**
 * GAE over a response with holes, as verl does it: masked-out positions (tool tokens, padding) are stepped over, the
 * value and the sum of the next policy token are carried across them, and they show the carried sum.
 * The last policy token is terminal unless `lastValue` is given.
 *
 * @param rewards [T]; @param values [T]; @param mask 1 = policy token, [T]
 */
export function skippingAdvantages(
  rewards: Float64Array,
  values: Float64Array,
  mask: ArrayLike<number>,
  gamma: number,
  lambda: number,
  lastValue = 0,
  precision: Precision = "float64",
): GaeResult {
  const size = rewards.length;
  const kept: number[] = [];
  for (let t = 0; t < size; t++) if (mask[t]) kept.push(t);
  const take = (from: Float64Array): Float64Array => Float64Array.from(kept, (t) => from[t]!);
  const keptValues = take(values);
  const nextValues = new Float64Array(kept.length);
  for (let k = 0; k < kept.length; k++) nextValues[k] = k + 1 < kept.length ? keptValues[k + 1]! : lastValue;
  const inner = generalisedAdvantages(
    {
      rewards: take(rewards),
      values: keptValues,
      nextValues,
      carries: new Float64Array(kept.length).fill(1),
    },
    gamma,
    lambda,
    precision,
  );
  const advantages = new Float64Array(size);
  const deltas = new Float64Array(size).fill(NaN);
  const returns = new Float64Array(size);
  let k = kept.length - 1;
  let carried = 0;
  for (let t = size - 1; t >= 0; t--) {
    if (mask[t]) {
      carried = inner.advantages[k]!;
      deltas[t] = inner.deltas[k]!;
      k--;
    }
    advantages[t] = carried;
    returns[t] = rounding(precision)(carried + values[t]!);
  }
  return { advantages, deltas, returns };
}

/**
 * RLlib's new API stack (rllib/utils/postprocessing/value_predictions.py, compute_value_targets): every episode chunk
 * is followed by one fake step that carries the value of its last state, and all chunks are processed in one array.
 * The rows of fake steps mean nothing and are discarded afterwards.
 *
 * @param rewards [T]; @param values [T]; @param terminated 1 at the last step and at the fake step of a terminated
 *   episode, [T]; @param truncated 1 at the fake step of a cut one, [T]
 */
export function fakeStepTargets(
  rewards: Float64Array,
  values: Float64Array,
  terminated: ArrayLike<number>,
  truncated: ArrayLike<number>,
  gamma: number,
  lambda: number,
): GaeResult {
  const size = rewards.length;
  const nextValues = new Float64Array(size);
  const carries = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    // The value of the next row enters even after a cut: that row is the next chunk's, and this row is discarded.
    nextValues[t] = terminated[t] || t + 1 === size ? 0 : values[t + 1]!;
    carries[t] = terminated[t] || truncated[t] ? 0 : 1;
  }
  return generalisedAdvantages({ rewards, values, nextValues, carries }, gamma, lambda);
}
