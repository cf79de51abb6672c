import { accumulateBackward } from "../kernels/backwardRecursion";

/**
 * What the learned heads are combined with (Dhawgupta/gupta2023behavior, src/utils/Reward.py, one class an experiment):
 * `scaled` r = phi1 + phi2 r_p + phi3 r_aux (cart-pole, mountain car), `plain` r = phi1 + r_p + phi3 r_aux (grid world),
 * `constant` r = (c1 - 1) + r_p + c3 r_aux with state-independent c (MuJoCo).
 */
export type AlignmentKind = "scaled" | "plain" | "constant";

/** The three heads phi1, phi2, phi3 on state features. */
export interface AlignmentHeads {
  readonly kind: AlignmentKind;
  /** [3][D]; for `constant` [3][1], read as the constants themselves. */
  readonly weights: readonly Float64Array[];
  /** [3]; not used by `constant`. */
  readonly biases: Float64Array;
}

/** Where the discount's parameter starts: sigmoid(4.6) = 0.99005, which the release calls 0.99. */
export const alignmentGammaStart = 4.6;

/** Discount from its parameter. */
export function alignmentGamma(parameter: number): number {
  return 1 / (1 + Math.exp(-parameter));
}

/**
 * Value of one head on a state's features.
 *
 * @param head 0 = phi1, 1 = phi2, 2 = phi3; @param features [D]
 */
export function alignmentHead(heads: AlignmentHeads, head: number, features: ArrayLike<number>): number {
  const weights = heads.weights[head]!;
  if (heads.kind === "constant") return weights[0]!;
  let sum = heads.biases[head]!;
  for (let d = 0; d < weights.length; d++) sum += weights[d]! * features[d]!;
  return sum;
}

/** Factors of the learned reward in one state: r_phi = offset + primary r_p + auxiliary r_aux. */
export interface AlignmentTerms {
  readonly offset: number;
  readonly primary: number;
  readonly auxiliary: number;
}

export function alignmentTerms(heads: AlignmentHeads, features: ArrayLike<number>): AlignmentTerms {
  const offset = alignmentHead(heads, 0, features);
  const auxiliary = alignmentHead(heads, 2, features);
  switch (heads.kind) {
    case "scaled":
      return { offset, primary: alignmentHead(heads, 1, features), auxiliary };
    case "plain":
      return { offset, primary: 1, auxiliary };
    case "constant":
      return { offset: offset - 1, primary: 1, auxiliary };
  }
}

/**
 * The learned reward of each step (Gupta et al. 2023, Behavior Alignment via Reward Function Optimization).
 *
 * @param features [T][D]; @param primary [T]; @param auxiliary [T]
 */
export function alignedRewards(
  heads: AlignmentHeads,
  features: readonly ArrayLike<number>[],
  primary: ArrayLike<number>,
  auxiliary: ArrayLike<number>,
): Float64Array {
  return Float64Array.from(features, (row, t) => {
    const terms = alignmentTerms(heads, row);
    return terms.offset + terms.primary * primary[t]! + terms.auxiliary * auxiliary[t]!;
  });
}

/** G_t = m_t r_t + gamma G_{t+1} over the padded horizon, [T]. */
export function maskedReturns(rewards: Float64Array, mask: ArrayLike<number>, gamma: number): Float64Array {
  const masked = rewards.map((reward, t) => reward * mask[t]!);
  return accumulateBackward(masked, gamma, masked);
}

/**
 * What the release logs as the aligned return: the mean of the first episode's returns before the first step whose mask
 * is the lowest of the whole batch. An episode that fills the buffer has no such step, so nothing is averaged and NaN
 * stands there.
 *
 * @param returns of the first episode, [T]; @param masks of all episodes, [B][T]
 */
export function loggedAlignedReturn(returns: Float64Array, masks: readonly ArrayLike<number>[]): number {
  const flat = masks.flatMap((mask) => Array.from(mask));
  const end = flat.indexOf(flat.reduce((least, value) => Math.min(least, value), Infinity));
  const counted = returns.subarray(0, Math.max(0, end));
  return counted.reduce((sum, value) => sum + value, 0) / counted.length;
}
