/** RUDDER's redistribution of one sequence. */
export interface Redistribution {
  /** Differences of the return predictions, the first against 0, [T]. */
  readonly differences: Float64Array;
  /** Return minus the last prediction. */
  readonly residual: number;
  /** Differences plus an equal share of the residual; sums to the return, [T]. */
  readonly rewards: Float64Array;
}

/**
 * RUDDER (Arjona-Medina et al., 2019; widmi/rudder-a-practical-tutorial, tutorial.ipynb): the reward of a step is how
 * much it changed the predicted return, and what the last prediction misses is spread equally over all steps. Recorded
 * rewards count only through their sum.
 *
 * @param predictions predicted final return after each step, [T]; @param rewards recorded rewards, [T]
 */
export function redistributeReturn(predictions: Float64Array, rewards: Float64Array): Redistribution {
  const length = predictions.length;
  const differences = predictions.map((value, t) => value - (t === 0 ? 0 : predictions[t - 1]!));
  let total = 0;
  for (const reward of rewards) total += reward;
  const residual = length === 0 ? 0 : total - predictions[length - 1]!;
  return { differences, residual, rewards: differences.map((value) => value + residual / length) };
}

/**
 * Loss that the tutorial trains with, as released: the square of the mean error (not the mean of squares) of the last
 * prediction, plus half the square of the mean error of all predictions.
 *
 * @param predictions [N][T]; @param rewards [N][T]
 */
export function releasedRudderLoss(
  predictions: readonly Float64Array[],
  rewards: readonly Float64Array[],
): number {
  let last = 0;
  let all = 0;
  let count = 0;
  predictions.forEach((row, i) => {
    const total = rewards[i]!.reduce((sum, reward) => sum + reward, 0);
    last += row[row.length - 1]! - total;
    for (const value of row) all += value - total;
    count += row.length;
  });
  return (last / predictions.length) ** 2 + 0.5 * (all / count) ** 2;
}
