import { cosine, goalBaselineReward, unitVector } from "./goalBaseline";

/**
 * Contrasting language goal (zihaosheng/VLM-RL, clip/clip_reward_model.py, forward_vlm_rl): cosine to the collision
 * sentence minus cosine to the clear road, so a danger score.
 *
 * @param image, @param danger, @param clear raw embeddings, [D]
 */
function dangerScore(image: ArrayLike<number>, danger: ArrayLike<number>, clear: ArrayLike<number>): number {
  return cosine(image, danger) - cosine(image, clear);
}

/** How a frame is scored against sentences; `goal-baseline` is VLM-RM's, with its alpha. */
export type LanguageScore = "contrast" | "lord" | "cosine" | "goal-baseline";

/**
 * Score of a frame (clip/clip_reward_model.py): `contrast` danger minus clear road (VLM-RL), `lord` one minus the cosine to
 * the first sentence, `cosine` that cosine (VLM-SR, RoboCLIP), `goal-baseline` the regularised reward of VLM-RM.
 *
 * @param image, @param sentences raw embeddings, [D] and [n][D]
 * @throws Error when a kind that compares two sentences is given one
 */
export function languageScore(
  kind: LanguageScore,
  image: ArrayLike<number>,
  sentences: readonly ArrayLike<number>[],
  alpha = 0.5,
): number {
  const [first, second] = sentences;
  if (!first) throw new Error("There is no sentence to compare the frame with.");
  if (kind === "lord") return 1 - cosine(image, first);
  if (kind === "cosine") return cosine(image, first);
  if (!second) throw new Error("Two sentences are compared; there is one.");
  return kind === "contrast"
    ? dangerScore(image, first, second)
    : goalBaselineReward(image, unitVector(first), unitVector(second), alpha).reward;
}

/** Options of the step reward; VLM-RL's standards are 25 km/h, 0 and 0.03. */
export interface GoalRewardOptions {
  readonly targetSpeed: number;
  readonly least: number;
  readonly most: number;
}

/** One step of `contrastingGoalReward` with its parts. */
export interface GoalReward {
  readonly reward: number;
  /** 1 = no danger, 0 = as much as counts. */
  readonly safety: number;
  /** km/h. */
  readonly desiredSpeed: number;
  readonly speedFactor: number;
  /** The environment's own reward was below 0 and took its place. */
  readonly overridden: boolean;
}

/**
 * Hierarchical reward of one step (VLM-RL, clip/clip_rewarded_sac.py and clip_rewarded_ppo.py, _compute_clip_rewards).
 *
 * @param danger from `dangerScore`; @param base reward of the environment; @param speed km/h
 * @param factors centering, angle and deviation factor, 0..1
 */
export function contrastingGoalReward(
  danger: number,
  base: number,
  speed: number,
  factors: readonly [number, number, number],
  options: GoalRewardOptions,
): GoalReward {
  const { least, most, targetSpeed } = options;
  const safety = 1 - (Math.min(most, Math.max(least, danger)) - least) / (most - least);
  const desiredSpeed = Math.min(1, Math.max(0, safety)) * targetSpeed;
  const speedFactor = 1 - Math.abs(speed - desiredSpeed) / targetSpeed;
  const overridden = base < 0;
  const reward = overridden ? base : speedFactor * factors[0] * factors[1] * factors[2];
  return { reward, safety, desiredSpeed, speedFactor, overridden };
}

/** LORD-Speed: the score plus closeness to 20 km/h. */
export function lordSpeedReward(score: number, speed: number): number {
  return score + 1 - Math.abs(speed - 20) / 20;
}

/** VLM-SR: 1 above a cosine of 0.32, else -1. */
export function thresholdReward(score: number): number {
  return score > 0.32 ? 1 : -1;
}
