import { binary, symbol } from "../expression";
import { meanAndSpread } from "../kernels/groupNormalisation";
import { whitenRows, type WhiteningConvention } from "../kernels/whitening";
import type { Missing } from "../series/episode";
import { numberOf, optionalNumberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { lengthCutpoints, probabilityCutpoints, uncertainBelow } from "./spoCutpoints";

/**
 * Monte-Carlo value of a state: mean reward of continuations from it; one cut by length counts `unfinishedPenalty`.
 * No continuation gives what the authors' code gives, 0 with a deviation of -1.
 */
export function monteCarloValue(
  rewards: ArrayLike<number>,
  finishReasons: readonly string[],
  unfinishedPenalty: number,
): { readonly value: number; readonly std: number; readonly rewards: Float64Array } {
  const counted = Float64Array.from({ length: rewards.length }, (_, i) =>
    finishReasons[i] === "length" ? unfinishedPenalty : rewards[i]!,
  );
  if (counted.length === 0) return { value: 0, std: -1, rewards: counted };
  const { mean, spread } = meanAndSpread(counted, "population");
  return { value: mean, std: spread, rewards: counted };
}

export interface SegmentCredit {
  /** Value at the end of each segment, NaN in between, [T]; the last token holds the score. */
  readonly tokenValues: Float64Array;
  /** Advantage of the segment that each token is in, 0 on certain tokens, [T]. */
  readonly advantages: Float64Array;
}

/**
 * Segment advantages: value at the segment's end minus value at the previous end, on its uncertain tokens.
 * Without a value at the prompt (cutpoint -1) the first segment gets 0; without cutpoints everything is 0.
 *
 * @param cutpoints ascending; @param values one per cutpoint; @param score outcome of the response
 */
export function segmentCredit(
  probabilities: ArrayLike<number>,
  cutpoints: readonly number[],
  values: ArrayLike<number>,
  score: number,
): SegmentCredit {
  const size = probabilities.length;
  const tokenValues = new Float64Array(size).fill(NaN);
  const advantages = new Float64Array(size);
  let base = NaN;
  cutpoints.forEach((cutpoint, i) => {
    if (cutpoint < 0) base = values[i]!;
    else if (cutpoint < size) tokenValues[cutpoint] = values[i]!;
  });
  if (size > 0) tokenValues[size - 1] = score;
  if (cutpoints.length === 0) return { tokenValues, advantages };
  let start = 0;
  for (let t = 0; t < size; t++) {
    const value = tokenValues[t]!;
    if (Number.isNaN(value)) continue;
    const advantage = Number.isNaN(base) ? 0 : value - base;
    for (let k = start; k <= t; k++) advantages[k] = probabilities[k]! > uncertainBelow ? 0 : advantage;
    start = t + 1;
    base = value;
  }
  return { tokenValues, advantages };
}

/**
 * SPO's whitening: moments over the uncertain tokens under the mask (over the whole mask when there is none), applied
 * to all tokens.
 *
 * @param logprobs nats, undefined = no probability mask
 */
export function whitenUncertain(
  rows: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  logprobs: readonly ArrayLike<number>[] | undefined,
  unbiased: boolean,
): readonly Float64Array[] {
  const convention: WhiteningConvention = {
    std: unbiased ? "sample" : "population",
    epsilon: 1e-8,
    epsilonPlace: "inside-root",
    shiftMean: true,
  };
  let chosen = masks;
  if (logprobs) {
    const uncertain = masks.map((mask, i) =>
      Uint8Array.from({ length: rows[i]!.length }, (_, t) =>
        mask[t] && Math.exp(logprobs[i]![t]!) < uncertainBelow ? 1 : 0,
      ),
    );
    if (uncertain.some((mask) => mask.includes(1))) chosen = uncertain;
  }
  return whitenRows(rows, chosen, convention, "nan");
}

interface Prepared {
  readonly positions: readonly number[];
  readonly length: number;
  readonly probabilities: Float64Array;
  readonly cutpoints: readonly number[];
  readonly values: Float64Array;
  readonly credit: SegmentCredit;
  readonly score: number;
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const { trajectory } = context;
  const { tokens } = trajectory;
  const logprobs =
    tokens?.series["logprob"] ??
    context.scores?.find(
      (s) => s.name === "logprob" && s.level === "token" && s.values.length === tokens?.count,
    )?.values;
  if (!tokens || !logprobs) return { missing: ["logprobs"], how: needHow.logprobs };
  const stateValues =
    tokens.series["value"] ??
    context.scores?.find((s) => s.name === "value" && s.level === "token" && s.values.length === tokens.count)
      ?.values;
  const score = optionalNumberOf(parameters, "score") ?? trajectory.outcome.reward;
  if (typeof score !== "number") return { missing: ["outcomeReward"], how: needHow.outcomeReward };
  if (!stateValues) {
    return {
      missing: ["values"],
      how: "Needs Monte-Carlo values at the cutpoints: generate continuations with a local policy, or open a file that records them.",
    };
  }
  const positions: number[] = [];
  for (let i = 0; i < tokens.count; i++) if (!tokens.mask || tokens.mask[i] === 1) positions.push(i);
  const probabilities = Float64Array.from(positions, (i) => Math.exp(logprobs[i]!));
  const cutpoints =
    textOf(parameters, "cut") === "probability"
      ? probabilityCutpoints(probabilities, numberOf(parameters, "interval"))
      : lengthCutpoints(positions.length, numberOf(parameters, "segments"));
  // The value after token c is the value before token c+1, where it is recorded.
  const values = Float64Array.from(cutpoints, (c) =>
    positions[c + 1] === undefined ? NaN : stateValues[positions[c + 1]!]!,
  );
  if (values.some((value) => Number.isNaN(value))) {
    return {
      missing: ["values"],
      how: "Some cutpoints have no Monte-Carlo value: generate continuations there with a local policy.",
    };
  }
  return {
    positions,
    length: tokens.count,
    probabilities,
    cutpoints,
    values,
    credit: segmentCredit(probabilities, cutpoints, values, score),
    score,
  };
}

export const spoChain: Signal = {
  id: "spo-chain",
  title: "Segment advantage (SPO chain)",
  family: "agentic",
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["logprobs", "values", "outcomeReward"],
  parameters: [
    {
      name: "cut",
      description: "Cut before uncertain tokens (probability under 0.9), or into segments of equal length.",
      type: "choice",
      choices: ["probability", "length"],
      default: "probability",
    },
    { name: "interval", description: "Keep every n-th cutpoint.", type: "integer", minimum: 1, default: 5 },
    {
      name: "segments",
      description: "Segments when cutting by length.",
      type: "integer",
      minimum: 1,
      default: 4,
    },
    {
      name: "score",
      description: "Score of the response; empty takes the outcome reward.",
      type: "number",
      default: null,
    },
  ],
  presets: [
    {
      id: "spo-interval-5",
      title: "SPO chain, interval 5",
      values: { cut: "probability", interval: 5 },
      source: "AIFrameResearch/SPO, math_episode_generator_with_mc_advantages.py, _compute_token_advantages",
    },
    {
      id: "spo-fixed",
      title: "SPO chain, four fixed segments",
      values: { cut: "length", segments: 4 },
      source: "AIFrameResearch/SPO, math_episode_generator_with_mc_advantages_naive.py, get_cutpoints",
    },
  ],
  source: "Guo et al. 2025, Segment Policy Optimization; AIFrameResearch/SPO",
  description:
    "The response is cut before uncertain tokens; a segment earns the rise of the Monte-Carlo value from its start to its end, on its uncertain tokens alone.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const values = new Float64Array(prepared.length).fill(NaN);
    const states = new Float64Array(prepared.length).fill(NaN);
    prepared.positions.forEach((position, t) => {
      values[position] = prepared.credit.advantages[t]!;
      states[position] = prepared.credit.tokenValues[t]!;
    });
    const notes = [`${prepared.cutpoints.length} cutpoints.`];
    if (prepared.cutpoints.length > 0 && prepared.cutpoints[0] !== -1)
      notes.push("No value at the prompt: the first segment gets 0.");
    return { level: "token", values, parts: { "segment end value": states }, notes };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { credit, positions, cutpoints, values } = prepared;
    const t = positions.indexOf(index);
    if (t < 0) return undefined;
    const value = credit.advantages[t]!;
    let end = t;
    while (end < positions.length && Number.isNaN(credit.tokenValues[end]!)) end++;
    let start = t - 1;
    while (start >= 0 && Number.isNaN(credit.tokenValues[start]!)) start--;
    const startValue = start >= 0 ? credit.tokenValues[start]! : cutpoints[0] === -1 ? values[0]! : NaN;
    const id = context.trajectory.id;
    const certain = prepared.probabilities[t]! > uncertainBelow;
    const zero = certain || Number.isNaN(startValue) || cutpoints.length === 0;
    return {
      title: "Segment advantage",
      convention: `cut by ${textOf(parameters, "cut")}, uncertain below ${uncertainBelow}`,
      lines: [
        {
          name: `A_${index}`,
          expression: zero
            ? { kind: "number", value: 0 }
            : binary(
                "-",
                symbol("V(end)", credit.tokenValues[end]!, "value at the segment's end", {
                  trajectoryId: id,
                  tokenIndex: positions[end]!,
                }),
                symbol(
                  "V(start)",
                  startValue,
                  "value at the previous end",
                  start >= 0 ? { trajectoryId: id, tokenIndex: positions[start]! } : { trajectoryId: id },
                ),
              ),
          value,
        },
      ],
      source: spoChain.source,
      notes: [
        certain
          ? "The token is certain (probability above 0.9): it gets 0."
          : cutpoints.length === 0
            ? "No uncertain token: everything gets 0."
            : Number.isNaN(startValue)
              ? "No value at the prompt: the first segment gets 0."
              : `Segment of tokens ${positions[start + 1]!} to ${positions[end]!}.`,
      ],
    };
  },
};
