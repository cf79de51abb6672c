/** One layer's states: one row per token or segment, [N][D]. */
export type LayerStates = readonly ArrayLike<number>[];

/** Means over consecutive chunks of tokens; the last one may be short. */
export function chunkMeans(states: LayerStates, size: number): readonly Float64Array[] {
  const bounds = [0];
  while (bounds[bounds.length - 1]! < states.length)
    bounds.push(Math.min(states.length, bounds[bounds.length - 1]! + size));
  return segmentMeans(states, bounds);
}

/** Means over the tokens between given boundaries; an empty segment is not a number. */
export function segmentMeans(states: LayerStates, bounds: ArrayLike<number>): readonly Float64Array[] {
  const width = states[0]?.length ?? 0;
  return Array.from({ length: Math.max(0, bounds.length - 1) }, (_, s) => {
    const sum = new Float64Array(width);
    for (let t = bounds[s]!; t < bounds[s + 1]!; t++)
      for (let k = 0; k < width; k++) sum[k]! += states[t]![k]!;
    return sum.map((value) => value / (bounds[s + 1]! - bounds[s]!));
  });
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
};
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: a.length }, (_, k) => a[k]! - b[k]!);
const length = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export interface LatentChange {
  /** Distance from first to last segment over the number of steps (segments - 1, whatever the docstring says). */
  readonly net: number;
  /** Length of the way. */
  readonly cumulative: number;
  /** Mean cosine of a step with the whole way; 0 where either has no length. */
  readonly aligned: number;
}

/** Latent-trajectory signals of one layer; fewer than two segments give NaN. */
export function latentChange(segments: LayerStates): LatentChange {
  if (segments.length < 2) return { net: NaN, cumulative: NaN, aligned: NaN };
  const steps = segments.slice(1).map((segment, n) => difference(segment, segments[n]!));
  const whole = difference(segments[segments.length - 1]!, segments[0]!);
  const drift = length(whole);
  return {
    net: drift / steps.length,
    cumulative: steps.reduce((sum, step) => sum + length(step), 0),
    aligned: mean(
      steps.map((step) => {
        const product = length(step) * drift;
        return product === 0 ? 0 : dot(step, whole) / product;
      }),
    ),
  };
}

/** Mean over layers of the distance from the first segment, and of the step length, per step. */
export function latentSteps(layers: readonly LayerStates[]): {
  readonly net: readonly number[];
  readonly step: readonly number[];
} {
  const count = Math.max(0, (layers[0]?.length ?? 0) - 1);
  const each = (measure: (segments: LayerStates, n: number) => number): readonly number[] =>
    Array.from({ length: count }, (_, n) => mean(layers.map((segments) => measure(segments, n + 1))));
  return {
    net: each((segments, n) => length(difference(segments[n]!, segments[0]!))),
    step: each((segments, n) => length(difference(segments[n]!, segments[n - 1]!))),
  };
}

export interface PathChanges {
  /** Mean step length over the overall length (plus 1e-8). */
  readonly magnitude: number;
  /** Mean step angle over the overall angle (plus 1e-8). */
  readonly angle: number;
  readonly magnitudes: readonly number[];
  readonly angles: readonly number[];
  readonly overallMagnitude: number;
  readonly overallAngle: number;
}

/** Magnitude and angle of the changes along a path of states: from layer to layer, or from segment to segment. */
export function pathChanges(points: LayerStates): PathChanges {
  const angle = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Math.acos(Math.min(1, Math.max(-1, dot(a, b) / (length(a) * length(b) + 1e-8))));
  const pairs = points.slice(1).map((point, n) => [points[n]!, point] as const);
  const [first, last] = [points[0]!, points[points.length - 1]!];
  const magnitudes = pairs.map(([a, b]) => length(difference(b, a)));
  const angles = pairs.map(([a, b]) => angle(a, b));
  const overallMagnitude = length(difference(last, first));
  const overallAngle = angle(first, last);
  return {
    magnitude: mean(magnitudes.map((value) => value / (overallMagnitude + 1e-8))),
    angle: mean(angles.map((value) => value / (overallAngle + 1e-8))),
    magnitudes,
    angles,
    overallMagnitude,
    overallAngle,
  };
}

/** Mean gap between the two largest logits, and mean entropy, of segment means under an output layer [V][D]. */
export function outputSharpness(
  segments: LayerStates,
  outputLayer: readonly ArrayLike<number>[],
): { readonly margin: number; readonly entropy: number } {
  const rows = segments.map((segment) => {
    const logits = outputLayer.map((weights) => dot(weights, segment));
    const sorted = [...logits].sort((a, b) => b - a);
    const normaliser =
      sorted[0]! + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - sorted[0]!), 0));
    return {
      margin: sorted[0]! - sorted[1]!,
      entropy: logits.reduce((sum, logit) => sum - Math.exp(logit - normaliser) * (logit - normaliser), 0),
    };
  });
  return { margin: mean(rows.map((row) => row.margin)), entropy: mean(rows.map((row) => row.entropy)) };
}
