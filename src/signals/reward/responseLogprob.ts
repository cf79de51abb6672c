/** How the log-probabilities of a response become one number: their sum, their mean, or minus their L2 norm. */
export type LogprobKind = "sum" | "average" | "norm";

/** Label of a position that does not belong to the response. */
const ignoredLabel = -100;

/**
 * Log-probability of a response (allenai/reward-bench, rewardbench/dpo.py, get_batch_logps), labels shifted by one.
 *
 * @param logits [T][V]; @param labels token ids, -100 = not in the response, [T]
 * @returns nats (per token for `average`, where a response without tokens is NaN)
 */
export function responseLogprob(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  kind: LogprobKind,
): number {
  const values: number[] = [];
  for (let t = 1; t < labels.length; t++) {
    const label = labels[t]!;
    if (label === ignoredLabel) continue;
    const row = logits[t - 1]!;
    let top = -Infinity;
    for (let k = 0; k < row.length; k++) top = Math.max(top, row[k]!);
    let mass = 0;
    for (let k = 0; k < row.length; k++) mass += Math.exp(row[k]! - top);
    values.push(row[label]! - top - Math.log(mass));
  }
  return reducedLogprob(values, kind);
}

/**
 * Implicit reward of a response (rewardbench/dpo.py, DPOInference): its log-probability under the policy minus the
 * reference's; beta is not applied.
 */
export function implicitResponseReward(
  policy: readonly ArrayLike<number>[],
  reference: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  kind: LogprobKind,
): number {
  return responseLogprob(policy, labels, kind) - responseLogprob(reference, labels, kind);
}

/** One number from the log-probabilities of a response's tokens, nats; NaN for the mean of none. */
export function reducedLogprob(values: ArrayLike<number>, kind: LogprobKind): number {
  let sum = 0;
  let squares = 0;
  for (let t = 0; t < values.length; t++) {
    sum += values[t]!;
    squares += values[t]! ** 2;
  }
  if (kind === "norm") return -Math.sqrt(squares);
  return kind === "average" ? sum / values.length : sum;
}
