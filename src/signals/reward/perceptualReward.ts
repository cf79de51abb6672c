type Rows = readonly ArrayLike<number>[];

/** A video cut into steps. */
export interface Segmentation {
  /** First frame of each part but the first, ascending. */
  readonly cuts: readonly number[];
  /** Mean over the parts of the mean deviation of their features. */
  readonly cost: number;
}

/** Mean over features of the population deviation of frames start..end-1, from running sums. */
function deviations(rows: Rows): (start: number, end: number) => number {
  const width = rows[0]?.length ?? 0;
  // Sums of centred values keep the difference of squares exact enough.
  const means = new Float64Array(width);
  for (const row of rows) for (let k = 0; k < width; k++) means[k]! += row[k]! / rows.length;
  const sums = Array.from({ length: rows.length + 1 }, () => new Float64Array(width));
  const squares = Array.from({ length: rows.length + 1 }, () => new Float64Array(width));
  rows.forEach((row, t) => {
    for (let k = 0; k < width; k++) {
      const value = row[k]! - means[k]!;
      sums[t + 1]![k] = sums[t]![k]! + value;
      squares[t + 1]![k] = squares[t]![k]! + value * value;
    }
  });
  return (start, end) => {
    const count = end - start;
    let total = 0;
    for (let k = 0; k < width; k++) {
      const mean = (sums[end]![k]! - sums[start]![k]!) / count;
      total += Math.sqrt(Math.max(0, (squares[end]![k]! - squares[start]![k]!) / count - mean * mean));
    }
    return total / width;
  };
}

/**
 * Cuts a video into `parts` so that the mean over parts of the mean feature deviation is smallest (Sermanet et al. 2017,
 * algorithm 1). A cut ranges over start + least to end - (parts - 1) * least, the end excluded as printed; the earliest of
 * equal cuts wins. The recursion is solved once per (start, parts), which gives the same cuts as printed.
 *
 * @param rows features of each frame, [T][D]; @param least frames of a part
 * @throws Error when the video is too short for so many parts
 */
export function perceptualSegments(rows: Rows, parts: number, least: number): Segmentation {
  const end = rows.length;
  if (end === 0) throw new Error("There are no frames to cut.");
  const deviation = deviations(rows);
  const known = new Map<number, { readonly sum: number; readonly cut: number } | undefined>();
  const solve = (start: number, left: number): { readonly sum: number; readonly cut: number } | undefined => {
    if (left === 1) return { sum: deviation(start, end), cut: end };
    const key = start * (parts + 1) + left;
    if (known.has(key)) return known.get(key);
    let best: { sum: number; cut: number } | undefined;
    for (let cut = start + least; cut < end - (left - 1) * least; cut++) {
      const rest = solve(cut, left - 1);
      if (!rest) continue;
      const sum = deviation(start, cut) + rest.sum;
      if (!best || sum < best.sum) best = { sum, cut };
    }
    known.set(key, best);
    return best;
  };
  const whole = solve(0, parts);
  if (!whole)
    throw new Error(
      `${end} frames cannot be cut into ${parts} steps of at least ${least} frames: take fewer or shorter steps.`,
    );
  const cuts: number[] = [];
  let at = 0;
  for (let left = parts; left > 1; left--) {
    at = solve(at, left)!.cut;
    cuts.push(at);
  }
  return { cuts, cost: whole.sum / parts };
}

/** Number of the part that each frame is in, from 0. */
export function partOfFrames(frames: number, cuts: readonly number[]): Int32Array {
  return Int32Array.from({ length: frames }, (_, t) => cuts.filter((cut) => cut <= t).length);
}

/** Features that tell one step from the others, with their mean and deviation inside it. */
export interface StepModel {
  /** Chosen features, the most telling first. */
  readonly features: readonly number[];
  /** z of each chosen feature. */
  readonly scores: Float64Array;
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

/** What the demonstrations teach: the scale of the features, and a model per step. */
export interface PerceptualModel {
  readonly means: Float64Array;
  readonly scales: Float64Array;
  readonly steps: readonly StepModel[];
}

function momentsOf(
  rows: Rows,
  width: number,
): { readonly means: Float64Array; readonly deviations: Float64Array } {
  const means = new Float64Array(width);
  const spread = new Float64Array(width);
  for (const row of rows) for (let k = 0; k < width; k++) means[k]! += row[k]! / rows.length;
  for (const row of rows)
    for (let k = 0; k < width; k++) spread[k]! += (row[k]! - means[k]!) ** 2 / rows.length;
  return { means, deviations: spread.map(Math.sqrt) };
}

/**
 * Chooses features per step: standardised over all frames of the demonstrations, feature i scores
 * `z_i = alpha |mu+ - mu-| - (sigma+ + sigma-)`, + = frames of the step, - = all others.
 *
 * @param demonstrations features of each, [T][D]; @param parts step of each frame; @param count features per step
 */
export function perceptualModel(
  demonstrations: readonly Rows[],
  parts: readonly Int32Array[],
  stepCount: number,
  alpha: number,
  count: number,
): PerceptualModel {
  const frames = demonstrations.flat();
  const labels = parts.flatMap((list) => [...list]);
  const width = frames[0]?.length ?? 0;
  const { means, deviations: raw } = momentsOf(frames, width);
  // A feature that never changes tells nothing; it keeps its value.
  const scales = raw.map((value) => (value === 0 ? 1 : value));
  const scaled = frames.map((row) =>
    Float64Array.from({ length: width }, (_, k) => (row[k]! - means[k]!) / scales[k]!),
  );
  const steps = Array.from({ length: stepCount }, (_, step): StepModel => {
    const inside = momentsOf(
      scaled.filter((_, t) => labels[t] === step),
      width,
    );
    const outside = momentsOf(
      scaled.filter((_, t) => labels[t] !== step),
      width,
    );
    const z = Float64Array.from(
      { length: width },
      (_, k) =>
        alpha * Math.abs(inside.means[k]! - outside.means[k]!) -
        (inside.deviations[k]! + outside.deviations[k]!),
    );
    // A feature that never varies inside the step would divide by zero, so it cannot be chosen.
    const features = Array.from(z.keys())
      .filter((k) => inside.deviations[k]! > 0)
      .sort((a, b) => z[b]! - z[a]! || a - b)
      .slice(0, count);
    const pick = (values: Float64Array): Float64Array => Float64Array.from(features, (k) => values[k]!);
    return { features, scores: pick(z), means: pick(inside.means), deviations: pick(inside.deviations) };
  });
  return { means, scales, steps };
}

/** `printed`: the mean squared distance over the deviation, small is good; `negated`: minus that, the usable reading. */
export type PerceptualForm = "printed" | "negated";

/**
 * Reward of a frame for one step, `(1/n) sum_i (a_i - mu+_i)^2 / sigma+_i` as printed, or its negative.
 *
 * @returns NaN when the step has no feature that varies inside it
 */
export function perceptualStepReward(
  model: PerceptualModel,
  step: number,
  frame: ArrayLike<number>,
  form: PerceptualForm,
): number {
  const { features, means, deviations: spread } = model.steps[step]!;
  let sum = 0;
  features.forEach((k, i) => {
    const value = (frame[k]! - model.means[k]!) / model.scales[k]!;
    sum += (value - means[i]!) ** 2 / spread[i]!;
  });
  const mean = sum / features.length;
  return form === "printed" ? mean : -mean;
}

/** Combined reward of a frame: `sum over steps i >= 2 of R_i 2^(i-1)`, steps from 1 (unverified reading of the appendix). */
export function combinedPerceptualReward(steps: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 1; i < steps.length; i++) sum += steps[i]! * 2 ** i;
  return sum;
}
