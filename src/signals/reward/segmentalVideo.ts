import { meanAndSpread } from "../kernels/groupNormalisation";

/** A frame that was drawn, with its weight. */
export interface DrawnFrame {
  readonly frame: number;
  readonly weight: number;
}

/**
 * Frames of a video that are scored, one of each segment (ali-vilab/VGen, utils/reward/reward.py, reward_scorer):
 * frame s L + local, L = floor(F / S), with weight exp(-lambda |frame - floor(F / 2)|).
 *
 * @param local drawn frame inside each segment, [S]; @param attenuation lambda, per frame; 0 = all weigh the same
 */
export function drawnFrames(
  frames: number,
  local: ArrayLike<number>,
  attenuation: number,
): readonly DrawnFrame[] {
  const length = Math.floor(frames / local.length);
  return Array.from(local, (offset, segment) => {
    const frame = segment * length + offset;
    return { frame, weight: Math.exp(-attenuation * Math.abs(frame - Math.floor(frames / 2))) };
  });
}

/**
 * Segmental video reward with temporal attenuation: mean weighted similarity of the drawn frames.
 *
 * @param similarity image-text similarity of every frame, [F]
 */
export function videoReward(similarity: ArrayLike<number>, drawn: readonly DrawnFrame[]): number {
  return drawn.reduce((sum, { frame, weight }) => sum + weight * similarity[frame]!, 0) / drawn.length;
}

/** Scores as they are, or kept in -5..5 when one of them is infinite, as released. */
export function boundedScores(scores: Float64Array): Float64Array {
  return scores.some((score) => Math.abs(score) === Infinity)
    ? scores.map((score) => Math.min(5, Math.max(-5, score)))
    : scores;
}

/** Reward loss (DiffRewardModel): mean of 1 - score, weighted by exp(-coefficient error) when errors are given. */
export function videoRewardLoss(
  scores: ArrayLike<number>,
  errors?: ArrayLike<number>,
  coefficient = 10,
): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++)
    sum += (1 - scores[i]!) * (errors ? Math.exp(-coefficient * errors[i]!) : 1);
  return sum / scores.length;
}

/** Reward-weighted loss (RWRRewardModel): mean of score times reconstruction error. */
export function rewardWeightedLoss(scores: ArrayLike<number>, errors: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += scores[i]! * errors[i]!;
  return sum / scores.length;
}

function moments(values: readonly number[]): { readonly mean: number; readonly std: number } {
  const { mean, spread } = meanAndSpread(Float64Array.from(values), "population");
  return { mean, std: spread };
}

/**
 * Advantages by the rewards that a prompt had lately (utils/reward/stat_tracking.py, PerPromptStatTracker): the last
 * `size` rewards of the prompt, this batch's included; below `least` of them the batch's own mean and deviation.
 */
export class PromptStatistics {
  readonly #rewards = new Map<string, number[]>();

  constructor(
    private readonly size: number,
    private readonly least: number,
    private readonly epsilon = 1e-6,
  ) {}

  /** Takes the rewards of a batch in and returns their advantages, [N]. */
  update(prompts: readonly string[], rewards: ArrayLike<number>): Float64Array {
    const batch = moments(Array.from(rewards));
    prompts.forEach((prompt, i) => {
      const known = this.#rewards.get(prompt) ?? [];
      known.push(rewards[i]!);
      if (known.length > this.size) known.shift();
      this.#rewards.set(prompt, known);
    });
    return Float64Array.from(prompts, (prompt, i) => {
      const known = this.#rewards.get(prompt)!;
      const { mean, std } = known.length < this.least ? batch : moments(known);
      return (rewards[i]! - mean) / (std + this.epsilon);
    });
  }

  /** Mean, population deviation and number of the rewards of every prompt. */
  statistics(): Readonly<
    Record<string, { readonly mean: number; readonly std: number; readonly count: number }>
  > {
    return Object.fromEntries(
      [...this.#rewards].map(([prompt, known]) => [prompt, { ...moments(known), count: known.length }]),
    );
  }
}
