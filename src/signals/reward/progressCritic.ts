import { spearman } from "./rankCorrelation";

/**
 * How a negative critic lowers the value: `simple` takes a share of what is left, `mix_f` a share of the value below 50
 * and the inverse of a gain above (never under 10), `inverse` always the inverse of a gain.
 */
export type ValueRule = "simple" | "mix_f" | "inverse";

function inverseLoss(value: number, critic: number): number {
  if (critic === -100)
    throw new Error("A critic of -100 cannot be undone by this rule: it would divide by zero.");
  return 100 - (Math.max(100 - value, 1) / (100 + critic)) * 100;
}

/**
 * Progress values from pairwise critics (InternRobotics/VLAC, evo_vlac/utils/model_utils.py, critic_to_value_simple).
 *
 * @param critics percent progress from frame to frame, -100..100, [T]
 * @returns percent, beginning with 0, [T + 1]; may be negative, and 100 is never left under `simple`
 * @throws Error for a critic of -100 where the rule divides by zero
 */
export function progressValues(critics: ArrayLike<number>, rule: ValueRule): Float64Array {
  const values = new Float64Array(critics.length + 1);
  for (let i = 0; i < critics.length; i++) {
    const critic = critics[i]!;
    const value = values[i]!;
    if (critic > 0 || rule === "simple") values[i + 1] = value + ((100 - value) * critic) / 100;
    else if (rule === "inverse") values[i + 1] = inverseLoss(value, critic);
    else
      values[i + 1] = value > 50 ? Math.max(10, inverseLoss(value, critic)) : value + (value * critic) / 100;
  }
  return values;
}

/** Value-order correlation (VLAC, compute_voc): Spearman correlation of the values with time; NaN when constant. */
export function valueOrderCorrelation(values: ArrayLike<number>): number {
  return spearman(
    values,
    Array.from({ length: values.length }, (_, t) => t),
  );
}

/**
 * Share of critics below 0 (VLAC, compute_negative_rate).
 *
 * @throws Error without critics
 */
export function negativeRate(critics: ArrayLike<number>): number {
  if (critics.length === 0) throw new Error("There are no critics to take a share of.");
  let count = 0;
  for (let i = 0; i < critics.length; i++) if (critics[i]! < 0) count++;
  return count / critics.length;
}

/** Options of the authors' get_trajectory_critic; the standards are theirs. */
export interface CriticOptions {
  /** Frames between the two of a pair. */
  readonly skip: number;
  /** Every skip-th frame, or every frame with the critic divided by skip. */
  readonly frameSkip: boolean;
  /** The pair is shown in reverse order and the answer negated. */
  readonly reverse: boolean;
  readonly scale: number;
  readonly bias: number;
  /** Critics up to this become 0; 0 = none. */
  readonly positiveClip: number;
  /** Critics down to minus this become 0; 0 = none. */
  readonly negativeClip: number;
  /** Critics are replaced by the differences of the values, and values by their running sum. */
  readonly related: boolean;
  readonly rule: ValueRule;
}

/** Frame numbers of the pairs in the order they are shown: [earlier, later], or the other way round when reversed. */
export function criticPairs(
  frames: number,
  options: Pick<CriticOptions, "skip" | "frameSkip" | "reverse">,
): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let i = options.skip; i < frames; i += options.frameSkip ? options.skip : 1)
    pairs.push(options.reverse ? [i, i - options.skip] : [i - options.skip, i]);
  return pairs;
}

/** Reference frames that are shown: the first, then `count - 1` more at equal distances, cut to whole frames. */
export function referenceFrames(frames: number, count: number): readonly number[] {
  if (count === 1) throw new Error("One reference frame has no distance to the next: take two or more.");
  const step = (frames - 1) / (count - 1);
  return Array.from({ length: Math.max(1, count) }, (_, i) => Math.trunc(i * step));
}

/**
 * Critics and values of a trajectory from the model's answers (VLAC, get_trajectory_critic).
 *
 * @param answers percent, one per pair, [P]
 */
export function trajectoryCritic(
  answers: ArrayLike<number>,
  options: CriticOptions,
): { readonly critics: Float64Array; readonly values: Float64Array } {
  const divisor = options.frameSkip ? 1 : options.skip;
  let critics = Float64Array.from(
    answers,
    (answer) => (options.reverse ? 0 - answer : answer) / divisor / options.scale,
  );
  if (options.related) {
    const values = progressValues(critics, options.rule);
    critics = critics.map((_, i) => values[i + 1]! - values[i]!);
  }
  critics = critics.map((critic) => {
    let out = critic + options.bias;
    if (options.positiveClip !== 0 && !(out < 0 || out > options.positiveClip)) out = 0;
    if (options.negativeClip !== 0 && !(out > 0 || out < -options.negativeClip)) out = 0;
    return out;
  });
  if (!options.related) return { critics, values: progressValues(critics, options.rule) };
  const values = new Float64Array(critics.length + 1);
  critics.forEach((critic, i) => (values[i + 1] = values[i]! + critic));
  return { critics, values };
}

/** Done numbers (VLAC, get_trajectory_done): the answer where it is above the threshold, else 0. */
export function doneValues(answers: ArrayLike<number>, threshold: number): Float64Array {
  return Float64Array.from(answers, (answer) => (answer > threshold ? answer : 0));
}

/** A sampled token with its most likely alternatives, most likely first. */
export interface TokenAlternatives {
  readonly token: string;
  readonly alternatives: readonly { readonly token: string; readonly logprob: number }[];
}

const digits = /^\p{Nd}+$/u;

/** One decimal with ties to even, as Python prints it. */
function oneDecimal(value: number): string {
  const quarter = value * 4;
  // x.25 and x.75 are the only exact ties.
  if (Number.isInteger(quarter) && Math.abs(quarter) % 2 === 1)
    return ((2 * Math.round((value * 10) / 2 - (value < 0 ? -1e-9 : 1e-9))) / 10).toFixed(1);
  return value.toFixed(1);
}

/**
 * Decimal reading of an answer (VLAC, results_format with rich): every token of digits becomes the mean of its digit
 * alternatives weighted by probability, of those above a tenth of the most likely alternative, with one decimal; other
 * tokens stay. Two digit tokens in a row are written one after the other, as released.
 *
 * @throws Error when a digit token has no digit alternative that likely
 */
export function decimalReading(tokens: readonly TokenAlternatives[]): string {
  return tokens
    .map(({ token, alternatives }) => {
      if (!digits.test(token)) return token;
      const least = Math.exp(alternatives[0]?.logprob ?? NaN) * 0.1;
      let sum = 0;
      let weight = 0;
      for (const other of alternatives) {
        const probability = Math.exp(other.logprob);
        if (!digits.test(other.token) || !(probability > least)) continue;
        sum += Number(other.token) * probability;
        weight += probability;
      }
      if (weight === 0)
        throw new Error(`Token "${token}" has no digit among its likely alternatives: nothing to average.`);
      return oneDecimal(sum / weight);
    })
    .join("");
}

/**
 * Text that announces n reference frames with their progress (VLAC, trojectory_example_prompt).
 *
 * @throws Error for one frame, which has no progress
 */
export function referencePrompt(count: number, task: string): string {
  if (count === 1) throw new Error("One reference frame has no progress: take two or more.");
  const lines = Array.from({ length: count }, (_, i) => `${Math.trunc((i / (count - 1)) * 100)}% <image>\n`);
  return `<trajectory> <task> ${task} </task>:${lines.map((line) => ` ${line}`).join("")}</trajectory>`;
}
