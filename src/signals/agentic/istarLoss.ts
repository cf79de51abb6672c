/** -log(sigmoid(x)), without overflow. */
function softplusOfMinus(x: number): number {
  return x > 0 ? Math.log1p(Math.exp(-x)) : -x + Math.log1p(Math.exp(x));
}

/** Sum of a row's token scores under its mask, times beta. */
function sequenceScore(scores: ArrayLike<number>, mask: ArrayLike<number>, beta: number): number {
  let sum = 0;
  for (let t = 0; t < scores.length; t++) sum += scores[t]! * mask[t]!;
  return sum * beta;
}

export interface RewardModelRows {
  /** log-ratio of reward model to reference per token, [N][T], nats. */
  readonly scores: readonly ArrayLike<number>[];
  /** 1 = response token, [N][T]. */
  readonly masks: readonly ArrayLike<number>[];
  /** Outcome of each row's trajectory; above 0 = success, [N]. */
  readonly outcomes: ArrayLike<number>;
}

/** Preference loss over trajectories and its pairs. */
export interface TrajectoryPreference {
  readonly loss: number;
  readonly pairs: number;
  /** Mean step score of each trajectory, by id. */
  readonly trajectoryScores: ReadonlyMap<string, number>;
}

/**
 * iStar's reward-model loss (istar/rm_utils.py, compute_eto_loss_rm): a trajectory's score is the mean of its active
 * steps' scores; every pair of a successful and a failed trajectory of one task gives -log sigmoid of the difference;
 * the mean over all pairs of all tasks. No pair: 0. (The docstring says one-to-one pairing; the code pairs all.)
 */
export function trajectoryPreferenceLoss(
  { scores, masks, outcomes }: RewardModelRows,
  tasks: readonly string[],
  trajectories: readonly string[],
  active: ArrayLike<number>,
  beta: number,
): TrajectoryPreference {
  const known = new Map<string, { sum: number; count: number; success: boolean; task: string }>();
  trajectories.forEach((id, row) => {
    if (!active[row]) return;
    const entry = known.get(id) ?? { sum: 0, count: 0, success: outcomes[row]! > 0, task: tasks[row]! };
    entry.sum += sequenceScore(scores[row]!, masks[row]!, beta);
    entry.count++;
    known.set(id, entry);
  });
  const entries = [...known.values()];
  let total = 0;
  let pairs = 0;
  for (const good of entries) {
    if (!good.success) continue;
    for (const bad of entries) {
      if (bad.success || bad.task !== good.task) continue;
      total += softplusOfMinus(good.sum / good.count - bad.sum / bad.count);
      pairs++;
    }
  }
  const trajectoryScores = new Map([...known].map(([id, entry]) => [id, entry.sum / entry.count]));
  return { loss: pairs === 0 ? 0 : total / pairs, pairs, trajectoryScores };
}

/** Cross entropy of the sequence score against the outcome (compute_ce_dpo_loss_rm). */
export function outcomeCrossEntropy({ scores, masks, outcomes }: RewardModelRows, beta: number): number {
  let total = 0;
  scores.forEach((row, i) => {
    const score = sequenceScore(row, masks[i]!, beta);
    const label = outcomes[i]!;
    // The framework limits each logarithm to -100.
    const positive = Math.min(softplusOfMinus(score), 100);
    const negative = Math.min(softplusOfMinus(-score), 100);
    total += label * positive + (1 - label) * negative;
  });
  return total / scores.length;
}

/**
 * Detached preference loss (compute_detach_dpo_loss_rm): each sample against the mean score of the batch samples with a
 * lower (for successes) or higher outcome; `bon_rm` and `bon_acc` weigh samples by how many references they reach, and
 * then sum instead of averaging.
 *
 * @param batchScores reference scores of each sample's group, [N][n]; @param batchOutcomes their outcomes, [N][n]
 */
export function detachedPreferenceLoss(
  { scores, masks, outcomes }: RewardModelRows,
  batchScores: readonly ArrayLike<number>[],
  batchOutcomes: readonly ArrayLike<number>[],
  beta: number,
  mode: "none" | "bon_rm" | "bon_acc",
): number {
  let total = 0;
  scores.forEach((row, i) => {
    const own = sequenceScore(row, masks[i]!, beta);
    const outcome = outcomes[i]!;
    const others = Array.from(batchScores[i]!).filter((_, k) =>
      outcome > 0 ? batchOutcomes[i]![k]! < outcome : batchOutcomes[i]![k]! > outcome,
    );
    const other =
      others.length === 0 ? 0 : (others.reduce((sum, value) => sum + value, 0) / others.length) * beta;
    const loss = softplusOfMinus((own - other) * (outcome > 0 ? 1 : -1));
    const samples = batchOutcomes[i]!.length;
    let reached = 0;
    for (let k = 0; k < samples; k++) {
      if (mode === "bon_rm" ? batchScores[i]![k]! * beta <= own : batchOutcomes[i]![k]! <= outcome) reached++;
    }
    total += mode === "none" ? loss / scores.length : loss * samples * (reached / samples) ** (samples - 1);
  });
  return total;
}

/**
 * Pair accuracy in groups of consecutive samples (compute_dpo_accuracy): share of pairs ordered like their outcomes,
 * weighted by the outcome difference; a group of equal outcomes counts 0.5.
 */
export function preferenceAccuracy({ scores, masks, outcomes }: RewardModelRows, groupSize: number): number {
  let total = 0;
  let groups = 0;
  for (let start = 0; start < scores.length; start += groupSize) {
    const end = Math.min(start + groupSize, scores.length);
    let agreeing = 0;
    let weight = 0;
    for (let i = start; i < end; i++) {
      for (let j = i + 1; j < end; j++) {
        const outcomeDifference = outcomes[i]! - outcomes[j]!;
        const scoreDifference =
          sequenceScore(scores[i]!, masks[i]!, 1) - sequenceScore(scores[j]!, masks[j]!, 1);
        weight += Math.abs(outcomeDifference);
        if (scoreDifference > 0 === outcomeDifference > 0) agreeing += Math.abs(outcomeDifference);
      }
    }
    total += weight === 0 ? 0.5 : agreeing / weight;
    groups++;
  }
  return total / groups;
}
