/** Means and deviations of a dynamics ensemble for one state and action. */
export interface EnsemblePrediction {
  /** Next state and reward of each model, [E][D]. */
  readonly means: readonly Float64Array[];
  readonly deviations: readonly Float64Array[];
}

export type UncertaintyMode = "aleatoric" | "pairwise-diff" | "ensemble_std";

const norm = (row: Float64Array): number => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));

/**
 * Uncertainty of a predicted transition (MOREC and MOPO; offlinerlkit/dynamics/ensemble_dynamics.py, step): largest norm
 * of the deviations, largest distance of a mean to the mean of means, or the root of the mean variance of the means.
 */
export function ensembleUncertainty(
  { means, deviations }: EnsemblePrediction,
  mode: UncertaintyMode,
): number {
  if (mode === "aleatoric") return Math.max(...deviations.map(norm));
  const [first] = means;
  if (!first) return NaN;
  const centre = first.map((_, d) => means.reduce((sum, row) => sum + row[d]!, 0) / means.length);
  const gaps = means.map((row) => row.map((value, d) => value - centre[d]!));
  if (mode === "pairwise-diff") return Math.max(...gaps.map(norm));
  const squares = gaps.reduce((sum, row) => sum + row.reduce((own, value) => own + value * value, 0), 0);
  return Math.sqrt(squares / (means.length * first.length));
}

/** Index of the candidate with the largest dynamics reward; the first of equal ones (`select_elite`). */
export function bestCandidate(rewards: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < rewards.length; k++) if (rewards[k]! > rewards[best]!) best = k;
  return best;
}

/** Probabilities with which `softmax_elite` draws a candidate: softmax of 10 times the dynamics reward. */
export function candidateProbabilities(rewards: Float64Array): Float64Array {
  const most = rewards.reduce((peak, value) => Math.max(peak, value), -Infinity);
  const weights = rewards.map((value) => Math.exp(10 * (value - most)));
  const sum = weights.reduce((total, value) => total + value, 0);
  return weights.map((value) => value / sum);
}

/**
 * True = the filter ends the rollout here: the chosen candidate's dynamics reward lies below the threshold and the
 * rollout is longer than the least length.
 *
 * @param step steps of the rollout so far, counted from 1; undefined = not counted, the filter always looks
 */
export function endsRollout(reward: number, threshold: number, step?: number, leastLength = 0): boolean {
  return reward < threshold && (step === undefined || step > leastLength);
}
