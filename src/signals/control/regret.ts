export const regretRewards = ["none", "neg_linear", "neg_log10", "cumulative", "best_regret_timed"] as const;
export type RegretReward = (typeof regretRewards)[number];

/** Smallest regret that the logarithm and the running sum see. */
const leastRegret = 1e-20;
/** A regret below this counts as the optimum found. */
const foundBelow = 1e-6;

/**
 * Rewards of an optimisation episode (NAP, Maraval et al., 2023; huawei-noah/HEBO, NAP/nap/environment/
 * function_gym_nap.py, get_reward). The simple regret is the optimum minus the best value so far. `none` and
 * `cumulative` give regret itself, where higher is worse; `best_regret_timed` is 0 until the last query, then
 * (T - index of the best) / T where the optimum was found, else minus the regret.
 *
 * @param found value of each query, [T]; @param optimum best value that exists; @param horizon queries in an episode
 * @throws Error for an unknown transformation
 */
export function regretRewardsOf(
  found: Float64Array,
  optimum: number,
  kind: RegretReward,
  horizon: number,
): Float64Array {
  let least = Infinity;
  let at = 0;
  let sum = 0;
  return found.map((value, t) => {
    const regret = optimum - value;
    if (regret < least || Number.isNaN(regret)) {
      if (!Number.isNaN(least)) at = t;
      least = Number.isNaN(least) ? least : regret;
    }
    sum += Math.max(leastRegret, regret);
    switch (kind) {
      case "none":
        return least;
      case "neg_linear":
        return -least;
      case "neg_log10":
        return -Math.log10(Math.max(leastRegret, least));
      case "cumulative":
        return sum;
      case "best_regret_timed":
        if (t + 1 < horizon) return 0;
        return least < foundBelow ? (horizon - at) / horizon : -least;
      default:
        throw new Error(
          `There is no regret reward "${String(kind)}"; there are ${regretRewards.join(", ")}.`,
        );
    }
  });
}

/** Best regret so far: the running minimum of optimum - value, [T] (function_gym_nap.py, traj_regret). */
export function trajectoryRegret(found: Float64Array, optimum: number): Float64Array {
  return regretRewardsOf(found, optimum, "none", found.length);
}
