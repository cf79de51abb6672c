/** Threshold on the rate of one behaviour: a lower bound, an upper bound, or neither. */
export interface RateBound {
  readonly least: number | null;
  readonly most: number | null;
}

/** Weights with which rewards and indicator costs enter the policy's objective. */
export interface ConstraintWeights {
  readonly reward: number;
  /** Signed: positive for a lower bound, negative for an upper one, [K]. */
  readonly costs: Float64Array;
}

export interface ConstraintOptions {
  readonly bounds: readonly RateBound[];
  /** True = weights are softmax(z)[1..], the first entry of z standing for the reward; false = z themselves. */
  readonly normalised: boolean;
  /** Constraint whose weight is the least weight of the reward; undefined = none. */
  readonly bootstrap?: number;
}

/** +1 for a lower bound, -1 for an upper bound. @throws Error when both or neither are given */
export function boundSign({ least, most }: RateBound): number {
  const lower = least !== null && !Number.isNaN(least);
  const upper = most !== null && !Number.isNaN(most);
  if (lower && upper)
    throw new Error("A constraint has both a lower and an upper bound: state it as two constraints.");
  if (!lower && !upper) throw new Error("A constraint has neither a lower nor an upper bound.");
  return lower ? 1 : -1;
}

function multipliers(z: Float64Array, normalised: boolean): Float64Array {
  if (!normalised) return z;
  const peak = z.reduce((most, value) => Math.max(most, value), -Infinity);
  const weights = z.map((value) => Math.exp(value - peak));
  const sum = weights.reduce((total, value) => total + value, 0);
  return weights.map((value) => value / sum).subarray(1);
}

/**
 * Weights of Direct Behavior Specification (Roy et al., 2022; ubisoft/DirectBehaviorSpecification,
 * algorithms/lagrangian_methods.py): cost weight sign_k lambda_k; reward weight 1 - sum |w_k| when normalised, at least
 * the bootstrap constraint's weight, and 1 when not normalised.
 */
export function constraintWeights(z: Float64Array, options: ConstraintOptions): ConstraintWeights {
  const lambda = multipliers(z, options.normalised);
  const costs = lambda.map((value, k) => boundSign(options.bounds[k]!) * value);
  let reward = options.normalised ? 1 - costs.reduce((sum, value) => sum + Math.abs(value), 0) : 1;
  if (options.bootstrap !== undefined) reward = Math.max(costs[options.bootstrap]!, reward);
  return { reward, costs };
}

/** Mean of each indicator over the batch, missing entries (NaN) left out; NaN where nothing is left, [K]. */
function behaviourRates(costs: readonly Float64Array[], constraints: number): Float64Array {
  return Float64Array.from({ length: constraints }, (_, k) => {
    const seen = costs.map((row) => row[k]!).filter((value) => !Number.isNaN(value));
    return seen.reduce((sum, value) => sum + value, 0) / seen.length;
  });
}

/**
 * Updates of the multipliers (LagrangianWrapper.update_parameters): Adam (betas 0.9 and 0.999, epsilon 1e-5) descends
 * sum_k sign_k lambda_k (rate_k - threshold_k).
 *
 * @param costs indicator of each constraint per transition, NaN = not defined there, [N][K]
 * @param start parameters z before the first update, [K + 1] when normalised, else [K]
 * @returns the weights in force at each update (before its step), and the parameters after the last
 */
export function multiplierUpdates(
  costs: readonly Float64Array[],
  start: Float64Array,
  options: ConstraintOptions & { readonly learningRate: number; readonly updates: number },
): { readonly weights: readonly ConstraintWeights[]; readonly parameters: Float64Array } {
  const rates = behaviourRates(costs, options.bounds.length);
  const slopes = rates.map((rate, k) => {
    const bound = options.bounds[k]!;
    const sign = boundSign(bound);
    return sign * (rate - (sign > 0 ? bound.least! : bound.most!));
  });
  const z = start.slice();
  const first = new Float64Array(z.length);
  const second = new Float64Array(z.length);
  const weights: ConstraintWeights[] = [];
  for (let step = 1; step <= options.updates; step++) {
    weights.push(constraintWeights(z, options));
    const lambda = multipliers(z, options.normalised).slice();
    const mean = lambda.reduce((sum, value, k) => sum + value * slopes[k]!, 0);
    const dummy = 1 - lambda.reduce((sum, value) => sum + value, 0);
    const gradient = options.normalised
      ? Float64Array.from(z, (_, i) => (i === 0 ? -dummy * mean : lambda[i - 1]! * (slopes[i - 1]! - mean)))
      : slopes;
    for (let i = 0; i < z.length; i++) {
      first[i] = 0.9 * first[i]! + 0.1 * gradient[i]!;
      second[i] = 0.999 * second[i]! + 0.001 * gradient[i]! ** 2;
      const spread = Math.sqrt(second[i]! / (1 - 0.999 ** step)) + 1e-5;
      z[i]! -= (options.learningRate * first[i]!) / (1 - 0.9 ** step) / spread;
    }
  }
  return { weights, parameters: z };
}
