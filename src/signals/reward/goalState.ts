import { cosine } from "./goalBaseline";

/** Hidden states of one response, left padded or not, [L][D]. */
export type States = readonly ArrayLike<number>[];

/**
 * Row of a state drawn by a uniform number (vaskarnathscale/goal-conditioned-rm, openrlhf/models/loss.py,
 * ContrastiveGoalLoss): p = (percentile - 1) u + 1, counted floor(p n + 1) from the end, where 0 is the first row.
 *
 * @param actions tokens of the response, n
 */
function sampledRow(uniform: number, percentile: number, actions: number, rows: number): number {
  const back = Math.min(Math.max(Math.floor(((percentile - 1) * uniform + 1) * actions + 1), 0), rows - 1);
  return back === 0 ? 0 : rows - back;
}

/** One pair of a batch with the numbers that were drawn for it. */
export interface GoalPair {
  readonly chosen: States;
  readonly rejected: States;
  readonly chosenActions: number;
  readonly rejectedActions: number;
  /** Two uniform numbers per sample; the smaller gives the source, the larger the goal. */
  readonly similar: readonly [ArrayLike<number>, ArrayLike<number>];
  readonly dissimilarChosen: ArrayLike<number>;
  readonly dissimilarRejected: ArrayLike<number>;
}

/** Options of `contrastiveGoalLoss`. */
export interface GoalLossOptions {
  readonly beta: number;
  /** `goals`: the goal states of a sample are averaged before the cosines. */
  readonly average: "none" | "goals";
  readonly sourcePercentile: number;
  readonly goalPercentile: number;
}

function averageState(states: States): Float64Array {
  const mean = new Float64Array(states[0]?.length ?? 0);
  for (const state of states)
    for (let k = 0; k < mean.length; k++) mean[k] = mean[k]! + state[k]! / states.length;
  return mean;
}

/**
 * Contrastive part of the loss (ContrastiveGoalLoss): beta times
 * `-log mean sigmoid(cos(source, goal)) - log(1 - mean sigmoid(cos(source, rejected)))`, every source with every goal of
 * its pair, the means over the batch.
 */
export function contrastiveGoalLoss(pairs: readonly GoalPair[], options: GoalLossOptions): number {
  const { sourcePercentile, goalPercentile } = options;
  const totals = [
    { sum: 0, count: 0 },
    { sum: 0, count: 0 },
  ] as const;
  const add = (into: { sum: number; count: number }, sources: States, goals: States): void => {
    for (const goal of options.average === "goals" ? [averageState(goals)] : goals)
      for (const source of sources) {
        into.sum += 1 / (1 + Math.exp(-cosine(source, goal)));
        into.count++;
      }
  };
  for (const pair of pairs) {
    const drawn = (
      states: States,
      uniforms: ArrayLike<number>,
      percentile: number,
      actions: number,
    ): States => Array.from(uniforms, (u) => states[sampledRow(u, percentile, actions, states.length)]!);
    const [a, b] = pair.similar;
    const lower = Array.from(a, (u, i) => Math.min(u, b[i]!));
    const upper = Array.from(a, (u, i) => Math.max(u, b[i]!));
    add(
      totals[0],
      drawn(pair.chosen, lower, sourcePercentile, pair.chosenActions),
      drawn(pair.chosen, upper, goalPercentile, pair.chosenActions),
    );
    add(
      totals[1],
      drawn(pair.chosen, pair.dissimilarChosen, sourcePercentile, pair.chosenActions),
      drawn(pair.rejected, pair.dissimilarRejected, goalPercentile, pair.rejectedActions),
    );
  }
  const [similar, dissimilar] = totals;
  return (
    options.beta * (-Math.log(similar.sum / similar.count) - Math.log(1 - dissimilar.sum / dissimilar.count))
  );
}

/** Token Q-values (examples/eval_rm.py): cosine of each hidden state to the goal state, [L]. */
export function goalValues(states: States, goal: ArrayLike<number>): Float64Array {
  return Float64Array.from(states, (state) => cosine(state, goal));
}

/**
 * Scalar reward of a response (openrlhf/models/model.py, LLMForSequenceRegression): the head at the last token that is
 * not masked, or at the last position (training, which pads on the left), optionally standardised.
 */
export function headReward(
  states: States,
  head: ArrayLike<number>,
  mask: ArrayLike<number>,
  position: "last-unmasked" | "last",
  scale: { readonly mean: number; readonly std: number } = { mean: 0, std: 1 },
): number {
  let row = states.length - 1;
  if (position === "last-unmasked") while (row > 0 && !mask[row]) row--;
  let value = 0;
  for (let k = 0; k < head.length; k++) value += states[row]![k]! * head[k]!;
  return (value - scale.mean) / scale.std;
}

/**
 * First token whose Q-value falls below the threshold (examples/metrics.py, get_accuracy), the noisy first tokens left
 * out; undefined when none does.
 *
 * @throws Error when the response has no more than `skipped` tokens
 */
export function firstDrop(
  values: ArrayLike<number>,
  threshold: number,
  skipped = 5,
): { readonly tokens: number; readonly drop: number | undefined } {
  const tokens = values.length - skipped;
  if (tokens <= 0)
    throw new Error(`A response of ${values.length} tokens is too short: the first ${skipped} are left out.`);
  for (let t = 0; t < tokens; t++) if (values[t + skipped]! < threshold) return { tokens, drop: t };
  return { tokens, drop: undefined };
}

/**
 * Whether the right answers win the vote: at least as many as the most frequent wrong answer (filter_and_eval.py,
 * majority_vote).
 *
 * @throws Error without any answer
 */
export function majorityCorrect(correct: number, wrong: readonly string[]): boolean {
  if (correct === 0 && wrong.length === 0) throw new Error("There are no answers to vote with.");
  const counts = new Map<string, number>();
  for (const answer of wrong) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return correct >= Math.max(0, ...counts.values());
}

/** A generated answer with the Q-values of its tokens. */
export interface ScoredAnswer {
  readonly values: ArrayLike<number>;
  readonly correct: boolean;
  readonly answer: string;
}

/** What filtering does to one question. */
export interface FilteredQuestion {
  readonly filtered: number;
  readonly tokensSaved: number;
  readonly tokens: number;
  /** Share of correct answers among those that stay; 1 when no wrong one stays. */
  readonly shareAfter: number;
  readonly shareBefore: number;
  readonly voteCorrect: boolean;
}

/**
 * Filters the answers of a question whose Q-value ever falls below the threshold (examples/metrics.py, get_accuracy).
 * When every answer would go, all stay.
 *
 * @throws Error without answers
 */
export function filterAnswers(answers: readonly ScoredAnswer[], threshold: number): FilteredQuestion {
  if (answers.length === 0) throw new Error("The question has no answers.");
  const drops = answers.map(({ values }) => firstDrop(values, threshold));
  const kept = answers.filter((_, i) => drops[i]!.drop === undefined);
  const left = kept.length === 0 ? answers : kept;
  const share = (list: readonly ScoredAnswer[]): number =>
    list.filter(({ correct }) => correct).length / list.length;
  const wrong = left.filter(({ correct }) => !correct).map(({ answer }) => answer);
  return {
    filtered: kept.length === 0 ? 0 : answers.length - kept.length,
    tokensSaved:
      kept.length === 0
        ? 0
        : drops.reduce((sum, { tokens, drop }) => sum + (drop === undefined ? 0 : tokens - drop), 0),
    tokens: drops.reduce((sum, { tokens }) => sum + tokens, 0),
    shareAfter: share(left),
    shareBefore: share(answers),
    voteCorrect: majorityCorrect(left.length - wrong.length, wrong),
  };
}

/**
 * Area under the ROC curve: the share of (correct, wrong) pairs in which the correct one scores higher, ties half.
 *
 * @throws Error when all labels are equal
 */
export function rocArea(scores: ArrayLike<number>, labels: readonly boolean[]): number {
  let won = 0;
  let pairs = 0;
  labels.forEach((label, i) => {
    if (!label) return;
    labels.forEach((other, j) => {
      if (other) return;
      pairs++;
      won += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    });
  });
  if (pairs === 0) throw new Error("An area under the curve needs correct and wrong answers.");
  return won / pairs;
}

/** Prefix reward at a share of the response (examples/metrics.py, get_partial_roc_auc): entry floor(n p) - 1, from 0. */
export function prefixReward(rewards: ArrayLike<number>, tokens: number, share: number): number {
  const own = Array.from(rewards).slice(-tokens);
  return own[Math.max(Math.trunc(own.length * share) - 1, 0)]!;
}
