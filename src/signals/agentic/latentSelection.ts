import { quantileSorted } from "d3-array";
import { meanAndSpread } from "../kernels/groupNormalisation";

/** One sampled answer with its score. */
export interface ScoredSample {
  /** Task it answers. */
  readonly task: string;
  readonly accuracy: number;
  readonly tokens: number;
  readonly score: number;
}

/** Quantile with linear interpolation between the neighbours; NaN of no values. */
export function quantile(values: readonly number[], share: number): number {
  return quantileSorted(Array.from(Float64Array.from(values).sort()), share) ?? NaN;
}

function byTask(samples: readonly ScoredSample[]): readonly (readonly ScoredSample[])[] {
  const tasks = new Map<string, ScoredSample[]>();
  for (const sample of samples) {
    const known = tasks.get(sample.task);
    if (known) known.push(sample);
    else tasks.set(sample.task, [sample]);
  }
  return [...tasks.values()];
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Share of tasks whose samples are right more often than not (an oracle vote over accuracies). */
export function majorityVote(samples: readonly ScoredSample[]): number {
  return meanOf(
    byTask(samples).map((group) => (meanOf(group.map((sample) => sample.accuracy)) > 0.5 ? 1 : 0)),
  );
}

/** Mean accuracy of the sample with the largest or smallest key of each task; the first one wins a tie. */
export function selectExtreme(
  samples: readonly ScoredSample[],
  key: "score" | "tokens",
  top: "max" | "min",
): number {
  return meanOf(
    byTask(samples).map((group) => {
      const best = group.reduce((chosen, sample) =>
        (top === "max" ? sample[key] > chosen[key] : sample[key] < chosen[key]) ? sample : chosen,
      );
      return best.accuracy;
    }),
  );
}

export interface Acceptance {
  readonly threshold: number;
  /** Accuracy when the first sample at or above the threshold is taken, and the majority vote where none is. */
  readonly accuracy: number;
  /** Accuracy of the majority vote over all samples. */
  readonly fullAccuracy: number;
  /** Tokens spent until acceptance, in percent of all. */
  readonly tokensUsed: number;
  /** Samples drawn per task. */
  readonly meanSamples: number;
  /** Share of first samples at or below the threshold, in percent. */
  readonly thresholdPercentile: number;
}

/** Sequential acceptance with the given quantile of the first samples' scores as threshold. */
export function acceptSequentially(samples: readonly ScoredSample[], share: number): Acceptance {
  const groups = byTask(samples);
  const firsts = groups.map((group) => group[0]!.score);
  const threshold = quantile(firsts, share);
  let spent = 0;
  let drawn = 0;
  const accuracies = groups.map((group) => {
    const place = group.findIndex((sample) => sample.score >= threshold);
    const used = place < 0 ? group : group.slice(0, place + 1);
    spent += used.reduce((sum, sample) => sum + sample.tokens, 0);
    drawn += used.length;
    return place < 0 ? majorityVote(group) : group[place]!.accuracy;
  });
  const total = samples.reduce((sum, sample) => sum + sample.tokens, 0);
  return {
    threshold,
    accuracy: meanOf(accuracies),
    fullAccuracy: majorityVote(samples),
    tokensUsed: (100 * spent) / total,
    meanSamples: drawn / groups.length,
    thresholdPercentile: (100 * firsts.filter((score) => score <= threshold).length) / firsts.length,
  };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let products = 0;
  let squaresA = 0;
  let squaresB = 0;
  a.forEach((value, i) => {
    products += (value - meanA) * (b[i]! - meanB);
    squaresA += (value - meanA) ** 2;
    squaresB += (b[i]! - meanB) ** 2;
  });
  return products / Math.sqrt(squaresA * squaresB);
}

/** Latent changes of one sample. */
export interface LatentSample {
  readonly net: number;
  readonly cumulative: number;
  readonly aligned: number;
  readonly accuracy: number;
}

/**
 * Fused score: z-scores (calibration mean and population deviation) of net, negated cumulative and aligned change,
 * averaged with weights |Pearson correlation with accuracy| on the calibration rows.
 */
export function fusedScores(samples: readonly LatentSample[], calibration: readonly number[]): Float64Array {
  const columns = [
    (s: LatentSample): number => s.net,
    (s: LatentSample): number => -s.cumulative,
    (s: LatentSample): number => s.aligned,
  ];
  const chosen = calibration.map((row) => samples[row]!);
  const accuracies = chosen.map((sample) => sample.accuracy);
  const fitted = columns.map((read) => {
    const values = chosen.map(read);
    return {
      read,
      weight: Math.abs(correlation(values, accuracies)),
      ...meanAndSpread(Float64Array.from(values), "population"),
    };
  });
  const total = fitted.reduce((sum, { weight }) => sum + weight, 0);
  return Float64Array.from(
    samples,
    (sample) =>
      fitted.reduce(
        (sum, { read, weight, mean, spread }) => sum + (weight * (read(sample) - mean)) / spread,
        0,
      ) / total,
  );
}
