import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { aggregateLoss, type LossAggregation } from "./lossAggregation";

export interface ClipRange {
  /** The ratio is kept above 1 - low. */
  readonly low: number;
  /** The ratio is kept below 1 + high. */
  readonly high: number;
  /** Dual clip: with a negative advantage the loss stays below -A times this. */
  readonly dual: number;
}

/** Which branch of the clipped objective a token is in. */
export type ClipState = "free" | "clipped" | "dual-clipped";

/** Ratio, loss and clip state of one token (verl core_algos.py, compute_policy_loss_vanilla). */
function clippedLoss(
  logprob: number,
  oldLogprob: number,
  advantage: number,
  clip: ClipRange,
): { readonly ratio: number; readonly loss: number; readonly state: ClipState; readonly logRatio: number } {
  const logRatio = Math.min(Math.max(logprob - oldLogprob, -20), 20);
  const ratio = Math.exp(logRatio);
  const free = -advantage * ratio;
  const clipped = -advantage * Math.min(Math.max(ratio, 1 - clip.low), 1 + clip.high);
  const larger = Math.max(free, clipped);
  const limit = -advantage * clip.dual;
  const isDual = advantage < 0 && larger > limit;
  return {
    ratio,
    loss: isDual ? limit : larger,
    state: isDual ? "dual-clipped" : clipped > free ? "clipped" : "free",
    logRatio,
  };
}

/**
 * Clipped policy loss of a batch with its usual metrics.
 * `clipFraction` counts tokens whose clipped branch is larger, dual-clipped ones among them, as verl reports it.
 */
export function policyLoss(
  logprobs: readonly Float64Array[],
  oldLogprobs: readonly Float64Array[],
  advantages: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
  clip: ClipRange,
  aggregation: LossAggregation = "token-mean",
): {
  readonly loss: number;
  readonly clipFraction: number;
  readonly kl: number;
  readonly dualFraction: number;
} {
  const matrices = {
    loss: [] as Float64Array[],
    clipped: [] as Float64Array[],
    kl: [] as Float64Array[],
    dual: [] as Float64Array[],
  };
  logprobs.forEach((row, i) => {
    const size = row.length;
    const loss = new Float64Array(size);
    const clipped = new Float64Array(size);
    const kl = new Float64Array(size);
    const dual = new Float64Array(size);
    for (let t = 0; t < size; t++) {
      const advantage = advantages[i]![t]!;
      const token = clippedLoss(row[t]!, oldLogprobs[i]![t]!, advantage, clip);
      loss[t] = token.loss;
      kl[t] = -token.logRatio;
      dual[t] = token.state === "dual-clipped" ? 1 : 0;
      clipped[t] =
        -advantage * Math.min(Math.max(token.ratio, 1 - clip.low), 1 + clip.high) > -advantage * token.ratio
          ? 1
          : 0;
    }
    matrices.loss.push(loss);
    matrices.clipped.push(clipped);
    matrices.kl.push(kl);
    matrices.dual.push(dual);
  });
  return {
    loss: aggregateLoss(matrices.loss, masks, aggregation),
    clipFraction: aggregateLoss(matrices.clipped, masks, "token-mean"),
    kl: aggregateLoss(matrices.kl, masks, "token-mean"),
    dualFraction: aggregateLoss(matrices.dual, masks, "token-mean"),
  };
}

interface Prepared {
  readonly now: Float64Array;
  readonly old: Float64Array;
  readonly advantages: Float64Array;
  readonly mask: Uint8Array | undefined;
  readonly clip: ClipRange;
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const { tokens } = context.trajectory;
  const old = tokens?.series["logprob"];
  const scored = context.scores?.find(
    (series) =>
      series.name === "logprob" && series.level === "token" && series.values.length === tokens?.count,
  )?.values;
  const now = scored ?? tokens?.series["trainer_logprob"];
  const advantages = tokens?.series["advantage"];
  if (!old || !now) {
    return {
      missing: ["logprobs"],
      how: `Needs the sampler's log-probabilities in the file and the current policy's. ${needHow.logprobs}`,
    };
  }
  if (!advantages) return { missing: ["recordedAdvantages"], how: needHow.recordedAdvantages };
  const clip = {
    low: numberOf(parameters, "clipLow"),
    high: numberOf(parameters, "clipHigh"),
    dual: numberOf(parameters, "dualClip"),
  };
  return { now, old, advantages, mask: tokens?.mask, clip };
}

export const clippedPolicyLoss: Signal = {
  id: "policy-loss",
  title: "Clipped policy loss",
  family: "loss",
  estimator: true,
  level: "token",
  unit: "loss",
  signed: true,
  needs: ["logprobs", "recordedAdvantages"],
  parameters: [
    {
      name: "clipLow",
      description: "The ratio is kept above 1 minus this.",
      type: "number",
      minimum: 0,
      default: 0.2,
    },
    {
      name: "clipHigh",
      description: "The ratio is kept below 1 plus this.",
      type: "number",
      minimum: 0,
      default: 0.2,
    },
    {
      name: "dualClip",
      description: "Limit on the loss for negative advantages, in advantages.",
      type: "number",
      minimum: 1,
      default: 3,
    },
    {
      name: "show",
      description: "The loss of each token, or the probability ratio.",
      type: "choice",
      choices: ["loss", "ratio"],
      default: "loss",
    },
  ],
  presets: [
    {
      id: "ppo",
      title: "PPO 0.2",
      values: { clipLow: 0.2, clipHigh: 0.2 },
      source: "volcengine/verl, core_algos.py, compute_policy_loss_vanilla",
    },
    {
      id: "dapo",
      title: "DAPO 0.2 / 0.28",
      values: { clipLow: 0.2, clipHigh: 0.28 },
      source: "Yu et al. 2025, DAPO; verl-project/verl-recipe, dapo",
    },
  ],
  source: "Schulman et al. 2017, PPO, eq. 7; volcengine/verl, core_algos.py, compute_policy_loss_vanilla",
  description:
    "Loss of each token under the clipped objective, from the sampler's and the current policy's log-probabilities and the recorded advantage.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { now, old, advantages, mask, clip } = prepared;
    const size = now.length;
    const losses = new Float64Array(size).fill(NaN);
    const ratios = new Float64Array(size).fill(NaN);
    let clipped = 0;
    let dual = 0;
    for (let t = 0; t < size; t++) {
      if (mask && mask[t] === 0) continue;
      const token = clippedLoss(now[t]!, old[t]!, advantages[t]!, clip);
      losses[t] = token.loss;
      ratios[t] = token.ratio;
      if (token.state === "clipped") clipped++;
      if (token.state === "dual-clipped") dual++;
    }
    const showsRatio = textOf(parameters, "show") === "ratio";
    return {
      level: "token",
      values: showsRatio ? ratios : losses,
      parts: showsRatio ? { loss: losses } : { ratio: ratios },
      notes: [`${clipped} tokens are clipped, ${dual} dual-clipped: they give no gradient.`],
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { now, old, advantages, mask, clip } = prepared;
    if (index < 0 || index >= now.length || (mask && mask[index] === 0)) return undefined;
    const token = clippedLoss(now[index]!, old[index]!, advantages[index]!, clip);
    if (Number.isNaN(token.loss)) return undefined;
    const call = (name: string, ...parts: Expression[]): Expression => ({
      kind: "call",
      name,
      arguments: parts,
    });
    const reference = { trajectoryId: context.trajectory.id, tokenIndex: index };
    const ratio = symbol("ratio", token.ratio, "probability now over probability when sampled", reference);
    const minusA: Expression = {
      kind: "negate",
      of: symbol("A", advantages[index]!, "recorded advantage", reference),
    };
    const kept = call(
      "min",
      call("max", ratio, binary("-", number(1), symbol("low", clip.low))),
      binary("+", number(1), symbol("high", clip.high)),
    );
    const larger = call("max", binary("*", minusA, ratio), binary("*", minusA, kept));
    const loss =
      advantages[index]! < 0
        ? call("min", larger, binary("*", minusA, symbol("c", clip.dual, "dual clip")))
        : larger;
    const difference = binary(
      "-",
      symbol("logp", now[index]!, "log-probability now", reference),
      symbol("logp_old", old[index]!, "log-probability when sampled", reference),
    );
    const ratioLine = {
      name: "ratio",
      expression: call("exp", call("min", call("max", difference, number(-20)), number(20))),
      value: token.ratio,
    };
    const lossLine = { name: `loss_${index}`, expression: loss, value: token.loss };
    const showsRatio = textOf(parameters, "show") === "ratio";
    return {
      title: "Clipped policy loss",
      convention: `clip ${clip.low} / ${clip.high}, dual clip ${clip.dual}`,
      lines: showsRatio ? [ratioLine, lossLine] : [lossLine, ratioLine],
      source: clippedPolicyLoss.source,
      notes: [
        token.state === "free"
          ? "The token is not clipped."
          : `The token is ${token.state}: it gives no gradient.`,
      ],
    };
  },
};
