import { binary, number, symbol, type Expression } from "../expression";
import { meanAndSpread } from "../kernels/groupNormalisation";
import type { Missing } from "../series/episode";
import { rowsOf } from "../series/modelInputs";
import { flagOf, numberOf } from "../series/parameters";
import type { ParameterValues, Signal, SignalContext } from "../signal";

export interface FlowShaping {
  /** Scores at or below this are dropped; 0 = keep all. */
  readonly threshold: number;
  /** Most scores kept per row; 0 = all. */
  readonly top: number;
  /** Keep both ends: scores are spread over -1..1 and large negative ones count as well. */
  readonly bilateral: boolean;
  /** Power applied to normalised scores. */
  readonly gamma: number;
}

/** Second smallest distinct value of a row; infinite when all are equal. */
function secondSmallest(values: Float64Array): number {
  let least = Infinity;
  let second = Infinity;
  for (const value of values) {
    if (value < least) {
      second = least;
      least = value;
    } else if (value > least && value < second) second = value;
  }
  return second;
}

/**
 * Min-max normalisation of one row (models/utils.py, normalize_flow_score). As released the minimum is the *second*
 * smallest distinct value of the masked row, which skips the zeros of padding; without padding the smallest score turns
 * negative, and a row of equal scores is not a number.
 *
 * @param scores [T]; @param mask 1 = action token, [T]
 */
export function normaliseFlow(
  scores: Float64Array,
  mask: ArrayLike<number>,
  shaping: Pick<FlowShaping, "bilateral" | "gamma">,
): Float64Array {
  const masked = scores.map((score, t) => score * mask[t]!);
  const low = secondSmallest(masked);
  const high = masked.reduce((most, value) => Math.max(most, value), -Infinity);
  return masked.map((score, t) => {
    if (!mask[t]) return score;
    let value = (score - low) / (high - low);
    if (shaping.bilateral) value = (value - 0.5) * 2;
    return shaping.gamma === 1 ? value : value ** shaping.gamma;
  });
}

/**
 * Keeps the scores that are penalised (postprocess_flow_score): above the threshold, and where a row still has at least
 * `top` of them, only the largest (half of them at each end when bilateral).
 */
export function keepFlow(normalised: Float64Array, { threshold, top, bilateral }: FlowShaping): Float64Array {
  const kept = normalised.map((score) =>
    threshold > 0 && !(score > threshold || (bilateral && score < -threshold)) ? 0 : score,
  );
  const count = kept.reduce((sum, score) => sum + (score === 0 ? 0 : 1), 0);
  if (top <= 0 || count < top || kept.length < top) return kept;
  const order = [...kept.keys()].sort((a, b) => kept[b]! - kept[a]!);
  const side = Math.floor(top / 2);
  const chosen = new Set(
    bilateral ? [...order.slice(0, side), ...order.slice(order.length - side)] : order.slice(0, top),
  );
  return kept.map((score, t) => (chosen.has(t) ? score : 0));
}

/**
 * Token rewards (compute_reward): outcome on the last action token, minus the KL penalty, minus coefficient times kept
 * score. The outcome is the group-normalised one in training.
 */
export function flowRewards(
  kept: Float64Array,
  mask: ArrayLike<number>,
  outcome: number,
  coefficient: number,
  kl?: ArrayLike<number>,
  klCoefficient = 0,
): Float64Array {
  let last = kept.length - 1;
  while (last > 0 && !mask[last]) last--;
  // Without any action token the reward stands on the last position, as the framework's argmax gives it.
  if (!mask[last]) last = kept.length - 1;
  return kept.map((score, t) => {
    const penalty = Math.max(0, klCoefficient) * (kl?.[t] ?? 0);
    return (t === last ? outcome : 0) - penalty - (coefficient === 0 ? 0 : coefficient * score);
  });
}

/** Deviations of a response, and what the shaping makes of them, [T] each. */
export interface RlfrScores {
  readonly scores: Float64Array;
  readonly mask: Uint8Array;
  readonly normalised: Float64Array;
  readonly kept: Float64Array;
  /** Population deviation of the deviations over noise seeds; absent with a single draw. */
  readonly spread?: Float64Array;
  readonly seeds: number;
}

/** Reads the deviations of the context's tokens (the mean over noise seeds where several were drawn) and shapes them. */
export function rlfrScores(context: SignalContext, parameters: ParameterValues): RlfrScores | Missing {
  const { tokens } = context.trajectory;
  const drawn = context.inputs?.arrays?.["flow_deviation"];
  const seeds = drawn && drawn.width === tokens?.count && drawn.rows > 0 ? rowsOf(drawn) : undefined;
  const scores =
    (seeds &&
      Float64Array.from(
        seeds[0]!,
        (_, t) =>
          meanAndSpread(
            Float64Array.from(seeds, (row) => row[t]!),
            "population",
          ).mean,
      )) ??
    tokens?.series["flow_deviation"] ??
    context.scores?.find(
      (s) => s.name === "flow_deviation" && s.level === "token" && s.values.length === tokens?.count,
    )?.values;
  if (!tokens || !scores) {
    return {
      missing: ["hiddenStates"],
      how: "Needs the velocity deviation of every token: choose a policy model exported with hidden states, and its flow network.",
    };
  }
  const mask = tokens.mask ?? new Uint8Array(tokens.count).fill(1);
  const shaping: FlowShaping = {
    threshold: numberOf(parameters, "threshold"),
    top: numberOf(parameters, "top"),
    bilateral: flagOf(parameters, "bilateral"),
    gamma: numberOf(parameters, "gamma"),
  };
  const normalised = normaliseFlow(
    scores.map((score) => (Number.isNaN(score) ? 0 : score)),
    mask,
    shaping,
  );
  const spread =
    seeds && seeds.length > 1
      ? Float64Array.from(
          scores,
          (_, t) =>
            meanAndSpread(
              Float64Array.from(seeds, (row) => row[t]!),
              "population",
            ).spread,
        )
      : undefined;
  return {
    scores,
    mask,
    normalised,
    kept: keepFlow(normalised, shaping),
    ...(spread ? { spread } : {}),
    seeds: seeds?.length ?? 1,
  };
}

export const rlfrPenalty: Signal = {
  id: "rlfr-penalty",
  title: "Flow penalty (RLFR)",
  family: "agentic",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["hiddenStates", "tokenMask"],
  inputs: [
    {
      kind: "array",
      name: "flow_deviation",
      meaning: "[noise seeds][tokens], velocity deviation of each token",
    },
    { kind: "token", name: "flow_deviation", meaning: "a single draw" },
  ],
  parameters: [
    {
      name: "coefficient",
      description: "Penalty per unit of normalised deviation.",
      type: "number",
      minimum: 0,
      default: 0.01,
    },
    {
      name: "threshold",
      description: "Deviations at or below this are not penalised.",
      type: "number",
      minimum: 0,
      default: 0.6,
    },
    {
      name: "top",
      description: "Most tokens penalised per response; 0 = all.",
      type: "integer",
      minimum: 0,
      default: 15,
    },
    {
      name: "bilateral",
      description: "Spread scores over -1..1 and keep both ends.",
      type: "boolean",
      default: false,
    },
    { name: "gamma", description: "Power applied to normalised scores.", type: "number", default: 1 },
  ],
  presets: [
    {
      id: "rlfr",
      title: "RLFR, released script",
      values: {},
      source: "Jinghaoleven/RLFR, openrlhf/openrlhf/models/utils.py; train_ray_RLFR_lm_qwen2.5_7B.sh",
    },
  ],
  source:
    "Zhang et al. 2025, RLFR: Extending RL for LLMs with Flow Environment; Jinghaoleven/RLFR, models/utils.py",
  description:
    "Penalty on tokens whose hidden states a flow network, trained on correct rollouts, does not expect. As released the row's minimum is its second smallest value.",
  compute(context, parameters) {
    const prepared = rlfrScores(context, parameters);
    if ("missing" in prepared) return prepared;
    const coefficient = numberOf(parameters, "coefficient");
    const { mask, kept, normalised, scores, spread, seeds } = prepared;
    const show = (values: Float64Array): Float64Array => values.map((value, t) => (mask[t] ? value : NaN));
    return {
      level: "token",
      values: show(kept.map((score) => (score === 0 ? 0 : -coefficient * score))),
      parts: {
        deviation: show(scores),
        "normalised deviation": show(normalised),
        ...(spread ? { "spread over noise": show(spread) } : {}),
      },
      notes: [
        `${kept.reduce((sum, score) => sum + (score === 0 ? 0 : 1), 0)} tokens are penalised.`,
        seeds > 1
          ? `Deviations are random: these are means over ${seeds} draws of the noise.`
          : "Deviations are random: the noise is drawn afresh.",
      ],
    };
  },
  explain(context, parameters, index) {
    const prepared = rlfrScores(context, parameters);
    if ("missing" in prepared) return undefined;
    const { scores, mask, kept, normalised } = prepared;
    const coefficient = numberOf(parameters, "coefficient");
    const score = kept[index];
    if (score === undefined || !mask[index] || Number.isNaN(score)) return undefined;
    const reference = { trajectoryId: context.trajectory.id, tokenIndex: index };
    const penalised = score !== 0;
    const expression: Expression = penalised
      ? {
          kind: "negate",
          of: binary(
            "*",
            symbol("coef", coefficient, "penalty per unit"),
            symbol("s", score, "normalised deviation", reference),
          ),
        }
      : number(0);
    return {
      title: "Flow penalty",
      convention: `threshold ${numberOf(parameters, "threshold")}, at most ${numberOf(parameters, "top")} tokens`,
      lines: [{ name: `r_${index}`, expression, value: penalised ? -coefficient * score : 0 }],
      source: rlfrPenalty.source,
      notes: [
        `Deviation ${scores[index]}, normalised ${normalised[index]}${penalised ? "" : ": not among the penalised tokens"}.`,
      ],
    };
  },
};
