import { quantileSorted } from "d3-array";

/** Length of the longest strictly increasing subsequence; 1 for an empty one, as released. */
export function longestIncreasingSubsequence(values: ArrayLike<number>): number {
  const longest = new Float64Array(values.length).fill(1);
  let answer = 1;
  for (let i = 1; i < values.length; i++) {
    for (let j = 0; j < i; j++)
      if (values[j]! < values[i]!) longest[i] = Math.max(longest[i]!, longest[j]! + 1);
    answer = Math.max(answer, longest[i]!);
  }
  return answer;
}

/** Percentile with linear interpolation between the sorted values (NumPy's default). */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new Error("A percentile of no values does not exist.");
  return quantileSorted(Array.from(Float64Array.from(values).sort()), percent / 100)!;
}

/**
 * How far the first `prefix` steps keep pace with a demonstration: longest increasing run of nearest demonstration
 * steps, both sides cut at `prefix`. The first of equally near steps counts.
 *
 * @param costs distance of each step to each demonstration step, [T][T]
 */
export function matchScore(costs: readonly Float64Array[], prefix: number): number {
  return longestIncreasingSubsequence(
    costs.slice(0, prefix).map((row) => {
      let best = 0;
      for (let j = 1; j < Math.min(prefix, row.length); j++) if (row[j]! < row[best]!) best = j;
      return best;
    }),
  );
}

/**
 * Score that demonstrations reach against each other for every prefix (init_demos).
 *
 * @param pairs costs of each ordered pair of different demonstrations, [P][T][T]
 * @returns [T], the percentile over pairs
 * @throws Error when there are no pairs (a single demonstration)
 */
export function referenceScores(pairs: readonly (readonly Float64Array[])[], percent: number): Float64Array {
  const [first] = pairs;
  if (!first)
    throw new Error("A reference score needs at least two demonstrations: there is no pair to compare.");
  return Float64Array.from(first, (_, k) =>
    percentile(
      pairs.map((costs) => matchScore(costs, k + 1)),
      percent,
    ),
  );
}

/**
 * Discount at which the product over `progress` steps is `alpha`: alpha^(1/progress) (get_discount).
 * @throws Error at progress 0, which a horizon below 1 / progress_start gives
 */
export function scheduledDiscount(alpha: number, progress: number): number {
  if (progress === 0)
    throw new Error(
      "The discount is not defined at progress 0: the horizon is too short for this progress start.",
    );
  return Math.exp(Math.log(alpha) / progress);
}

export interface ScheduleOptions {
  readonly horizon: number;
  readonly alpha: number;
  readonly threshold: number;
  readonly mostSteps: number;
  readonly percent: number;
}

export interface ScheduleUpdate {
  readonly progress: number;
  readonly discount: number;
  /** Scores of the last comparison. */
  readonly match: number;
  readonly reference: number;
}

/**
 * One update of automatic discount scheduling (ADS, Liu et al., 2024; dwjshift/IL_ADS, IL/modules/ads.py, update): the
 * progress grows by one as long as the agent's score reaches the whole part of threshold * reference, at most
 * `mostSteps` times and up to the horizon.
 *
 * @param costs of each pair of evaluation episode and demonstration, [P][T][T]; @param reference [T]
 */
export function scheduleUpdate(
  progress: number,
  costs: readonly (readonly Float64Array[])[],
  reference: Float64Array,
  options: ScheduleOptions,
): ScheduleUpdate {
  let at = progress;
  let match = NaN;
  let wanted = NaN;
  for (let round = 0; round < options.mostSteps; round++) {
    const prefix = at;
    match = percentile(
      costs.map((matrix) => matchScore(matrix, prefix)),
      options.percent,
    );
    wanted = reference[at - 1]!;
    if (at >= options.horizon) break;
    if (match >= Math.trunc(options.threshold * wanted)) at++;
  }
  return { progress: at, discount: scheduledDiscount(options.alpha, at), match, reference: wanted };
}
