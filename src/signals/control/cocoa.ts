/** Contributions of every action to later rewards. */
export interface Contribution {
  /** Advantage or action value of every action, [T][A]. */
  readonly actions: readonly Float64Array[];
  /** Coefficient of (acting step, later step, action), 0 for steps not later, [T][T][A]. */
  readonly coefficients: readonly (readonly Float64Array[])[];
}

/**
 * COCOA (Meulemans et al., 2023; seijin-kobayashi/cocoa, ccoa/contribution/causal.py, CausalContribution): a later
 * reward counts with w = h(a | x_t, u_j) / pi(a | x_t), less 1 for the advantage; the step's own reward counts for the
 * taken action alone, divided by its probability. Undiscounted; rewards behind the episode's end do not count.
 *
 * @param policy pi, [T][A]; @param hindsight h[t][j][a]
 * @param ended [T+1], 1 = the episode was over before that step; default: ends with the last step
 */
export function causalContribution(
  { actions, rewards }: { readonly actions: readonly number[]; readonly rewards: Float64Array },
  policy: readonly Float64Array[],
  hindsight: readonly (readonly ArrayLike<number>[])[],
  kind: "advantage" | "action_value",
  ended?: ArrayLike<number>,
): Contribution {
  const length = rewards.length;
  const coefficients = policy.map((shares, t) =>
    Array.from({ length }, (_, j) =>
      shares.map((share, a) => (j > t ? hindsight[t]![j]![a]! / share - (kind === "advantage" ? 1 : 0) : 0)),
    ),
  );
  const values = policy.map((shares, t) => {
    const out = new Float64Array(shares.length);
    for (let j = t + 1; j < length; j++) {
      if (ended?.[j]) continue;
      for (let a = 0; a < out.length; a++) out[a]! += coefficients[t]![j]![a]! * rewards[j]!;
    }
    out[actions[t]!]! += rewards[t]! / shares[actions[t]!]!;
    return out;
  });
  return { actions: values, coefficients };
}
