/**
 * Row whose hidden state a probe reads (wangclnlp/MRMBench, RewardModel_Subtask.forward): the one before the first
 * padding; the last one when there is no padding or the text begins with it.
 */
export function probedRow(ids: ArrayLike<number>, padding: number): number {
  const first = Array.prototype.indexOf.call(ids, padding);
  return first > 0 ? first - 1 : ids.length - 1;
}

/**
 * Logits of a linear probe without bias.
 *
 * @param state hidden state, [D]; @param head one row per logit, [K][D]
 */
export function probeLogits(state: ArrayLike<number>, head: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(head, (row) => {
    let sum = 0;
    for (let k = 0; k < row.length; k++) sum += row[k]! * state[k]!;
    return sum;
  });
}

/** Loss of one sample, nats: binary cross entropy for one logit, cross entropy for more. */
function probeLoss(logits: ArrayLike<number>, label: number): number {
  if (logits.length === 1) {
    const x = logits[0]!;
    return Math.max(x, 0) - x * label + Math.log1p(Math.exp(-Math.abs(x)));
  }
  const values = Array.from(logits);
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0)) - values[label]!;
}

/** Class that a probe predicts: above a half for one logit, the first of the largest for more. */
export function probedClass(logits: ArrayLike<number>): number {
  if (logits.length === 1) return logits[0]! > 0 ? 1 : 0;
  let best = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k;
  return best;
}

/**
 * Evaluation loss as logged (evaluation_reward): the sum over batches divided by the number of the last batch, counted
 * from 0, so by one too few.
 *
 * @throws Error for a single batch, which is divided by zero
 */
export function loggedLoss(batches: ArrayLike<number>): number {
  if (batches.length < 2) throw new Error("With fewer than two batches the logged loss is divided by zero.");
  return Array.from(batches).reduce((sum, loss) => sum + loss, 0) / (batches.length - 1);
}

/** Distance of a state to the nearest of some centroids, Euclidean; infinite without any. */
export function centroidDistance(state: ArrayLike<number>, centroids: readonly ArrayLike<number>[]): number {
  let least = Infinity;
  for (const centroid of centroids) {
    let squares = 0;
    for (let k = 0; k < state.length; k++) squares += (state[k]! - centroid[k]!) ** 2;
    const distance = Math.sqrt(squares);
    // Math.min keeps a NaN, so a broken state is not taken for a near one.
    least = Math.min(least, distance);
  }
  return least;
}

/** Right predictions of a probe. @param rows logits of each sample, [N][K]; @param labels [N] */
export function probeHits(rows: readonly ArrayLike<number>[], labels: ArrayLike<number>): number {
  return rows.filter((row, i) => probedClass(row) === labels[i]).length;
}

/** Mean loss of a batch, nats. */
export function batchLoss(rows: readonly ArrayLike<number>[], labels: ArrayLike<number>): number {
  return rows.reduce((sum, row, i) => sum + probeLoss(row, labels[i]!), 0) / rows.length;
}
