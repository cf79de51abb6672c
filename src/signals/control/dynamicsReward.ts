/** Bounds between which the logit of one stored discriminator is held. */
export interface LogitRange {
  readonly learner: number;
  readonly expert: number;
}

const logistic = (value: number): number =>
  value >= 0 ? 1 / (1 + Math.exp(-value)) : Math.exp(value) / (1 + Math.exp(value));

/**
 * Logit held to a discriminator's range and stretched to +-half of a common width (MOREC, Luo et al., 2024;
 * polixir/morec, models/discriminator_ensemble_loader.py). The width is 2 max(|largest expert|, |smallest learner|).
 */
export function stretchedLogit(
  logit: number,
  { learner, expert }: LogitRange,
  largestExpert: number,
  smallestLearner: number,
): number {
  const width = 2 * Math.max(Math.abs(largestExpert), Math.abs(smallestLearner));
  const held = Math.min(expert, Math.max(learner, logit));
  return ((held - learner) / (expert - learner + 1e-7)) * width - width / 2;
}

/** Probability of real dynamics, or the reward -log(1 - p + 1e-9), of one discriminator's logit. */
export function memberReward(logit: number, asProbability: boolean): number {
  const probability = logistic(logit);
  return asProbability ? probability : -Math.log(1 - probability + 1e-9);
}

/**
 * Dynamics reward of one transition from the probabilities of all discriminators (merge_full_fake_reward):
 * -log(1 - mean of min(p, clip) + 1e-9). With a single discriminator neither mean nor clip is applied.
 */
export function dynamicsReward(probabilities: ArrayLike<number>, clip: number): number {
  if (probabilities.length === 1) return -Math.log(1 - probabilities[0]! + 1e-9);
  let sum = 0;
  for (let k = 0; k < probabilities.length; k++) sum += Math.min(clip, Math.max(0, probabilities[k]!));
  return -Math.log(1 - sum / probabilities.length + 1e-9);
}
