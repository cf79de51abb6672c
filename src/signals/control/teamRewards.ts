import { goalDistance, otherTeam, type Point, type Team } from "./rocketPotentials";

/**
 * Team mixing (rlgym-tools, DistributeRewards; spirit 0.3 in Lucy): spirit * team mean + (1 - spirit) * own - mean of
 * the opponents; a side without players has mean 0.
 */
export function distributeRewards(
  rewards: Float64Array,
  teams: readonly (string | number)[],
  spirit: number,
): Float64Array {
  const mean = (belongs: (player: number) => boolean): number => {
    const side = [...rewards.keys()].filter(belongs);
    return side.length === 0 ? 0 : side.reduce((sum, player) => sum + rewards[player]!, 0) / side.length;
  };
  return rewards.map((own, i) => {
    const allies = mean((player) => teams[player] === teams[i]);
    const opponents = mean((player) => teams[player] !== teams[i]);
    return spirit * allies + (1 - spirit) * own - opponents;
  });
}

/** Weighted sum of increases of counters since the step before; decreases do not count (EventReward). */
export function eventReward(before: Float64Array, after: Float64Array, weights: Float64Array): number {
  return weights.reduce((sum, weight, k) => sum + weight * Math.max(0, after[k]! - before[k]!), 0);
}

/** One frame as the pressure reward sees it. */
export interface PressureFrame {
  readonly ball: Point;
  readonly players: Readonly<Record<Team, readonly Point[]>>;
  readonly score: Readonly<Record<Team, number>>;
}

export interface PressureOptions {
  /** Frames after which nothing is left of the reward. */
  readonly cutoff: number;
  readonly exponent: number;
  readonly threshold: number;
}

/**
 * Offensive pressure (Enkhai/lucy-utils, rewards/pressure.py): while the ball lies within the threshold of a goal, the
 * attackers' pressure, 0.5 + 0.5 (share of attackers there - share of defenders there), is averaged. When the attackers
 * score, they are paid that mean times (1 - (frames - 1) / cutoff)^exponent, and the count starts over.
 */
export function offensivePressure(
  frames: readonly PressureFrame[],
  options: PressureOptions,
): readonly Readonly<Record<Team, number>>[] {
  let count = 0;
  let sum = 0;
  let attackers: Team | undefined;
  let score = frames[0]?.score ?? { blue: 0, orange: 0 };
  const restart = (frame: PressureFrame): void => {
    count = 0;
    sum = 0;
    attackers = undefined;
    score = frame.score;
  };
  return frames.map((frame) => {
    const paid = { blue: 0, orange: 0 };
    if (attackers !== undefined && frame.score[attackers] > score[attackers]) {
      const left = Math.max(0, 1 - (count - 1) / options.cutoff);
      paid[attackers] = left ** options.exponent * (sum / count);
      restart(frame);
      return paid;
    }
    const near = (position: Point, goal: Team): boolean => goalDistance(position, goal) < options.threshold;
    const goal = near(frame.ball, "blue") ? "blue" : near(frame.ball, "orange") ? "orange" : undefined;
    if (goal === undefined) {
      restart(frame);
      return paid;
    }
    const share = (team: Team): number => {
      const own = frame.players[team];
      return own.filter((position) => near(position, goal)).length / own.length;
    };
    attackers = otherTeam(goal);
    sum += 0.5 + 0.5 * (share(attackers) - share(goal));
    count++;
    return paid;
  });
}
