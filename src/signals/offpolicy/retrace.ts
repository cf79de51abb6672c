import { accumulateBackward } from "../kernels/backwardRecursion";

/** How the trace coefficient of Retrace-like returns follows from the ratio of target to behaviour probability. */
export type TraceKind = "retrace" | "importance" | "tree-backup" | "q-lambda";

/**
 * Trace coefficients c_t.
 *
 * @param ratios target over behaviour probability of the taken action, [T] (not used by q-lambda)
 * @param targetProbabilities probability of the taken action under the target policy, [T] (tree-backup)
 */
export function traceCoefficients(
  kind: TraceKind,
  lambda: number,
  ratios: Float64Array,
  targetProbabilities: Float64Array,
): Float64Array {
  return ratios.map((ratio, t) => {
    switch (kind) {
      case "retrace":
        return lambda * Math.min(1, ratio);
      case "importance":
        return ratio;
      case "tree-backup":
        return lambda * targetProbabilities[t]!;
      case "q-lambda":
        return lambda;
    }
  });
}

/**
 * Off-policy returns from action values (rlax general_off_policy_returns_from_action_values):
 * `G_t = r + gamma (E_pi Q - c Q(a) + c G_{t+1})`, ending in `r + gamma E_pi Q`.
 *
 * Arrays are at times 1..K; entry k of the result belongs to the state at time k-1. The taken action, its value and the
 * coefficient of the final time are not used.
 *
 * @param actionValues Q at times 1..K, [K][A]; @param actions taken at times 1..K-1 (or K), [>=K-1]
 * @param rewards [K]; @param discounts [K], 0 = terminal; @param coefficients c at times 1..K-1 (or K), [>=K-1]
 * @param policy target probabilities at times 1..K, [K][A]
 */
export function offPolicyReturns(
  actionValues: readonly Float64Array[],
  actions: ArrayLike<number>,
  rewards: Float64Array,
  discounts: Float64Array,
  coefficients: ArrayLike<number>,
  policy: readonly Float64Array[],
): Float64Array {
  const expected = actionValues.map((row, k) =>
    row.reduce((sum, value, action) => sum + policy[k]![action]! * value, 0),
  );
  return offPolicyReturnsFromValues(
    expected,
    actionValues.map((row, k) => (k < actions.length ? row[actions[k]!]! : 0)),
    rewards,
    discounts,
    coefficients,
  );
}

/**
 * The same with the expected values and the taken actions' values already taken out (rlax
 * general_off_policy_returns_from_q_and_v).
 *
 * @param values expected action value at times 1..K, [K]; @param taken value of the taken action at times 1..K-1, [>=K-1]
 */
export function offPolicyReturnsFromValues(
  values: ArrayLike<number>,
  taken: ArrayLike<number>,
  rewards: Float64Array,
  discounts: Float64Array,
  coefficients: ArrayLike<number>,
): Float64Array {
  const size = rewards.length;
  const inputs = new Float64Array(size);
  const decay = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    const last = k === size - 1;
    const correction = last ? 0 : coefficients[k]! * taken[k]!;
    inputs[k] = rewards[k]! + discounts[k]! * (values[k]! - correction);
    decay[k] = last ? 0 : discounts[k]! * coefficients[k]!;
  }
  return accumulateBackward(inputs, decay, inputs);
}
