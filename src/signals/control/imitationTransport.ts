/** A matrix of distances between steps of an episode and steps of a demonstration, [T][T']. */
export type CostMatrix = readonly Float64Array[];

const round = Math.fround;

/** Euclidean distance of every pair of rows, rounded to float32 as the release computes it (euclidean_distance). */
export function euclideanCosts(steps: CostMatrix, demonstration: CostMatrix): Float64Array[] {
  return steps.map((a) =>
    Float64Array.from(demonstration, (b) => {
      let sum = 0;
      for (let d = 0; d < a.length; d++) sum += (round(a[d]!) - round(b[d]!)) ** 2;
      return round(Math.sqrt(sum));
    }),
  );
}

/** 1 - cosine of every pair of rows, rounded to float32; norms are held above 1e-8 (cosine_distance). */
export function cosineCosts(steps: CostMatrix, demonstration: CostMatrix): Float64Array[] {
  const length = (row: Float64Array): number =>
    Math.max(1e-8, Math.sqrt(row.reduce((sum, value) => sum + round(value) ** 2, 0)));
  const lengths = demonstration.map(length);
  return steps.map((a) => {
    const own = length(a);
    return Float64Array.from(demonstration, (b, j) => {
      let product = 0;
      for (let d = 0; d < a.length; d++) product += round(a[d]!) * round(b[d]!);
      return round(1 - product / (own * lengths[j]!));
    });
  });
}

/**
 * Entropic transport between uniform marginals by Sinkhorn scaling in the log domain, which does not underflow at a
 * small regularisation. Stops after `iterations`, or when the column marginals are met to 1e-9 (looked at every tenth
 * iteration, as the optimal-transport library behind the release does).
 *
 * @param costs [N][M] @returns plan, [N][M]
 */
function sinkhornPlan(costs: CostMatrix, regularisation = 0.01, iterations = 100): Float64Array[] {
  const rows = costs.length;
  const columns = costs[0]?.length ?? 0;
  const f = new Float64Array(rows);
  const g = new Float64Array(columns);
  const scaled = costs.map((row) => row.map((value) => -value / regularisation));
  const logSum = (count: number, entry: (k: number) => number): number => {
    let most = -Infinity;
    for (let k = 0; k < count; k++) most = Math.max(most, entry(k));
    let sum = 0;
    for (let k = 0; k < count; k++) sum += Math.exp(entry(k) - most);
    return most + Math.log(sum);
  };
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (let j = 0; j < columns; j++) g[j] = -Math.log(columns) - logSum(rows, (i) => scaled[i]![j]! + f[i]!);
    for (let i = 0; i < rows; i++) f[i] = -Math.log(rows) - logSum(columns, (j) => scaled[i]![j]! + g[j]!);
    if (iteration % 10 === 0) {
      let error = 0;
      for (let j = 0; j < columns; j++) {
        const mass = Math.exp(logSum(rows, (i) => scaled[i]![j]! + f[i]!) + g[j]!);
        error += (mass - 1 / columns) ** 2;
      }
      if (Math.sqrt(error) < 1e-9) break;
    }
  }
  return scaled.map((row, i) => row.map((value, j) => Math.exp(value + f[i]! + g[j]!)));
}

/** Rewards of an episode against the demonstration that it follows best. */
export interface TransportReward {
  readonly costs: CostMatrix;
  readonly plan: CostMatrix;
  /** -scale * sum_j plan_ij cost_ij, [T]. */
  readonly rewards: Float64Array;
  readonly total: number;
  /** Index of the demonstration. */
  readonly demonstration: number;
}

/**
 * Imitation reward by optimal transport (ADS, Liu et al., 2024; dwjshift/IL_ADS, IL/agent/ot.py, ot_rewarder): Sinkhorn
 * plan to each demonstration, the one with the largest total counts (the first of equal ones). Blind to the order of the
 * demonstration's steps.
 *
 * @throws Error when episode and demonstration differ in length, or there is no demonstration
 */
export function transportReward(
  steps: CostMatrix,
  demonstrations: readonly CostMatrix[],
  distance: "euclidean" | "cosine",
  scale: number,
): TransportReward {
  let best: TransportReward | undefined;
  demonstrations.forEach((demonstration, index) => {
    if (demonstration.length !== steps.length)
      throw new Error(
        `The episode has ${steps.length} steps and demonstration ${index} has ${demonstration.length}: they must be equal.`,
      );
    const costs = (distance === "cosine" ? cosineCosts : euclideanCosts)(steps, demonstration);
    const plan = sinkhornPlan(costs);
    const rewards = Float64Array.from(
      plan,
      (row, i) => -scale * row.reduce((sum, mass, j) => sum + mass * costs[i]![j]!, 0),
    );
    const total = rewards.reduce((sum, reward) => sum + reward, 0);
    if (!best || total > best.total) best = { costs, plan, rewards, total, demonstration: index };
  });
  if (!best) throw new Error("A transport reward needs at least one demonstration.");
  return best;
}

/** Scale at which the first episode's rewards sum to `target` in size: scale * target / |sum| (train.py). */
export function automaticScale(rewards: Float64Array, target: number, scale = 1): number {
  return (scale * target) / Math.abs(rewards.reduce((sum, reward) => sum + reward, 0));
}
