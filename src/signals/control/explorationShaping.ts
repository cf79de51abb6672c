import { accumulateBackward } from "../kernels/backwardRecursion";

/** One step of a tabular episode. */
export interface ShapedStep {
  readonly state: number;
  readonly action: number;
  /** Probabilities of all actions when the action was drawn, [A]. */
  readonly policy: Float64Array;
}

/** A learned reward: shaping table and the critic behind it. */
export interface ShapingTables {
  /** Shaping reward of (state, action), [S][A]. */
  readonly shaping: readonly Float64Array[];
  /** Critic of the original return, [S]. */
  readonly critic: Float64Array;
}

/**
 * Count bonus of ExploRS (Devidze et al., 2022; neurips2022_exploration-guided-reward-shaping, code_tabular/
 * env_generic_with_teacher.py, R_explore): scale / sqrt((scale / most)^2 + visits); 0 in the terminal state.
 */
export function explorationBonus(visits: number, scale: number, most: number, terminal = false): number {
  return terminal ? 0 : scale / Math.sqrt((scale / most) ** 2 + visits);
}

/** Discounted return to go of the original reward, [T]. */
export function originalReturns(
  episode: readonly ShapedStep[],
  reward: readonly Float64Array[],
  gamma: number,
): Float64Array {
  const own = Float64Array.from(episode, ({ state, action }) => reward[state]![action]!);
  return accumulateBackward(own, gamma, own);
}

/**
 * One SelfRS update on a batch of episodes (update_SelfRS). The shaping moves first, with the old critic: row s by
 * rate * sum of pi(a|s) (return - V(s)) (1[a] - pi(.|s)), then is held inside +-limit; the critic moves by
 * rate * sum of (return - V(s)) / number of steps in the whole batch (not of the state's visits).
 *
 * @param reward original reward, [S][A]; @param limit undefined = no clipping
 */
export function selfShapingUpdate(
  tables: ShapingTables,
  episodes: readonly (readonly ShapedStep[])[],
  reward: readonly Float64Array[],
  options: {
    readonly gamma: number;
    readonly shapingRate: number;
    readonly criticRate: number;
    readonly limit?: number;
  },
): ShapingTables {
  const steps = episodes.reduce((sum, episode) => sum + episode.length, 0);
  const moves = tables.shaping.map((row) => new Float64Array(row.length));
  const errors = new Float64Array(tables.critic.length);
  for (const episode of episodes) {
    const returns = originalReturns(episode, reward, options.gamma);
    episode.forEach(({ state, action, policy }, t) => {
      const error = returns[t]! - tables.critic[state]!;
      errors[state]! += error;
      policy.forEach((share, a) => {
        moves[state]![a]! += policy[action]! * error * ((a === action ? 1 : 0) - share);
      });
    });
  }
  const limit = options.limit ?? Infinity;
  return {
    shaping: tables.shaping.map((row, s) =>
      row.map((value, a) => Math.min(limit, Math.max(-limit, value + options.shapingRate * moves[s]![a]!))),
    ),
    critic: tables.critic.map((value, s) =>
      steps === 0 ? value : value + options.criticRate * (errors[s]! / steps),
    ),
  };
}

/** Probability that the first of two is preferred: softmax of their discounted shaping sums (softmax_prob). */
export function preferenceProbability(first: number, second: number): number {
  return 1 / (1 + Math.exp(second - first));
}

/**
 * One SORS update (update_sors): gradient ascent on the log-probability that the episode of strictly greater return is
 * preferred, averaged over such pairs. The release draws 10 pairs with replacement where there are more; that draw is
 * not repeated here, all pairs count. No ordered pair: no update.
 *
 * @param shaping [S][A]; @param reward original reward, [S][A]
 */
export function rankingUpdate(
  shaping: readonly Float64Array[],
  episodes: readonly (readonly ShapedStep[])[],
  reward: readonly Float64Array[],
  gamma: number,
  rate: number,
): readonly Float64Array[] {
  const returns = episodes.map((episode) => originalReturns(episode, reward, gamma)[0] ?? 0);
  const discounted = episodes.map((episode) => {
    const visits = shaping.map((row) => new Float64Array(row.length));
    let total = 0;
    episode.forEach(({ state, action }, t) => {
      visits[state]![action]! += gamma ** t;
      total += gamma ** t * shaping[state]![action]!;
    });
    return { visits, total };
  });
  const moves = shaping.map((row) => new Float64Array(row.length));
  let pairs = 0;
  returns.forEach((better, i) => {
    returns.forEach((worse, j) => {
      if (!(better > worse)) return;
      pairs++;
      const doubt = 1 - preferenceProbability(discounted[i]!.total, discounted[j]!.total);
      moves.forEach((row, s) =>
        row.forEach((_, a) => {
          row[a]! += doubt * (discounted[i]!.visits[s]![a]! - discounted[j]!.visits[s]![a]!);
        }),
      );
    });
  });
  if (pairs === 0) return shaping;
  return shaping.map((row, s) => row.map((value, a) => value + (rate * moves[s]![a]!) / pairs));
}
