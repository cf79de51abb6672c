import { agnes } from "ml-hclust";
import { normaliseGroups } from "../kernels/groupNormalisation";

/** A trajectory of the batch as the self-referential reward sees it. */
export interface EmbeddedTrajectory {
  /** Embedding of a world model, [D]; all zeros = there is none. */
  readonly embedding: ArrayLike<number>;
  readonly success: boolean;
  readonly task: string;
}

/** Reward of one trajectory; the distances are there for failures of groups with successes only. */
export interface SelfReferentialReward {
  readonly score: number;
  readonly emptyEmbedding: boolean;
  /** Euclidean distance to the nearest centre of the successes. */
  readonly distance?: number;
  /** 0 = nearest failure of the group, 1 = farthest; 0.5 when all are equally far. */
  readonly normalisedDistance?: number;
}

/** Task of a LIBERO trial: `libero_<suite>_task_<n>_trial_<m>` without the trial; other names are their own task. */
export function liberoTask(name: string): string {
  return /^(libero_[\p{L}\p{N}_]+_task_\p{Nd}+)_trial_\p{Nd}+/u.exec(name)?.[1] ?? name;
}

/** Mean and scale of every column; a constant column has scale 1 (as scikit-learn's StandardScaler). */
function columnScales(rows: readonly ArrayLike<number>[]): {
  readonly means: Float64Array;
  readonly scales: Float64Array;
} {
  const width = rows[0]!.length;
  const means = new Float64Array(width);
  const scales = new Float64Array(width);
  for (let k = 0; k < width; k++) {
    for (const row of rows) means[k] = means[k]! + row[k]! / rows.length;
    let variance = 0;
    for (const row of rows) variance += (row[k]! - means[k]!) ** 2 / rows.length;
    const noise = rows.length * Number.EPSILON * variance + (rows.length * means[k]! * Number.EPSILON) ** 2;
    scales[k] = variance <= noise ? 1 : Math.sqrt(variance);
  }
  return { means, scales };
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let squares = 0;
  for (let k = 0; k < a.length; k++) squares += (a[k]! - b[k]!) ** 2;
  return Math.sqrt(squares);
}

/**
 * Clusters of points by density with at least two points each (DBSCAN with min_samples 2). With two points as the least
 * these are the pieces of the graph of points within `radius` of each other, and single linkage cut at `radius` gives
 * just them. Single points, and points with a distance that is not finite, are noise.
 *
 * @returns members of each cluster in rising order, clusters in the order of their first point
 */
export function densityClusters(
  points: readonly ArrayLike<number>[],
  radius: number,
): readonly (readonly number[])[] {
  if (points.length < 2) return [];
  const far = Number.MAX_VALUE;
  const distances = points.map((a, i) =>
    points.map((b, j) => {
      const gap = i === j ? 0 : distance(a, b);
      return gap < far ? gap : far;
    }),
  );
  return agnes(distances, { isDistanceMatrix: true, method: "single" })
    .cut(radius)
    .filter(({ size }) => size > 1)
    .map((cluster) => cluster.indices().sort((a, b) => a - b))
    .sort((a, b) => a[0]! - b[0]!);
}

/** Centres of the successes: means of their clusters (in standardised space), or the plain mean when there is none. */
function successCentres(rows: readonly ArrayLike<number>[], radius = 0.5): readonly Float64Array[] {
  const { means, scales } = columnScales(rows);
  const scaled = rows.map((row) =>
    Float64Array.from({ length: row.length }, (_, k) => (row[k]! - means[k]!) / scales[k]!),
  );
  // The mean of standardised rows, brought back, is the mean of the rows.
  const centre = (members: readonly number[]): Float64Array =>
    means.map((_, k) => members.reduce((sum, row) => sum + rows[row]![k]!, 0) / members.length);
  const clusters = densityClusters(scaled, radius);
  return clusters.length > 0 ? clusters.map(centre) : [centre(rows.map((_, row) => row))];
}

/**
 * Self-referential progress reward (sii-research/siiRL, siirl/utils/reward_score/embodied.py,
 * compute_embodied_reward): 1 for a success, for a failure `0.6 sigmoid(10 (0.5 - d))` with d its distance to the
 * successes of the same task in the batch, scaled to 0..1 over the failures. An empty embedding has 0, a success too;
 * without a success all failures have 0.
 */
export function selfReferentialRewards(
  batch: readonly EmbeddedTrajectory[],
): readonly SelfReferentialReward[] {
  const rewards = batch.map(({ embedding, success }): SelfReferentialReward => {
    const emptyEmbedding = Array.from(embedding).every((value) => value === 0);
    return { score: success && !emptyEmbedding ? 1 : 0, emptyEmbedding };
  });
  const tasks = new Map<string, number[]>();
  batch.forEach(({ task }, row) => {
    if (rewards[row]!.emptyEmbedding) return;
    const rows = tasks.get(task);
    if (rows) rows.push(row);
    else tasks.set(task, [row]);
  });
  for (const rows of tasks.values()) {
    const successes = rows.filter((row) => batch[row]!.success);
    const failures = rows.filter((row) => !batch[row]!.success);
    if (successes.length === 0 || failures.length === 0) continue;
    const centres = successCentres(successes.map((row) => batch[row]!.embedding));
    const distances = failures.map((row) =>
      Math.min(...centres.map((centre) => distance(batch[row]!.embedding, centre))),
    );
    const least = Math.min(...distances);
    const range = Math.max(...distances) - least;
    failures.forEach((row, i) => {
      const normalisedDistance = range < 1e-6 ? 0.5 : (distances[i]! - least) / range;
      rewards[row] = {
        ...rewards[row]!,
        score: 0.6 / (1 + Math.exp(-10 * (0.5 - normalisedDistance))),
        distance: distances[i]!,
        normalisedDistance,
      };
    });
  }
  return rewards;
}

/**
 * Token on which the reward of a trajectory is put (siiRL, siirl/engine/reward_manager/embodied.py): the last token of
 * the finishing step's action; undefined when the trajectory finished at step 0.
 *
 * @throws Error when the step lies behind the response
 */
function finishToken(finishStep: number, actionTokens: number, tokens: number): number | undefined {
  if (finishStep === 0) return undefined;
  const token = finishStep * actionTokens - 1;
  if (token >= tokens)
    throw new Error(`Finishing step ${finishStep} ends at token ${token}, the response has ${tokens}.`);
  return token;
}

/** A reward on a token of a row. */
export interface PlacedReward {
  readonly row: number;
  readonly token: number;
  readonly reward: number;
}

/**
 * Rewards on tokens (EmbodiedRewardManager): score times coefficient on the last token of the finishing step; what
 * finished at step 0 or is worth nothing is not placed.
 *
 * @param tokens of a response; @throws Error when a finishing step lies behind the response
 */
export function placedRewards(
  scores: ArrayLike<number>,
  finishSteps: ArrayLike<number>,
  coefficient: number,
  actionTokens: number,
  tokens: number,
): readonly PlacedReward[] {
  return Array.from(finishSteps).flatMap((step, row): readonly PlacedReward[] => {
    const token = finishToken(step, actionTokens, tokens);
    const reward = scores[row]! * coefficient;
    return token === undefined || reward === 0 ? [] : [{ row, token, reward }];
  });
}

/** Group advantages of siiRL (siirl/dag_worker/core_algos.py, compute_grpo_outcome_advantage), one per row. */
export function siirlAdvantages(
  scores: Float64Array,
  groups: Int32Array,
  groupCount: number,
  divideByStd: boolean,
  epsilon: number,
): Float64Array {
  return normaliseGroups(scores, groups, groupCount, {
    baseline: "mean",
    std: divideByStd ? "sample" : "none",
    spreadOver: "group",
    epsilon,
    singleton: "reward",
    zeroSpread: "divide",
    nan: "propagate",
    precision: "float64",
  }).advantages;
}
