import { meanAndSpread } from "../kernels/groupNormalisation";
import { logSoftmax } from "./unir";

/**
 * How often each message has occurred in its episode so far, itself included; the reset's message counts
 * (obs_wrappers.py, MessageWrapper). A coefficient of 0 switches counting off: always 1.
 */
export function messageCounts(messages: readonly string[], coefficient: number): Float64Array {
  const seen = new Map<string, number>();
  return Float64Array.from(messages, (message) => {
    const count = (seen.get(message) ?? 0) + 1;
    seen.set(message, count);
    return coefficient === 0 ? 1 : count;
  });
}

/** Running mean and variance of ONI's ranking reward. */
export interface RunningMoments {
  readonly mean: number;
  readonly variance: number;
  readonly count: number;
}

export const momentsStart: RunningMoments = { mean: 0, variance: 1, count: 1e-4 };

/** Merges a batch; its variance is unbiased, so a batch of one makes the variance NaN, as released. */
export function updateMoments(state: RunningMoments, batch: Float64Array): RunningMoments {
  const { mean, spread } = meanAndSpread(batch, "sample");
  const size = batch.length;
  const count = state.count + size;
  const shift = mean - state.mean;
  const squares =
    state.variance * state.count + spread * spread * size + (shift * shift * state.count * size) / count;
  return { mean: state.mean + (shift * size) / count, variance: squares / count, count };
}

/** Standardised rewards, 0 where they do not exceed the threshold. */
export function thresholdedRewards(
  raw: Float64Array,
  moments: Pick<RunningMoments, "mean" | "variance">,
  threshold: number,
): Float64Array {
  const spread = Math.sqrt(moments.variance);
  return raw.map((value) => {
    const normal = (value - moments.mean) / spread;
    return normal <= threshold ? 0 : normal;
  });
}

/**
 * Reward of each step (appo/learner.py): `extrinsic coefficient * r + intrinsic coefficient * r_int * count^-exponent`.
 *
 * @param intrinsic retrieval or classification labels, or the ranking model's output; as released the online ranking
 *   variant uses the raw output although it computes a normalised one
 */
export function combinedRewards(
  extrinsic: Float64Array,
  intrinsic: Float64Array,
  counts: ArrayLike<number>,
  options: {
    readonly extrinsicCoefficient: number;
    readonly intrinsicCoefficient: number;
    readonly exponent: number;
  },
): { readonly rewards: Float64Array; readonly discounts: Float64Array } {
  const discounts = Float64Array.from(
    { length: extrinsic.length },
    (_, t) => counts[t]! ** -options.exponent,
  );
  const rewards = extrinsic.map(
    (reward, t) =>
      options.extrinsicCoefficient * reward + options.intrinsicCoefficient * intrinsic[t]! * discounts[t]!,
  );
  return { rewards, discounts };
}

/** Label of each message from a table; a message that was never labelled gives 0 and is queued. */
export function retrievedLabels(
  messages: readonly string[],
  table: ReadonlyMap<string, number>,
): { readonly labels: Float64Array; readonly unlabelled: readonly string[] } {
  return {
    labels: Float64Array.from(messages, (message) => table.get(message) ?? 0),
    unlabelled: [...new Set(messages.filter((message) => !table.has(message)))],
  };
}

/** 1 where the probability of class 1 is strictly above the threshold. */
export function classifiedLabels(logits: readonly ArrayLike<number>[], threshold: number): Float64Array {
  return Float64Array.from(logits, (row) => (Math.exp(logSoftmax(row)[1]!) > threshold ? 1 : 0));
}

/** Soft target of a preference label: 0 = first, 1 = second, above 1 = tie. */
export function preferenceTarget(label: number): readonly [number, number] {
  return label > 1 ? [0.5, 0.5] : label === 1 ? [0, 1] : [1, 0];
}

/** Bradley-Terry loss of the ranking reward model, mean over pairs. */
export function rankingLoss(pairs: readonly ArrayLike<number>[], labels: ArrayLike<number>): number {
  let total = 0;
  pairs.forEach((pair, i) => {
    const logs = logSoftmax(pair);
    const target = preferenceTarget(labels[i]!);
    total -= target[0] * logs[0]! + target[1] * logs[1]!;
  });
  return total / pairs.length;
}
