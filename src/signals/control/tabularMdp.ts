import { inverse, Matrix, solve } from "ml-matrix";

/** A finite Markov decision process. */
export interface TabularMdp {
  readonly states: number;
  readonly actions: number;
  /** Probability of the next state, [S][S'][A]. */
  readonly transitions: readonly (readonly ArrayLike<number>[])[];
  readonly gamma: number;
}

/** Index of a state-action pair in vectors over pairs. */
const pair = (mdp: TabularMdp, state: number, action: number): number => state * mdp.actions + action;

/** sum over s' of T(s'|s,a) values(s') */
function expectedNext(mdp: TabularMdp, state: number, action: number, values: ArrayLike<number>): number {
  let sum = 0;
  for (let next = 0; next < mdp.states; next++)
    sum += mdp.transitions[state]![next]![action]! * values[next]!;
  return sum;
}

/**
 * Optimal state values by value iteration, [S].
 *
 * @param rewards [S][A]; @param tolerance stops when no value moves by more; must lie above 0
 * @throws Error for a discount of 1 or more, where iteration need not end
 */
export function optimalValues(
  mdp: TabularMdp,
  rewards: readonly ArrayLike<number>[],
  tolerance = 1e-10,
): Float64Array {
  if (!(mdp.gamma < 1)) throw new Error(`Value iteration needs a discount below 1, not ${mdp.gamma}.`);
  let values = new Float64Array(mdp.states);
  for (;;) {
    let moved = 0;
    const next = values.map((old, state) => {
      let best = -Infinity;
      for (let action = 0; action < mdp.actions; action++)
        best = Math.max(
          best,
          rewards[state]![action]! + mdp.gamma * expectedNext(mdp, state, action, values),
        );
      moved = Math.max(moved, Math.abs(best - old));
      return best;
    });
    values = next;
    if (!(moved > tolerance)) return values;
  }
}

/**
 * Reward plus gamma E[Phi(s')] - Phi(s), [S][A] (Ng, Harada and Russell 1999). With the optimal values, rounded to ten
 * decimals, as the potential this is the baseline of EXPRD (get_potential_based_reward): every optimal action gets 0.
 *
 * @param rewards [S][A]; @param potentials [S]
 */
export function shapedRewards(
  mdp: TabularMdp,
  rewards: readonly ArrayLike<number>[],
  potentials: ArrayLike<number>,
): Float64Array[] {
  return rewards.map((row, state) =>
    Float64Array.from(
      row,
      (reward, action) =>
        reward + mdp.gamma * expectedNext(mdp, state, action, potentials) - potentials[state]!,
    ),
  );
}

/** Transitions between state-action pairs under a deterministic policy, [SA][SA] (calculate_P_pi_star). */
export function pairTransitions(mdp: TabularMdp, policy: ArrayLike<number>): Matrix {
  const size = mdp.states * mdp.actions;
  const matrix = Matrix.zeros(size, size);
  for (let state = 0; state < mdp.states; state++)
    for (let action = 0; action < mdp.actions; action++)
      for (let next = 0; next < mdp.states; next++)
        matrix.set(
          pair(mdp, state, action),
          pair(mdp, next, policy[next]!),
          mdp.transitions[state]![next]![action]!,
        );
  return matrix;
}

/**
 * Rows that turn a reward vector over pairs into Q(s, pi(s)) - Q(s, a), given the operator that turns it into Q, [SA][SA].
 */
function gapOperator(mdp: TabularMdp, policy: ArrayLike<number>, values: Matrix): Matrix {
  const gaps = Matrix.zeros(values.rows, values.columns);
  for (let state = 0; state < mdp.states; state++) {
    const own = pair(mdp, state, policy[state]!);
    for (let action = 0; action < mdp.actions; action++) {
      const row = pair(mdp, state, action);
      for (let k = 0; k < values.columns; k++) gaps.set(row, k, values.get(own, k) - values.get(row, k));
    }
  }
  return gaps;
}

/**
 * Operator of the gap of an action behind the policy's over `terms` rewards: sum over h = 0..terms-1 of gamma^h P^h.
 * The release of EXPRD counts H + 1 terms for horizon H (h = 0..H), the one of the adaptive teacher H (h = 0..H-1).
 */
export function horizonGapOperator(mdp: TabularMdp, policy: ArrayLike<number>, terms: number): Matrix {
  const chain = pairTransitions(mdp, policy);
  let power = Matrix.eye(chain.rows);
  const sum = Matrix.eye(chain.rows);
  for (let h = 1; h < terms; h++) {
    power = power.mmul(chain);
    sum.add(Matrix.mul(power, mdp.gamma ** h));
  }
  return gapOperator(mdp, policy, sum);
}

/** The same over all time: (I - gamma P)^-1. */
export function fullGapOperator(mdp: TabularMdp, policy: ArrayLike<number>): Matrix {
  const chain = pairTransitions(mdp, policy);
  return gapOperator(mdp, policy, inverse(Matrix.eye(chain.rows).sub(chain.mul(mdp.gamma))));
}

/** An operator's value on rewards, [S][A]. @param rewards [S][A] */
export function applyToRewards(
  mdp: TabularMdp,
  operator: Matrix,
  rewards: readonly ArrayLike<number>[],
): Float64Array[] {
  const flat = rewards.flatMap((row) => Array.from(row));
  const out = operator.mmul(Matrix.columnVector(flat));
  return Array.from({ length: mdp.states }, (_, state) =>
    Float64Array.from({ length: mdp.actions }, (__, action) => out.get(pair(mdp, state, action), 0)),
  );
}

/**
 * Discounted occupancy of states under a stochastic policy with the last state, taken as the terminal one, set to 0 and
 * the rest renormalised (machine-teaching-group/aamas2024-informativeness-of-reward-functions, calc_mu_s_a_stoch), [S].
 *
 * @param start distribution of the first state, [S]; @param policy [S][A]
 */
export function occupancy(
  mdp: TabularMdp,
  start: ArrayLike<number>,
  policy: readonly ArrayLike<number>[],
): Float64Array {
  const system = Matrix.eye(mdp.states);
  for (let state = 0; state < mdp.states; state++)
    for (let next = 0; next < mdp.states; next++) {
      let step = 0;
      for (let action = 0; action < mdp.actions; action++)
        step += policy[state]![action]! * mdp.transitions[state]![next]![action]!;
      system.set(next, state, system.get(next, state) - mdp.gamma * step);
    }
  const solved = solve(
    system,
    Matrix.columnVector(Array.from(start, (value) => (1 - mdp.gamma) * value)),
  ).getColumn(0);
  solved[mdp.states - 1] = 0;
  const total = solved.reduce((sum, value) => sum + value, 0);
  return Float64Array.from(solved, (value) => value / total);
}
