import { alignmentGamma, alignmentTerms, maskedReturns, type AlignmentHeads } from "./alignedReward";

/** A softmax policy with linear logits W x + b. */
export interface SoftmaxPolicy {
  /** [A][D] */
  readonly weights: readonly Float64Array[];
  /** [A] */
  readonly biases: Float64Array;
}

/** One padded episode of the replay buffer. */
export interface MaskedEpisode {
  /** [T][D] */
  readonly features: readonly Float64Array[];
  readonly actions: ArrayLike<number>;
  /** Primary reward, [T]. */
  readonly primary: Float64Array;
  /** Auxiliary reward, [T]. */
  readonly auxiliary: Float64Array;
  /** 1 = real step, 0 = padding, [T]. */
  readonly mask: Float64Array;
}

/** A direction, or a gradient, in the policy's parameters. */
export interface PolicyGradient {
  readonly weights: readonly Float64Array[];
  readonly biases: Float64Array;
}

/** Log-probabilities of all actions in a state, [A]. */
export function softmaxLogProbabilities(policy: SoftmaxPolicy, features: ArrayLike<number>): Float64Array {
  const logits = logitsOf(policy, features);
  const highest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - highest), 0)) + highest;
  return logits.map((value) => value - total);
}

function logitsOf({ weights, biases }: PolicyGradient, features: ArrayLike<number>): Float64Array {
  return biases.map((bias, action) => {
    let sum = bias;
    const row = weights[action]!;
    for (let d = 0; d < row.length; d++) sum += row[d]! * features[d]!;
    return sum;
  });
}

function zeros(policy: SoftmaxPolicy): PolicyGradient {
  return {
    weights: policy.weights.map((row) => new Float64Array(row.length)),
    biases: new Float64Array(policy.biases.length),
  };
}

/** Adds an outer product of a derivative by the logits and the features that they are linear in. */
function addOuter(to: PolicyGradient, byLogits: Float64Array, features: ArrayLike<number>): void {
  for (let action = 0; action < byLogits.length; action++) {
    const row = to.weights[action]!;
    const factor = byLogits[action]!;
    to.biases[action]! += factor;
    for (let d = 0; d < row.length; d++) row[d]! += factor * features[d]!;
  }
}

/** a + factor * b */
function combine(a: PolicyGradient, b: PolicyGradient, factor: number): PolicyGradient {
  return {
    weights: a.weights.map((row, action) => row.map((value, d) => value + factor * b.weights[action]![d]!)),
    biases: a.biases.map((value, action) => value + factor * b.biases[action]!),
  };
}

/** How the entropy of the policy enters: its coefficient over the number of real steps. */
function entropyWeight(episodes: readonly MaskedEpisode[], coefficient: number): number {
  const steps = episodes.reduce((sum, { mask }) => sum + mask.reduce((inner, value) => inner + value, 0), 0);
  return coefficient === 0 ? 0 : coefficient / steps;
}

export interface PolicyObjective {
  readonly value: number;
  readonly gradient: PolicyGradient;
}

/**
 * The objective of both loops (Dhawgupta/gupta2023behavior, BarfiNeumann.get_policy_loss, REINFORCEPotential.optimize):
 * the mean over the whole padded horizon of mask * log pi(a_t|s_t) * G_t, plus the masked mean entropy times its
 * coefficient. There is no gamma^t weight and no baseline.
 *
 * @param returns what each step's log-probability is weighted with, [B][T]
 */
export function policyObjective(
  policy: SoftmaxPolicy,
  episodes: readonly MaskedEpisode[],
  returns: readonly Float64Array[],
  entropyCoefficient: number,
): PolicyObjective {
  const gradient = zeros(policy);
  const byEntropy = entropyWeight(episodes, entropyCoefficient);
  let value = 0;
  episodes.forEach(({ features, actions, mask }, episode) => {
    const share = 1 / (episodes.length * mask.length);
    features.forEach((row, t) => {
      const log = softmaxLogProbabilities(policy, row);
      const weight = share * mask[t]! * returns[episode]![t]!;
      const entropy = -log.reduce((sum, l) => sum + Math.exp(l) * l, 0);
      value += weight * log[actions[t]!]! + byEntropy * mask[t]! * entropy;
      const byLogits = log.map(
        (l, action) =>
          weight * ((action === actions[t] ? 1 : 0) - Math.exp(l)) -
          byEntropy * mask[t]! * Math.exp(l) * (l + entropy),
      );
      addOuter(gradient, byLogits, row);
    });
  });
  return { value, gradient };
}

/** Product of the Hessian of `policyObjective` with a direction. */
export function policyHessianProduct(
  policy: SoftmaxPolicy,
  episodes: readonly MaskedEpisode[],
  returns: readonly Float64Array[],
  entropyCoefficient: number,
  direction: PolicyGradient,
): PolicyGradient {
  const product = zeros(policy);
  const byEntropy = entropyWeight(episodes, entropyCoefficient);
  episodes.forEach(({ features, mask }, episode) => {
    const share = 1 / (episodes.length * mask.length);
    features.forEach((row, t) => {
      const log = softmaxLogProbabilities(policy, row);
      const p = log.map((l) => Math.exp(l));
      const change = logitsOf(direction, row);
      const mean = p.reduce((sum, share_, action) => sum + share_ * change[action]!, 0);
      const entropy = -log.reduce((sum, l, action) => sum + p[action]! * l, 0);
      const entropyChange = -log.reduce(
        (sum, l, action) => sum + p[action]! * (l + entropy) * change[action]!,
        0,
      );
      const weight = share * mask[t]! * returns[episode]![t]!;
      const byLogits = log.map((l, action) => {
        const moved = p[action]! * (change[action]! - mean);
        const bent = moved * (l + entropy) + p[action]! * (change[action]! - mean + entropyChange);
        return -weight * moved - byEntropy * mask[t]! * bent;
      });
      addOuter(product, byLogits, row);
    });
  });
  return product;
}

export interface AlignmentGradientOptions {
  /** Terms of the Neumann series after the first. */
  readonly loops: number;
  /** Step of the series. */
  readonly alpha: number;
  /** Weight of the sum of the norms of the heads' parameter tensors. */
  readonly rewardL2: number;
  /** Weight of the discount itself. */
  readonly gammaL2: number;
  /** Coefficient of the entropy in the inner objective. */
  readonly entropy: number;
  /** Discount of the primary reward in the outer objective. */
  readonly primaryGamma: number;
}

export interface AlignmentGradient {
  /** By the heads' weights, [3][D]. */
  readonly weights: readonly Float64Array[];
  /** By the heads' biases, [3]. */
  readonly biases: Float64Array;
  /** By the parameter whose sigmoid is the discount. */
  readonly gamma: number;
}

/** Derivative of the sum of norms: each entry over its tensor's norm, 0 for a tensor of zeros. */
function overNorm(rows: readonly Float64Array[]): (value: number) => number {
  const norm = Math.sqrt(rows.reduce((sum, row) => sum + row.reduce((inner, v) => inner + v * v, 0), 0));
  return (value) => (norm === 0 ? 0 : value / norm);
}

/**
 * The implicit gradient of the primary return by the learned reward (BarfiNeumann.outer_Neumann): v = gradient of the
 * outer objective on the newest episodes, u = alpha sum_{j=0..loops} (I + alpha H)^j v with the inner objective's Hessian H,
 * then u^T d2J / (dtheta dphi), minus the penalties' gradients. To be ascended.
 *
 * @param newest episodes under the current policy; @param earlier episodes for the curvature
 */
export function alignmentGradient(
  policy: SoftmaxPolicy,
  heads: AlignmentHeads,
  gammaParameter: number,
  newest: readonly MaskedEpisode[],
  earlier: readonly MaskedEpisode[],
  options: AlignmentGradientOptions,
): AlignmentGradient {
  const outerReturns = newest.map(({ primary, mask }) => maskedReturns(primary, mask, options.primaryGamma));
  let term = policyObjective(policy, newest, outerReturns, 0).gradient;
  const gamma = alignmentGamma(gammaParameter);
  const terms = earlier.map(({ features }) => features.map((row) => alignmentTerms(heads, row)));
  const innerReturns = earlier.map(({ primary, auxiliary, mask }, episode) =>
    maskedReturns(
      primary.map((reward, t) => {
        const { offset, primary: scale, auxiliary: factor } = terms[episode]![t]!;
        return offset + scale * reward + factor * auxiliary[t]!;
      }),
      mask,
      gamma,
    ),
  );
  let series = term;
  for (let j = 0; j < options.loops; j++) {
    term = combine(
      term,
      policyHessianProduct(policy, earlier, innerReturns, options.entropy, term),
      options.alpha,
    );
    series = combine(series, term, 1);
  }
  const weights = heads.weights.map((row) => new Float64Array(row.length));
  const biases = new Float64Array(heads.biases.length);
  let byGamma = 0;
  earlier.forEach(({ features, actions, primary, auxiliary, mask }, episode) => {
    const share = 1 / (earlier.length * mask.length);
    // Effect of each step's return on u^T grad, then of each reward on it, from the front.
    let carried = 0;
    const byReturn = mask.map((real, t) => {
      const p = softmaxLogProbabilities(policy, features[t]!).map((l) => Math.exp(l));
      const change = logitsOf(series, features[t]!);
      const mean = p.reduce((sum, value, action) => sum + value * change[action]!, 0);
      return share * real * (change[actions[t]!]! - mean);
    });
    const returns = innerReturns[episode]!;
    let slope = 0;
    for (let t = mask.length - 2; t >= 0; t--) {
      slope = returns[t + 1]! + gamma * slope;
      byGamma += byReturn[t]! * slope;
    }
    mask.forEach((real, t) => {
      carried = byReturn[t]! + gamma * carried;
      const byReward = real * carried;
      const factors = [1, heads.kind === "scaled" ? primary[t]! : 0, auxiliary[t]!];
      factors.forEach((factor, head) => {
        const row = weights[head]!;
        if (heads.kind === "constant") row[0]! += byReward * factor;
        else {
          for (let d = 0; d < row.length; d++) row[d]! += byReward * factor * features[t]![d]!;
          biases[head]! += byReward * factor;
        }
      });
    });
  });
  const { alpha, rewardL2, gammaL2 } = options;
  const weightSlope = overNorm(heads.weights);
  const biasSlope = overNorm([heads.biases]);
  return {
    weights: weights.map((row, head) =>
      row.map((value, d) => alpha * value - rewardL2 * weightSlope(heads.weights[head]![d]!)),
    ),
    biases: biases.map((value, head) => alpha * value - rewardL2 * biasSlope(heads.biases[head]!)),
    gamma: (alpha * byGamma - gammaL2) * gamma * (1 - gamma),
  };
}
