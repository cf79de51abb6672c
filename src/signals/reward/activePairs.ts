import { inverse, Matrix } from "ml-matrix";

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Reward of an embedding under a linear head. */
export function linearReward(weights: ArrayLike<number>, embedding: ArrayLike<number>): number {
  return dot(weights, embedding);
}

/**
 * Bradley-Terry probability that the first of two embeddings is preferred
 * (holarissun/RewardModelingBeyondBradleyTerry, networks.py, forward_siamese), linear head.
 */
export function preferenceProbability(
  weights: ArrayLike<number>,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): number {
  return sigmoid(dot(weights, first) - dot(weights, second));
}

/** Classification reward (networks.py, forward_mlp): probability that an embedding is a preferred one, linear head. */
export function classificationReward(weights: ArrayLike<number>, embedding: ArrayLike<number>): number {
  return sigmoid(dot(weights, embedding));
}

/** All pairs of the responses of one prompt as [better, worse] row numbers; equal rewards keep the order of the rows. */
export function annotatedPairs(rewards: ArrayLike<number>): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0; i < rewards.length; i++)
    for (let j = i + 1; j < rewards.length; j++) pairs.push(rewards[i]! >= rewards[j]! ? [i, j] : [j, i]);
  return pairs;
}

/** Two embeddings that could be compared, [D] each. */
export type EmbeddingPair = readonly [ArrayLike<number>, ArrayLike<number>];

/** How much a comparison weighs in the design: by p (1 - p) of Bradley-Terry, or all the same (linear regression). */
export type DesignWeight = "bradley-terry" | "linear";

/** Added to the diagonal of the information matrix so that it can be inverted. */
const informationRidge = 1e-6;

/**
 * Information gain of comparing each pair, the gradient of the log determinant of the design
 * (YunyiShen/ARM-FI, model/rules_pre_paired.py, dopt_rule, pastaware_dopt_rule and XtX_rule):
 * `w d^T I^-1 d`, `I = sum w d d^T + 1e-6`, w = p (1 - p) or 1.
 *
 * @param past pairs that are labelled already; they add to the information
 * @returns [N]
 */
export function informationGains(
  pairs: readonly EmbeddingPair[],
  weights: ArrayLike<number>,
  weight: DesignWeight,
  past: readonly EmbeddingPair[] = [],
): Float64Array {
  const size = weights.length;
  const design = (list: readonly EmbeddingPair[]): { difference: Float64Array; weight: number }[] =>
    list.map(([a, b]) => {
      const difference = Float64Array.from({ length: size }, (_, k) => a[k]! - b[k]!);
      const p = sigmoid(dot(weights, difference));
      return { difference, weight: weight === "linear" ? 1 : p * (1 - p) };
    });
  const rows = design(pairs);
  const information = Matrix.eye(size).mul(informationRidge);
  for (const row of [...rows, ...design(past)])
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++)
        information.set(a, b, information.get(a, b) + row.weight * row.difference[a]! * row.difference[b]!);
  const inverted = inverse(information);
  return Float64Array.from(rows, ({ difference, weight: own }) => {
    let sum = 0;
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++) sum += difference[a]! * inverted.get(a, b) * difference[b]!;
    return own * sum;
  });
}

/** Absolute score differences of pairs (levelset_rule), [N]. */
export function scoreDistances(pairs: readonly EmbeddingPair[], weights: ArrayLike<number>): Float64Array {
  return Float64Array.from(pairs, ([a, b]) => Math.abs(dot(weights, a) - dot(weights, b)));
}

/** Numbers of the first `count` rows by score, the largest or the smallest first; equal scores in the order of the rows. */
export function topRows(
  scores: ArrayLike<number>,
  count: number,
  order: "largest" | "smallest" = "largest",
): readonly number[] {
  const sign = order === "largest" ? 1 : -1;
  return Array.from({ length: scores.length }, (_, i) => i)
    .sort((a, b) => sign * (scores[b]! - scores[a]!))
    .slice(0, count);
}

/** Mean binary cross entropy of probabilities, nats; logarithms not below -100, as PyTorch has them. */
export function crossEntropy(probabilities: ArrayLike<number>, targets: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    const y = targets[i]!;
    sum -= y * Math.max(Math.log(p), -100) + (1 - y) * Math.max(Math.log(1 - p), -100);
  }
  return sum / probabilities.length;
}
