import { meanAndSpread } from "../kernels/groupNormalisation";

/** Limits of the driving rewards (zihaosheng/VLM-RL, config.py, reward_params); speeds in km/h, distances in metres. */
export interface DrivingLimits {
  readonly earlyStop: boolean;
  readonly minSpeed: number;
  readonly maxSpeed: number;
  readonly targetSpeed: number;
  readonly maxDistance: number;
  readonly maxStd: number;
  /** Degrees. */
  readonly maxAngle: number;
  readonly penalty: number;
}

/** The vehicle at one step. */
export interface DrivingState {
  /** km/h. */
  readonly speed: number;
  /** To the road, radians. */
  readonly angle: number;
  /** From the middle of the lane, metres. */
  readonly distance: number;
  /** Recent distances, metres. */
  readonly distances: ArrayLike<number>;
  readonly collision: boolean;
  readonly success: boolean;
  /** Steering command, -1..1. */
  readonly steering: number;
  /** Recent steering commands. */
  readonly actions: ArrayLike<number>;
  /** Metres since the start. */
  readonly travelled: number;
}

const populationStd = (values: ArrayLike<number>): number =>
  meanAndSpread(Float64Array.from(values), "population").spread;

/** The four factors of the hierarchical reward; their product is the reward. */
export interface DrivingFactors {
  readonly speed: number;
  readonly centering: number;
  readonly angle: number;
  readonly distanceStd: number;
}

/** Factors of the base reward (VLM-RL, carla_env/rewards.py, reward_fn5). */
function drivingFactors(state: DrivingState, limits: DrivingLimits): DrivingFactors {
  const { speed } = state;
  const { minSpeed, targetSpeed, maxSpeed } = limits;
  let speedFactor = 1;
  if (speed < minSpeed) speedFactor = speed / minSpeed;
  else if (speed > targetSpeed) speedFactor = 1 - (speed - targetSpeed) / (maxSpeed - targetSpeed);
  return {
    speed: speedFactor,
    centering: Math.max(1 - state.distance / limits.maxDistance, 0),
    angle: Math.max(1 - Math.abs(state.angle / ((limits.maxAngle * Math.PI) / 180)), 0),
    distanceStd: Math.max(1 - Math.abs(populationStd(state.distances) / limits.maxStd), 0),
  };
}

/** Rewards of the systems that VLM-RL compares with; `base` is its own. */
export type DrivingReward = "base" | "revolve" | "simple" | "chen" | "asap";

const metresPerSecond = (state: DrivingState): number => state.speed / 3.6;

const rewards: Readonly<Record<DrivingReward, (state: DrivingState, limits: DrivingLimits) => number>> = {
  base(state, limits) {
    const factors = drivingFactors(state, limits);
    return factors.speed * factors.centering * factors.angle * factors.distanceStd;
  },
  /** Collision, then standing still, weigh more than the bonuses; kept in -1..1 (Hazra et al. 2024, REvolve). */
  revolve(state) {
    const speed = metresPerSecond(state);
    if (state.collision || speed < 1.5) return -1;
    const score = speed >= 4 && speed <= 6 ? 1 - Math.abs(speed - 5) / 1.75 : -1;
    const total =
      2 / (1 + Math.exp(-score / 0.5)) +
      Math.exp(-state.distance / 0.1) +
      0.5 * Math.exp(-populationStd(state.actions) / 0.1);
    return Math.min(1, Math.max(-1, total));
  },
  simple: (state) => (state.collision ? -1 : 0),
  /** 200 collision + v + 10 fast + out - 5 a^2 + 0.2 lateral - 0.1, v in m/s, fast above 8 m/s, out beyond 4 m. */
  chen(state) {
    const speed = metresPerSecond(state);
    return (
      (state.collision ? -200 : 0) +
      speed -
      (speed > 8 ? 10 : 0) -
      (state.distance > 4 ? 1 : 0) -
      5 * state.steering ** 2 -
      0.2 * Math.abs(state.steering) * speed ** 2 -
      0.1
    );
  },
  /** A point for ten metres, one for arriving, -5 for a crash; the overtaking part is 0 as released. */
  asap: (state) => state.travelled / 10 + (state.success ? 1 : 0) - (state.collision ? 5 : 0),
};

/** One of the driving rewards (VLM-RL, carla_env/rewards.py), without the episode's end. */
export function drivingReward(kind: DrivingReward, state: DrivingState, limits: DrivingLimits): number {
  return rewards[kind](state, limits);
}

/** What ends an episode; the last that applies is told. */
export type DrivingEnd = "Running..." | "Vehicle stopped" | "Off-track" | "Too fast";

/**
 * A driving reward with the end of the episode (VLM-RL, carla_env/rewards.py, create_reward_fn): a terminal step has no
 * reward but the penalty, and that only for the base reward.
 *
 * @param before whether the episode had ended already, and the steps below 1 km/h so far
 * @param stepsPerSecond of the environment; 90 s of standing end the episode
 * @param evaluation off-track and too fast do not end it then
 */
export function drivingStep(
  kind: DrivingReward,
  state: DrivingState,
  limits: DrivingLimits,
  before: { readonly terminal: boolean; readonly slowSteps: number },
  stepsPerSecond = 15,
  evaluation = false,
): {
  readonly reward: number;
  readonly terminal: boolean;
  readonly slowSteps: number;
  readonly end: DrivingEnd;
} {
  let { terminal, slowSteps } = before;
  let end: DrivingEnd = "Running...";
  if (limits.earlyStop) {
    slowSteps = state.speed < 1 ? slowSteps + 1 : 0;
    const ends: readonly (readonly [DrivingEnd, boolean])[] = [
      ["Vehicle stopped", slowSteps >= 90 * stepsPerSecond],
      ["Off-track", state.distance > limits.maxDistance && !evaluation],
      ["Too fast", limits.maxSpeed > 0 && state.speed > limits.maxSpeed && !evaluation],
    ];
    for (const [reason, reached] of ends) if (reached) [terminal, end] = [true, reason];
  }
  if (!terminal) return { reward: drivingReward(kind, state, limits), terminal, slowSteps, end };
  return { reward: kind === "base" ? limits.penalty : 0, terminal, slowSteps: 0, end };
}
