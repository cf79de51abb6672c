import type { Matrix } from "ml-matrix";
import { solve as solveProgram, type Constraint } from "yalps";
import {
  applyToRewards,
  fullGapOperator,
  horizonGapOperator,
  occupancy,
  type TabularMdp,
} from "./tabularMdp";

/**
 * Smallest advantage that the policy's action has over an action that is not optimal, per state; 0 where every action is
 * optimal (get_delta_s_given_policy).
 *
 * @param rewards original, [S][A]; @param optimal share of each action under the set of optimal ones, 0 = not optimal, [S][A]
 */
export function leastGaps(
  mdp: TabularMdp,
  policy: ArrayLike<number>,
  rewards: readonly ArrayLike<number>[],
  optimal: readonly ArrayLike<number>[],
): Float64Array {
  const gaps = applyToRewards(mdp, fullGapOperator(mdp, policy), rewards);
  return Float64Array.from(gaps, (row, state) => {
    const others = row.filter((_, action) => optimal[state]![action] === 0);
    return others.length === 0 ? 0 : others.reduce((least, value) => Math.min(least, value), Infinity);
  });
}

/** By how much a gap falls short of its target, at least 0, for the worst action of a state. */
function shortfall(target: number, gaps: ArrayLike<number>, counts: (action: number) => boolean): number {
  let worst = 0;
  for (let action = 0; action < gaps.length; action++)
    if (counts(action)) worst = Math.max(worst, target - gaps[action]!);
  return worst;
}

/**
 * Informativeness of a reward for a policy (Devidze et al. 2021, EXPRD; calculate_I_R): minus the mean over horizons and
 * states of max(0, max over other actions of delta(s) - gap_H(s, a)). 0 is best. The terminal state counts.
 *
 * @param rewards [S][A]; @param targets delta(s), [S]; @param horizons H, with H + 1 rewards each
 */
export function informativeness(
  mdp: TabularMdp,
  policy: ArrayLike<number>,
  rewards: readonly ArrayLike<number>[],
  targets: ArrayLike<number>,
  horizons: readonly number[],
): number {
  let sum = 0;
  for (const horizon of horizons) {
    const gaps = applyToRewards(mdp, horizonGapOperator(mdp, policy, horizon + 1), rewards);
    gaps.forEach((row, state) => {
      sum += shortfall(targets[state]!, row, (action) => action !== policy[state]);
    });
  }
  return -sum / horizons.length / mdp.states;
}

/** What a designed reward must satisfy, and what it is judged by. */
export interface DesignProblem {
  readonly mdp: TabularMdp;
  readonly policy: ArrayLike<number>;
  /** 0 = not optimal, [S][A]. */
  readonly optimal: readonly ArrayLike<number>[];
  /** delta(s), [S]. */
  readonly targets: ArrayLike<number>;
  readonly horizons: readonly number[];
  /** States that may carry a reward. */
  readonly active: readonly number[];
  readonly rewardLimit: number;
  /** Weight of the informativeness. */
  readonly informativenessWeight: number;
  /** Weight of the sum of |R|. */
  readonly sparsityWeight: number;
  /** Optimal actions of states that have several; each combination is a policy of its own. */
  readonly ties?: ReadonlyMap<number, readonly number[]>;
}

/** The release asks for this much less than delta(s), so that a solver's rounding cannot make the program infeasible. */
const relief = 1 + 1e-5;

function policiesOf({ mdp, policy, ties }: DesignProblem): number[][] {
  let policies: number[][] = [[]];
  for (let state = 0; state < mdp.states; state++) {
    const choices = ties?.get(state) ?? [policy[state]!];
    policies = policies.flatMap((head) => choices.map((action) => [...head, action]));
  }
  return policies;
}

interface PolicyOperators {
  readonly full: Matrix;
  readonly horizons: readonly Matrix[];
}

function operatorsOf(problem: DesignProblem): PolicyOperators[] {
  return policiesOf(problem).map((policy) => ({
    full: fullGapOperator(problem.mdp, policy),
    horizons: problem.horizons.map((horizon) => horizonGapOperator(problem.mdp, policy, horizon + 1)),
  }));
}

/** Value of the program's objective at a reward, and by how much the worst constraint is broken (0 = feasible). */
export function judgeDesign(
  problem: DesignProblem,
  rewards: readonly ArrayLike<number>[],
): { readonly objective: number; readonly violation: number } {
  const { mdp, optimal, horizons } = problem;
  const operators = operatorsOf(problem);
  let violation = 0;
  let sum = 0;
  let norm = 0;
  rewards.forEach((row, state) => {
    for (const value of Array.from(row)) {
      norm += Math.abs(value);
      const limit = problem.active.includes(state) ? problem.rewardLimit : 0;
      violation = Math.max(violation, Math.abs(value) - limit);
    }
  });
  for (const { full, horizons: operatorsByHorizon } of operators) {
    applyToRewards(mdp, full, rewards).forEach((row, state) =>
      row.forEach((gap, action) => {
        const least = optimal[state]![action] === 0 ? problem.targets[state]! / relief : 0;
        violation = Math.max(violation, least - gap);
      }),
    );
    for (const operator of operatorsByHorizon)
      applyToRewards(mdp, operator, rewards).forEach((row, state) => {
        sum += shortfall(problem.targets[state]! / relief, row, (action) => optimal[state]![action] === 0);
      });
  }
  const informative = sum / operators.length / horizons.length / mdp.states;
  return {
    objective: problem.informativenessWeight * informative + problem.sparsityWeight * norm,
    violation,
  };
}

/**
 * Designs a sparse reward that keeps the policy optimal and is as informative as it can be (EXPRD,
 * reward_design_model_based): minimise -C_1 I_R + C_2 sum |R| with every other action behind by delta(s) over all time,
 * |R| within the limit and 0 outside the active states. The solution need not be unique; its objective is.
 *
 * @throws Error when no reward on the active states keeps the policy optimal by the asked margin
 */
export function designReward(problem: DesignProblem): {
  readonly objective: number;
  readonly rewards: readonly Float64Array[];
} {
  const { mdp, optimal, targets, active } = problem;
  const constraints = new Map<string, Constraint>();
  const variables = new Map<string, Map<string, number>>();
  const variable = (name: string, cost: number): Map<string, number> => {
    const made = new Map([["cost", cost]]);
    variables.set(name, made);
    return made;
  };
  // Solvers take variables from 0 up: R = plus - minus.
  const cells = active.flatMap((state) =>
    Array.from({ length: mdp.actions }, (_, action) => ({ state, action })),
  );
  const columns = cells.map(({ state, action }) => {
    const limit = `limit ${state} ${action}`;
    constraints.set(limit, { min: -problem.rewardLimit, max: problem.rewardLimit });
    return {
      index: state * mdp.actions + action,
      plus: variable(`plus ${state} ${action}`, problem.sparsityWeight).set(limit, 1),
      minus: variable(`minus ${state} ${action}`, problem.sparsityWeight).set(limit, -1),
    };
  });
  const addRow = (
    name: string,
    operator: Matrix,
    row: number,
    least: number,
    slack?: Map<string, number>,
  ): void => {
    constraints.set(name, { min: least });
    slack?.set(name, 1);
    for (const { index, plus, minus } of columns) {
      const factor = operator.get(row, index);
      if (factor === 0) continue;
      plus.set(name, factor);
      minus.set(name, -factor);
    }
  };
  const operators = operatorsOf(problem);
  const share = problem.informativenessWeight / operators.length / problem.horizons.length / mdp.states;
  operators.forEach(({ full, horizons }, p) => {
    for (let state = 0; state < mdp.states; state++) {
      const others = Array.from({ length: mdp.actions }, (_, action) => action).filter(
        (action) => optimal[state]![action] === 0,
      );
      const target = targets[state]! / relief;
      for (let action = 0; action < mdp.actions; action++) {
        const least = others.includes(action) ? target : 0;
        addRow(`optimal ${p} ${state} ${action}`, full, state * mdp.actions + action, least);
      }
      if (others.length === 0) continue;
      horizons.forEach((operator, h) => {
        const slack = variable(`short ${p} ${h} ${state}`, share);
        for (const action of others)
          addRow(`near ${p} ${h} ${state} ${action}`, operator, state * mdp.actions + action, target, slack);
      });
    }
  });
  const solution = solveProgram({ direction: "minimize", objective: "cost", constraints, variables });
  if (solution.status !== "optimal")
    throw new Error(
      `No reward on states ${active.join(", ")} within +-${problem.rewardLimit} keeps the policy optimal by the asked margin (${solution.status}).`,
    );
  const rewards = Array.from({ length: mdp.states }, () => new Float64Array(mdp.actions));
  for (const [name, value] of solution.variables) {
    const [sign, state, action] = name.split(" ");
    if (sign === "plus") rewards[Number(state)]![Number(action)]! += value;
    if (sign === "minus") rewards[Number(state)]![Number(action)]! -= value;
  }
  return { objective: judgeDesign(problem, rewards).objective, rewards };
}

/** What each state-action pair adds to the teacher's score of a reward, and the score. */
export interface TeacherScore {
  readonly score: number;
  /** [S][A] */
  readonly terms: readonly Float64Array[];
}

/**
 * How the learner's expected reward of a state is taken: `corrected` sums over the state's own actions; `released` reads
 * the state-action vector column by column (CVXPY's reshape), so entry s sums the pairs s, s + S, s + 2S, ... of other
 * states as well. Both agree for a learner that acts uniformly.
 */
export type ExpectedReward = "released" | "corrected";

/** The learner's expected reward per state, [S]. */
function expectedRewards(
  mdp: TabularMdp,
  learner: readonly ArrayLike<number>[],
  rewards: readonly ArrayLike<number>[],
  kind: ExpectedReward,
): Float64Array {
  const flat = learner.flatMap((row, state) =>
    Array.from(row, (share, action) => share * rewards[state]![action]!),
  );
  return Float64Array.from({ length: mdp.states }, (_, state) => {
    let sum = 0;
    for (let action = 0; action < mdp.actions; action++)
      sum += flat[kind === "corrected" ? state * mdp.actions + action : state + action * mdp.states]!;
    return sum;
  });
}

/**
 * How much a reward teaches one learner (Devidze et al. 2024, reward_design_model_based_Ada_TL, h = 1): the sum of
 * pi_L(a|s) mu_T(s) mu_L(s,a) (A_T(s,a) - E_pi_L A_T) (R(s,a) - E_pi_L R). mu_L(s,a) already contains pi_L(a|s), so the
 * learner's policy enters squared, as released.
 *
 * @param advantages of the target policy under the original reward, [S][A]; @param target its occupancy, [S]
 * @param learner policy, [S][A]; @param rewards judged, [S][A]; @param start [S]
 */
export function teacherScore(
  mdp: TabularMdp,
  advantages: readonly ArrayLike<number>[],
  target: ArrayLike<number>,
  learner: readonly ArrayLike<number>[],
  rewards: readonly ArrayLike<number>[],
  start: ArrayLike<number>,
  kind: ExpectedReward,
): TeacherScore {
  const visited = occupancy(mdp, start, learner);
  const byAdvantage = expectedRewards(mdp, learner, advantages, "corrected");
  const byReward = expectedRewards(mdp, learner, rewards, kind);
  let score = 0;
  const terms = learner.map((row, state) =>
    Float64Array.from(row, (share, action) => {
      const term =
        share *
        target[state]! *
        (share * visited[state]!) *
        (advantages[state]![action]! - byAdvantage[state]!) *
        (rewards[state]![action]! - byReward[state]!);
      score += term;
      return term;
    }),
  );
  return { score, terms };
}

/** Advantages A(s,a) = Q(s,a) - Q(s,pi(s)) of a policy under a reward, [S][A]. */
export function policyAdvantages(
  mdp: TabularMdp,
  policy: ArrayLike<number>,
  rewards: readonly ArrayLike<number>[],
): Float64Array[] {
  return applyToRewards(mdp, fullGapOperator(mdp, policy), rewards).map((row) => row.map((gap) => 0 - gap));
}
