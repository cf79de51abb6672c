import { centredSingularValues, effectiveRank } from "../kernels/spectrum";

type States = readonly ArrayLike<number>[];

export interface RankMetrics {
  readonly effectiveRank: number;
  readonly logEffectiveRank: number;
  /** Singular values above float32 rounding. */
  readonly traditionalRank: number;
  /** Renyi entropy (order 1.0001) of the normalised spectrum, nats. */
  readonly spectrumEntropy: number;
  /** Mean angle between consecutive differences, radians. */
  readonly curvature: number;
}

const renyiOrder = 1.0001;

/**
 * Geometry of a response's hidden states (VERL, verl/trainer/metrics_utils.py). Fewer than two tokens: all 0; identical
 * tokens: an effective rank of 1.
 *
 * @param states hidden states of the response tokens, [T][D]
 */
export function rankMetrics(states: States): RankMetrics {
  if (states.length < 2)
    return { effectiveRank: 0, logEffectiveRank: 0, traditionalRank: 0, spectrumEntropy: 0, curvature: 0 };
  const singular = centredSingularValues(states);
  const rank = effectiveRank(singular);
  const largest = singular[0] ?? 0;
  const tolerance = largest * Math.max(states.length, states[0]!.length) * 1.1920929e-7;
  return {
    effectiveRank: rank,
    logEffectiveRank: Math.log(rank),
    traditionalRank: Number.isNaN(largest) ? NaN : singular.filter((value) => value > tolerance).length,
    spectrumEntropy: renyiEntropy(singular.map((value) => value * value)),
    curvature: Number.isNaN(largest) ? NaN : meanTurn(states),
  };
}

function renyiEntropy(values: Float64Array): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const moment = values.reduce((sum, value) => sum + (value / total) ** renyiOrder, 0);
  return Math.log(moment) / (1 - renyiOrder);
}

function meanTurn(states: States): number {
  const steps = states
    .slice(1)
    .map((state, t) => Float64Array.from({ length: state.length }, (_, k) => state[k]! - states[t]![k]!));
  const dot = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, value, k) => sum + value * b[k]!, 0);
  let total = 0;
  let count = 0;
  for (let t = 0; t + 1 < steps.length; t++) {
    const cosine =
      dot(steps[t]!, steps[t + 1]!) /
      Math.sqrt(dot(steps[t]!, steps[t]!) * dot(steps[t + 1]!, steps[t + 1]!));
    if (Number.isNaN(cosine)) continue;
    total += Math.acos(Math.min(1, Math.max(-1, cosine)));
    count++;
  }
  return count === 0 ? 0 : total / count;
}

export interface RankVelocity {
  /** Effective rank of each growing window. */
  readonly ranks: readonly number[];
  /** Rank of a window minus the mean of those before it. */
  readonly velocities: readonly number[];
  /** Differences of the velocities. */
  readonly accelerations: readonly number[];
  /** ERV: mean velocity, 0 without one. */
  readonly erv: number;
  /** ERA: mean acceleration, 0 without one. */
  readonly era: number;
}

/**
 * Velocity and acceleration of the effective rank over growing windows of the last `limit` tokens; windows end at
 * positions stride, 2 stride, ... and hold everything before.
 *
 * @param variant `optimized` gives nothing for fewer than two strides of tokens; `original` does not have that rule
 */
export function rankVelocity(
  states: States,
  stride: number,
  limit: number,
  variant: "optimized" | "original" = "optimized",
): RankVelocity {
  const kept = states.slice(-limit);
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  const ranks: number[] = [];
  if (!(variant === "optimized" && kept.length < 2 * stride)) {
    for (let t = stride; t < kept.length; t += stride)
      ranks.push(effectiveRank(centredSingularValues(kept.slice(0, t + 1))));
  }
  const velocities = ranks.slice(1).map((rank, j) => rank - mean(ranks.slice(0, j + 1)));
  const accelerations = velocities.slice(1).map((velocity, j) => velocity - velocities[j]!);
  return { ranks, velocities, accelerations, erv: mean(velocities), era: mean(accelerations) };
}

/** Order of the indicators: acceleration, velocity, rank. */
export const indicatorNames = ["ERA", "ERV", "ER"] as const;
export type Indicators = Readonly<Record<(typeof indicatorNames)[number], number>>;

/** What the shaping remembers from one training step to the next. */
export interface ShapingState {
  readonly averages: Indicators;
  readonly score: number;
}

export const shapingStart: ShapingState = { averages: { ERA: 0, ERV: 0, ER: 0 }, score: 0 };

export interface ShapingOptions {
  readonly alpha: number;
  readonly gain: number;
  /** `adaptive`: gate between exploring (ER) and exploiting (ERV); `FixTwo`: half each; `FixOne`: both in full. */
  readonly weighting: "adaptive" | "FixTwo" | "FixOne";
  /** Fixed scale, or a global weight that falls as the average score rises. */
  readonly fixedScale: boolean;
  readonly globalWeight: number;
}

export interface Shaping {
  /** Bonus of each sample, added to its last token. */
  readonly bonuses: Float64Array;
  /** Deviation of each indicator from its moving average, limited to +-5, per sample. */
  readonly deviations: readonly Indicators[];
  /** Gate of each sample: 1 = explore, 0 = exploit. */
  readonly gates: Float64Array;
  readonly weights: readonly Indicators[];
  readonly scale: number;
  /** State after the step. */
  readonly after: ShapingState;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * Auxiliary reward of one training step (reward_manager_versions.py). The averages move by the *previous* step's batch
 * means, after the bonus was computed with the old ones; they start at 0, so first deviations are +-5.
 *
 * @param samples indicators of each sample; @param scores outcome of each sample; @param previous means of the last step
 */
export function shapingStep(
  state: ShapingState,
  samples: readonly Indicators[],
  scores: ArrayLike<number>,
  previous: Indicators,
  options: ShapingOptions,
): Shaping {
  const scale = options.fixedScale
    ? options.globalWeight
    : options.globalWeight * (1 - (state.score + 1) / 2);
  const deviation = (value: number, average: number): number =>
    Math.min(5, Math.max(-5, (value - average) / (Math.abs(average) + 1e-8)));
  const deviations = samples.map((sample): Indicators => ({
    ERA: deviation(sample.ERA, state.averages.ERA),
    ERV: deviation(sample.ERV, state.averages.ERV),
    ER: deviation(sample.ER, state.averages.ER),
  }));
  const gates = Float64Array.from(deviations, ({ ERA }) =>
    options.weighting === "adaptive" ? sigmoid(options.gain * ERA) : options.weighting === "FixTwo" ? 0.5 : 0,
  );
  const weights = deviations.map((_, i): Indicators =>
    options.weighting === "FixOne"
      ? { ERA: 0, ERV: 1, ER: 1 }
      : { ERA: 0, ERV: 1 - gates[i]!, ER: gates[i]! },
  );
  const bonuses = Float64Array.from(deviations, (deviated, i) =>
    indicatorNames.reduce((sum, name) => sum + scale * Math.tanh(deviated[name]) * weights[i]![name], 0),
  );
  const move = (old: number, now: number): number => (1 - options.alpha) * old + options.alpha * now;
  let total = 0;
  for (let i = 0; i < scores.length; i++) total += scores[i]!;
  return {
    bonuses,
    deviations,
    gates,
    weights,
    scale,
    after: {
      averages: {
        ERA: move(state.averages.ERA, previous.ERA),
        ERV: move(state.averages.ERV, previous.ERV),
        ER: move(state.averages.ER, previous.ER),
      },
      score: move(state.score, total / scores.length),
    },
  };
}

/** Advantage with the bonus, which may add at most |A| / kappa (ppo/ray_trainer.py, compute_advantage). */
export function shapedAdvantage(advantage: number, bonus: number, kappa: number): number {
  return advantage + Math.min(Math.max(0, bonus), Math.abs(advantage) / kappa);
}
