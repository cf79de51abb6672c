import { binary, number, symbol, type Expression } from "../expression";
import { normaliseGroup, type GroupConvention, type GroupResult } from "../kernels/groupNormalisation";
import type { Precision } from "../kernels/precision";
import { maskedMoments } from "../kernels/whitening";
import type { Missing } from "../series/episode";
import { numberOf, precisionParameter, textOf } from "../series/parameters";
import {
  needHow,
  type ExplanationLine,
  type ParameterValues,
  type Signal,
  type SignalContext,
} from "../signal";
import { rewardSymbols } from "./groupExplanation";
import { groupOf, groupRewards, type GroupRewards } from "./groupRewards";

/** The leave-one-out convention: reward minus the mean of the other members, nothing divided. */
export function rlooConvention(
  singleton: GroupConvention["singleton"],
  nan: GroupConvention["nan"],
  precision: Precision,
): GroupConvention {
  return {
    baseline: "leave-one-out",
    std: "none",
    spreadOver: "group",
    epsilon: 0,
    singleton,
    zeroSpread: "divide",
    nan,
    precision,
  };
}

/**
 * Batch standardisation of advantages as TRL does after RLOO: `(A - mean) / (std + epsilon)`, std over n-1.
 *
 * @param scored rows whose reward is a number count for mean and deviation and are changed; others stay as they are
 */
export function standardiseAdvantages(
  advantages: Float64Array,
  scored: ArrayLike<number>,
  epsilon: number,
): Float64Array {
  const { count, mean, variance } = maskedMoments(advantages, scored, "sample");
  const deviation = count > 1 ? Math.sqrt(variance) : 0;
  return advantages.map((advantage, row) =>
    scored[row] ? (advantage - mean) / (deviation + epsilon) : advantage,
  );
}

interface Prepared {
  readonly source: GroupRewards;
  readonly result: GroupResult;
  readonly advantage: number;
  readonly batch?: { readonly mean: number; readonly deviation: number; readonly epsilon: number };
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const source = groupRewards(context);
  if ("missing" in source) return source;
  const singleton = textOf(parameters, "singleton") as GroupConvention["singleton"];
  const nan = textOf(parameters, "nan") as GroupConvention["nan"];
  const convention = rlooConvention(singleton, nan, textOf(parameters, "precision") as Precision);
  const result = normaliseGroup(source.rewards, convention);
  const notes = [...source.notes];
  if (result.counts[0] === 1) {
    notes.push(
      singleton === "reward"
        ? "Group of one: this convention gives the reward itself."
        : singleton === "zero"
          ? "Group of one: this convention gives 0."
          : "Group of one: undefined under this convention.",
    );
  }
  const raw = result.advantages[source.own]!;
  if (textOf(parameters, "standardise") !== "batch") return { source, result, advantage: raw, notes };
  if (!context.batch) return { missing: ["batch"], how: needHow.batch };
  const all: number[] = [];
  for (const group of context.batch) {
    const rewards = group.members
      .map((member) => member.reward)
      .filter((reward): reward is number => typeof reward === "number");
    const advantages = normaliseGroup(Float64Array.from(rewards), convention).advantages;
    rewards.forEach((reward, row) => {
      if (!Number.isNaN(reward)) all.push(advantages[row]!);
    });
  }
  const epsilon = numberOf(parameters, "epsilon");
  const { count, mean, variance } = maskedMoments(Float64Array.from(all), undefined, "sample");
  const deviation = count > 1 ? Math.sqrt(variance) : 0;
  return {
    source,
    result,
    advantage: (raw - mean) / (deviation + epsilon),
    batch: { mean, deviation, epsilon },
    notes,
  };
}

export const rloo: Signal = {
  id: "rloo",
  title: "RLOO advantage",
  family: "group",
  estimator: true,
  level: "trajectory",
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "singleton",
      description: "A group of one: its own reward, 0, or undefined.",
      type: "choice",
      choices: ["reward", "zero", "nan"],
      default: "reward",
    },
    {
      name: "nan",
      description: "A reward recorded as NaN: spoils the group, or is left out and gets 0.",
      type: "choice",
      choices: ["propagate", "leave-out"],
      default: "propagate",
    },
    {
      name: "standardise",
      description: "Standardise the advantages over the batch of the training step afterwards.",
      type: "choice",
      choices: ["none", "batch"],
      default: "none",
    },
    {
      name: "epsilon",
      description: "Added to the batch deviation when standardising.",
      type: "number",
      minimum: 0,
      default: 1e-4,
    },
    precisionParameter,
  ],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: { singleton: "reward" },
      source:
        "volcengine/verl, core_algos.py, compute_rloo_outcome_advantage (r n/(n-1) - mean n/(n-1), the same number)",
    },
    {
      id: "verl-vectorised",
      title: "verl, vectorised",
      values: { singleton: "zero" },
      source: "volcengine/verl, core_algos.py, compute_rloo_vectorized_outcome_advantage",
    },
    {
      id: "trl",
      title: "TRL",
      values: { singleton: "zero", nan: "leave-out" },
      source: "huggingface/trl, trl/trainer/rloo_trainer.py (rewards already carry -beta KL)",
    },
    {
      id: "trl-normalised",
      title: "TRL, normalize_advantages",
      values: { singleton: "zero", nan: "leave-out", standardise: "batch", epsilon: 1e-4 },
      source: "huggingface/trl, trl/trainer/rloo_trainer.py, normalize_advantages=True",
    },
    {
      id: "spo",
      title: "SPO repository",
      values: { singleton: "reward" },
      source: "AIFrameResearch/SPO, math_episode_generator_with_group_advantages.py, adv_method rloo",
    },
  ],
  source:
    "Kool et al. 2019, Buy 4 REINFORCE Samples, Get a Baseline for Free!; Ahmadian et al. 2024, Back to Basics",
  description:
    "Reward of a rollout minus the mean reward of the other rollouts of its prompt. Libraries differ in a group of one and in standardising over the batch.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    return {
      level: "trajectory",
      values: Float64Array.of(prepared.advantage),
      parts: { baseline: Float64Array.of(prepared.result.baselines[prepared.source.own]!) },
      group: groupOf(prepared.source),
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    if (index !== 0) return undefined;
    const prepared = prepare(context, parameters);
    if ("missing" in prepared || Number.isNaN(prepared.advantage)) return undefined;
    const { source, result, batch } = prepared;
    const { own, rewards } = source;
    const reward = symbol("r_i", rewards[own]!, "reward of this rollout", {
      trajectoryId: source.members[own]!.trajectoryId,
    });
    const leaveOut = textOf(parameters, "nan") === "leave-out";
    const others = rewardSymbols(source.members, rewards).filter(
      (_, i) => i !== own && !(leaveOut && Number.isNaN(rewards[i]!)),
    );
    const singleton = textOf(parameters, "singleton");
    const baseline = symbol("mean(others)", result.baselines[own]!, "mean reward of the other rollouts");
    let difference: Expression;
    if (Number.isNaN(rewards[own]!)) difference = number(0);
    else if (others.length === 0) difference = singleton === "reward" ? reward : binary("-", reward, reward);
    else difference = binary("-", reward, baseline);
    const rounded = (of: Expression): Expression =>
      textOf(parameters, "precision") === "float32" ? { kind: "call", name: "float32", arguments: [of] } : of;
    difference = rounded(difference);
    const lines: ExplanationLine[] = [];
    if (batch) {
      const raw = symbol("a_i", result.advantages[own]!, "leave-one-out advantage");
      const spread = binary(
        "+",
        symbol("std(a)", batch.deviation, "deviation over the batch"),
        symbol("eps", batch.epsilon),
      );
      lines.push({
        name: "A_i",
        expression: binary(
          "/",
          binary("-", raw, symbol("mean(a)", batch.mean, "mean over the batch")),
          spread,
        ),
        value: prepared.advantage,
      });
    }
    lines.push({ name: batch ? "a_i" : "A_i", expression: difference, value: result.advantages[own]! });
    if (others.length > 0 && !Number.isNaN(rewards[own]!)) {
      lines.push({
        name: "mean(others)",
        expression: rounded({ kind: "call", name: "mean", arguments: others }),
        value: result.baselines[own]!,
      });
    }
    return {
      title: "RLOO advantage",
      convention: `leave-one-out baseline, group of one: ${singleton}${batch ? `, standardised over the batch, eps ${batch.epsilon}` : ""}`,
      lines,
      source: rloo.source,
      notes: prepared.notes,
    };
  },
};
