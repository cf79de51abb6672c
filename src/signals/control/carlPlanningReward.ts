/** Components of one step's reward; soft factors lie in [0, 1]. */
export interface PlanningComponents {
  /** Route completion gained in the step, a fraction, never negative. */
  readonly progress: number;
  readonly collision: boolean;
  /** Any other event that ends the episode: blocked, red light, stop sign, off road. */
  readonly otherEnd: boolean;
  readonly laneDistance: number;
  readonly speed: number;
  readonly offRoute: number;
  readonly comfort: number;
  readonly timeToCollision: number;
}

export interface PlanningOptions {
  readonly accumulation: "regular" | "survival" | "nuplan";
  readonly terminalPenalty: number;
  readonly collisionPenalty: number;
  /** Share of the survival bonus. */
  readonly survivalRatio: number;
  readonly factor: number;
  /** True = a comfort factor below 1 ends the episode (`regular` only). */
  readonly comfortEnds: boolean;
  /** True = a time-to-collision factor below 1 ends the episode (`regular` only). */
  readonly timeToCollisionEnds: boolean;
}

export interface PlanningReward {
  readonly reward: number;
  readonly terminated: boolean;
  /** Always equal to `terminated`, as released. */
  readonly truncated: boolean;
}

/** Steps of a scenario, over which bonuses are spread. */
export const scenarioSteps = 150;

/** Values of the released configuration. */
export const planningDefaults: PlanningOptions = {
  accumulation: "regular",
  terminalPenalty: 0,
  collisionPenalty: 0,
  survivalRatio: 0.6,
  factor: 100,
  comfortEnds: false,
  timeToCollisionEnds: false,
};

/**
 * Reward of CaRL on nuPlan (Jaeger et al., 2025; autonomousvision/CaRL, default_reward_builder.py): progress times every
 * soft factor. A step that ends the episode loses its progress; the terminal penalty, or the collision's, is added at
 * every step where it is not zero, as released. `survival` gives a share for staying alive; `nuplan` is a weighted mean
 * of progress, time to collision, speed and comfort without penalties.
 */
export function planningReward(parts: PlanningComponents, options: PlanningOptions): PlanningReward {
  const { accumulation, factor } = options;
  let terminated = parts.collision || parts.otherEnd;
  if (accumulation === "regular")
    terminated ||=
      (options.comfortEnds && parts.comfort < 1) ||
      (options.timeToCollisionEnds && parts.timeToCollision < 1);
  const result = (reward: number): PlanningReward => ({ reward, terminated, truncated: terminated });
  if (accumulation === "nuplan") {
    if (terminated) return result(0);
    const good = (value: number): number => (value === 1 ? 1 : 0) / scenarioSteps;
    const weighted =
      (5 * parts.progress +
        5 * good(parts.timeToCollision) +
        4 * (parts.speed / scenarioSteps) +
        2 * good(parts.comfort)) /
      16;
    return result(weighted * parts.offRoute * parts.laneDistance * factor);
  }
  const soft = parts.laneDistance * parts.speed * parts.offRoute * parts.comfort * parts.timeToCollision;
  const penalty = parts.collision ? options.collisionPenalty : options.terminalPenalty;
  const earned =
    accumulation === "regular"
      ? parts.progress * soft
      : (1 - options.survivalRatio) * parts.progress * soft + options.survivalRatio / scenarioSteps;
  return result((earned * (terminated ? 0 : 1) + penalty) * factor);
}
