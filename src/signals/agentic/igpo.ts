import { accumulateBackward } from "../kernels/backwardRecursion";
import { numberKeys } from "./twoLevelAdvantage";

/** What the value of a context is: the probability of the answer, or its log. */
export type GainKind = "prob_diff" | "log_prob_diff";

/**
 * Information gains of one rollout: the rise, from turn to turn, of the mean log-probability of the answer's tokens (or
 * of its exponential). The first context is the baseline; NaN and infinite contexts give no gain.
 *
 * @param logprobs log-probabilities of the appended answer at every turn, [turns][T], nats
 * @param range half-open range of the answer's own tokens; empty = no gains
 */
export function informationGains(
  logprobs: readonly ArrayLike<number>[],
  range: readonly [number, number],
  kind: GainKind,
): { readonly gains: readonly number[]; readonly lastValue: number | undefined } {
  const gains: number[] = [];
  let last: number | undefined;
  const [start, end] = range;
  if (end <= start) return { gains, lastValue: undefined };
  let broken = false;
  logprobs.forEach((row, turn) => {
    let sum = 0;
    for (let t = start; t < end; t++) sum += row[t]!;
    const mean = sum / (end - start);
    const value = kind === "prob_diff" ? Math.exp(mean) : mean;
    if (!Number.isFinite(mean)) {
      // Without a baseline the rollout never gets a gain.
      if (turn === 0) broken = true;
      return;
    }
    if (turn === 0) last = value;
    else if (!broken && last !== undefined) {
      gains.push(value - last);
      last = value;
    }
  });
  return { gains, lastValue: last };
}

/**
 * Places gains and the answer score on tokens (compute_score): turn i's gain on the last token before the next assistant
 * header (so behind the tool's reply), the score on the last token. A wrong number of gains, no gain, or a single turn
 * leaves the score alone; with more than ten turns one missing gain is filled with 0, as released.
 *
 * @param countTokens length of a text in tokens
 */
export function placeGains(
  solution: string,
  gains: readonly number[],
  score: number,
  countTokens: (text: string) => number,
): Float64Array {
  const size = countTokens(solution);
  const rewards = new Float64Array(size);
  if (size === 0) return rewards;
  const turns = solution.split("\n<|im_start|>assistant\n");
  rewards[size - 1] = score;
  if (gains.length === 0 || turns.length === 1) return rewards;
  const given = [...gains];
  if (given.length !== turns.length - 1) {
    if (turns.length <= 10) return rewards;
    given.push(0);
  }
  rewards[size - 1] = 0;
  turns.forEach((turn, i) => {
    if (i === turns.length - 1) {
      rewards[size - 1] = score;
      return;
    }
    const length = countTokens(turn);
    const gain = given[i];
    if (length === 0 || gain === undefined) return;
    // The start is found by the turn's first occurrence, so a repeated turn is placed at the first one.
    const start = i === 0 ? 0 : countTokens(solution.slice(0, solution.indexOf(turn)));
    rewards.fill(0, start, start + length);
    if (start + length - 1 < size) rewards[start + length - 1] = gain;
  });
  return rewards;
}

export interface IgpoOptions {
  readonly norm: "joint" | "separate";
  readonly divideByStd: boolean;
  readonly gamma: number;
  readonly epsilon: number;
  readonly outcomeWeight: number;
  readonly gainWeight: number;
}

export interface IgpoResult {
  /** Advantage of every token, [N][T]. */
  readonly advantages: readonly Float64Array[];
  /** Normalised reward at the reward positions, 0 elsewhere, [N][T]. */
  readonly normalised: readonly Float64Array[];
}

/** Mean and deviation, sqrt(population variance + 1e-8), of selected entries per group; one entry has deviation 1. */
function groupMoments(
  rewards: readonly Float64Array[],
  selected: readonly Uint8Array[],
  groups: Int32Array,
  groupCount: number,
): { readonly means: Float64Array; readonly spreads: Float64Array } {
  const counts = new Float64Array(groupCount);
  const means = new Float64Array(groupCount);
  const squares = new Float64Array(groupCount);
  const each = (visit: (group: number, value: number) => void): void =>
    rewards.forEach((row, i) => {
      for (let t = 0; t < row.length; t++) if (selected[i]![t]) visit(groups[i]!, row[t]!);
    });
  const least = new Float64Array(groupCount).fill(Infinity);
  const most = new Float64Array(groupCount).fill(-Infinity);
  each((group, value) => {
    counts[group]!++;
    means[group]! += value;
    least[group] = Math.min(least[group]!, value);
    most[group] = Math.max(most[group]!, value);
  });
  for (let g = 0; g < groupCount; g++)
    means[g] = least[g] === most[g] ? least[g]! : means[g]! / Math.max(1, counts[g]!);
  each((group, value) => (squares[group]! += (value - means[group]!) ** 2));
  const spreads = squares.map((sum, g) => (counts[g]! <= 1 ? 1 : Math.sqrt(sum / counts[g]! + 1e-8)));
  return { means, spreads };
}

/**
 * IGPO's turn advantages (newer release, core_algos.py, compute_grpo_outcome_advantage): the outcome stands at index
 * (mask sum - 1), gains are the other non-zero rewards; both are normalised inside the task, jointly or apart, and
 * accumulated turn by turn from the end; each turn's sum is given to all its tokens. A normalised reward of exactly 0
 * merges its turn into the next one.
 *
 * @param rewards [N][T]; @param masks 1 = policy token, [N][T]; @param tasks [N]
 */
export function igpoAdvantages(
  rewards: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  tasks: readonly string[],
  options: IgpoOptions,
): IgpoResult {
  const { groups, count } = numberKeys(tasks);
  const outcomes = rewards.map((row, i) => {
    const marks = new Uint8Array(row.length);
    let length = 0;
    for (let t = 0; t < row.length; t++) length += masks[i]![t]!;
    const last = Math.max(0, length - 1);
    if (masks[i]![last] === 1) marks[last] = 1;
    return marks;
  });
  const gains = rewards.map((row, i) =>
    Uint8Array.from(row, (reward, t) => (masks[i]![t] === 1 && !outcomes[i]![t] && reward !== 0 ? 1 : 0)),
  );
  const weighted = rewards.map((row, i) =>
    row.map((reward, t) =>
      outcomes[i]![t] ? reward * options.outcomeWeight : gains[i]![t] ? reward * options.gainWeight : reward,
    ),
  );
  const normalised = rewards.map((row) => new Float64Array(row.length));
  const normalise = (selected: readonly Uint8Array[]): void => {
    const { means, spreads } = groupMoments(weighted, selected, groups, count);
    weighted.forEach((row, i) => {
      const group = groups[i]!;
      for (let t = 0; t < row.length; t++) {
        if (!selected[i]![t]) continue;
        const centred = row[t]! - means[group]!;
        normalised[i]![t] = options.divideByStd ? centred / (spreads[group]! + options.epsilon) : centred;
      }
    });
  };
  if (options.norm === "separate") {
    normalise(outcomes);
    normalise(gains);
  } else
    normalise(
      outcomes.map((marks, i) => Uint8Array.from(marks, (mark, t) => (mark || gains[i]![t] ? 1 : 0))),
    );
  return { normalised, advantages: normalised.map((row, i) => spreadTurns(row, masks[i]!, options.gamma)) };
}

/** Accumulates non-zero entries from the end and gives each sum to the masked tokens since the entry before it. */
function spreadTurns(normalised: Float64Array, mask: ArrayLike<number>, gamma: number): Float64Array {
  const out = new Float64Array(normalised.length);
  const places = [...normalised.keys()].filter((t) => normalised[t] !== 0);
  const sums = accumulateBackward(
    Float64Array.from(places, (t) => normalised[t]!),
    gamma,
    new Float64Array(places.length),
  );
  places.forEach((place, k) => {
    for (let t = k === 0 ? 0 : places[k - 1]! + 1; t <= place; t++) if (mask[t] === 1) out[t] = sums[k]!;
  });
  return out;
}

/**
 * First public release (November 2025): discounted return to go, cut wherever the mask is 0, against a baseline of the
 * task. `position` subtracts the mean of the task's returns at the same token position (padding counted as 0), without
 * dividing; `first-token` uses the mean and deviation (n-1) of the returns at the first token, a variant that the
 * release does not call.
 */
export function firstReleaseAdvantages(
  rewards: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  tasks: readonly string[],
  options: {
    readonly gamma: number;
    readonly baseline: "position" | "first-token";
    readonly divideByStd: boolean;
    readonly epsilon: number;
  },
): { readonly advantages: readonly Float64Array[]; readonly returns: readonly Float64Array[] } {
  const returns = rewards.map((row, i) => {
    const kept = row.map((reward, t) => reward * masks[i]![t]!);
    const decay = row.map((_, t) =>
      masks[i]![t] && t + 1 < row.length && masks[i]![t + 1] ? options.gamma : 0,
    );
    return accumulateBackward(kept, decay, new Float64Array(row.length));
  });
  const { groups, count } = numberKeys(tasks);
  const members: number[][] = Array.from({ length: count }, () => []);
  groups.forEach((group, row) => members[group]!.push(row));
  const advantages = returns.map((row, i) => {
    const own = members[groups[i]!]!;
    const mean = (t: number): number =>
      own.length === 1 ? 0 : own.reduce((sum, r) => sum + (returns[r]![t] ?? 0), 0) / own.length;
    const base = mean(0);
    let divisor = 1;
    if (options.baseline === "first-token" && options.divideByStd) {
      const squares = own.reduce((sum, r) => sum + (returns[r]![0]! - base) ** 2, 0);
      divisor = (own.length === 1 ? 1 : Math.sqrt(squares / (own.length - 1))) + options.epsilon;
    }
    return row.map(
      (value, t) => ((value - (options.baseline === "position" ? mean(t) : base)) / divisor) * masks[i]![t]!,
    );
  });
  return { advantages, returns };
}
