import {
  meanAndSpread,
  normaliseGroup,
  type GroupConvention,
  type GroupResult,
} from "../kernels/groupNormalisation";
import { rounding, type Precision } from "../kernels/precision";
import { numberOf, optionalNumberOf, precisionParameter, textOf } from "../series/parameters";
import type { Missing } from "../series/episode";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { conventionName, explanationLines, type GrpoDerivation } from "./grpoExplanation";
import { functionsParameter, groupOf, groupRewards, parseFunctions } from "./groupRewards";
import { grpoPresets } from "./grpoPresets";
import { combineFunctions } from "./rewardFunctions";

/** The group convention that a set of GRPO parameters stands for. */
export function grpoConvention(parameters: ParameterValues): GroupConvention {
  return {
    baseline: textOf(parameters, "baseline") as GroupConvention["baseline"],
    std: textOf(parameters, "std") as GroupConvention["std"],
    spreadOver: textOf(parameters, "spreadOver") as GroupConvention["spreadOver"],
    epsilon: numberOf(parameters, "epsilon"),
    singleton: textOf(parameters, "singleton") as GroupConvention["singleton"],
    zeroSpread: textOf(parameters, "zeroSpread") as GroupConvention["zeroSpread"],
    nan: textOf(parameters, "nan") as GroupConvention["nan"],
    precision: textOf(parameters, "precision") as Precision,
  };
}

/** The same with the batch's mean as the baseline; a group of one is then no special case. */
function centredOnBatch(
  rewards: Float64Array,
  { std, epsilon, zeroSpread, nan, precision }: GroupConvention,
  result: GroupResult,
  mean: number,
): GroupResult {
  const round = rounding(precision);
  const spreads = result.spreads.map((spread, i) =>
    std !== "none" && Number.isNaN(spread) && result.counts[0] === 1 && !Number.isNaN(rewards[i]!)
      ? 0
      : spread,
  );
  return {
    counts: result.counts,
    baselines: rewards.map(() => mean),
    spreads,
    advantages: rewards.map((reward, i) => {
      if (nan === "leave-out" && Number.isNaN(reward)) return 0;
      const difference = round(reward - mean);
      if (std === "none") return difference;
      if (spreads[i] === 0 && zeroSpread !== "divide") return zeroSpread === "zero" ? 0 : difference;
      return round(difference / (spreads[i]! + epsilon));
    }),
  };
}

function prepare(context: SignalContext, parameters: ParameterValues): GrpoDerivation | Missing {
  const source = groupRewards(context);
  if ("missing" in source) return source;
  const notes = [...source.notes];
  const convention = grpoConvention(parameters);
  const functions = parseFunctions(textOf(parameters, "functions"));
  let rewards = source.rewards;
  if (functions.length > 0) {
    const combined = combineFunctions(source.members, functions);
    if ("missing" in combined) return combined;
    rewards = combined.rewards;
    notes.push(`Rewards: ${functions.map((f) => `${f.weight} * ${f.component}`).join(" + ")}.`);
  }
  let batch: GrpoDerivation["batch"];
  const overBatch = (name: string): boolean => textOf(parameters, name) === "batch";
  const batchSpread = convention.std !== "none" && overBatch("stdOver");
  const batchMean = convention.baseline === "mean" && overBatch("baselineOver");
  if (batchSpread || batchMean) {
    if (!context.batch) return { missing: ["batch"], how: needHow.batch };
    const all = context.batch
      .flatMap((group) => group.members)
      .map((member) => member.reward)
      .filter(
        (reward): reward is number =>
          typeof reward === "number" && !(convention.nan === "leave-out" && Number.isNaN(reward)),
      );
    const std = convention.std === "none" ? "sample" : convention.std;
    const { mean, spread } = meanAndSpread(Float64Array.from(all), std, convention.precision);
    batch = { count: all.length, ...(batchSpread ? { spread } : {}), ...(batchMean ? { mean } : {}) };
  }
  let result = normaliseGroup(rewards, convention, batch?.spread);
  if (batch?.mean !== undefined) result = centredOnBatch(rewards, convention, result, batch.mean);
  const own = source.own;
  let raw = result.advantages[own]!;
  const limit = optionalNumberOf(parameters, "tinySpread");
  const tiny = limit !== undefined && result.spreads[own]! <= limit;
  if (tiny) raw = 0;
  const low = optionalNumberOf(parameters, "clipLow") ?? -Infinity;
  const high = optionalNumberOf(parameters, "clipHigh") ?? Infinity;
  const advantage = Number.isNaN(raw) ? raw : Math.min(Math.max(raw, low), high);
  const count = result.counts[0]!;
  if (count === 1 && batch?.mean === undefined) {
    notes.push(
      convention.singleton === "plain-reward"
        ? "Group of one: this convention gives the reward itself."
        : convention.singleton === "reward"
          ? "Group of one: this convention takes mean 0 and deviation 1, so the reward itself remains."
          : convention.singleton === "zero"
            ? "Group of one: this convention gives 0."
            : "Group of one: undefined under this convention (the deviation of one value).",
    );
  } else if (rewards.length > 0 && rewards.every((reward) => reward === rewards[0])) {
    notes.push("All rewards of the group are equal: it teaches nothing.");
  }
  if (convention.nan === "leave-out" && Number.isNaN(rewards[own]!))
    notes.push("The reward is NaN: this convention gives 0 and leaves it out of the baseline.");
  return { source, rewards, convention, result, ...(batch ? { batch } : {}), raw, advantage, tiny, notes };
}

export const grpo: Signal = {
  id: "grpo",
  title: "GRPO advantage",
  family: "group",
  estimator: true,
  level: "trajectory",
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "std",
      description: "Deviation to divide by: sample (n-1), population (n), or none (Dr.GRPO).",
      type: "choice",
      choices: ["sample", "population", "none"],
      default: "sample",
    },
    { name: "epsilon", description: "Added to the deviation.", type: "number", minimum: 0, default: 1e-6 },
    {
      name: "singleton",
      description: "A group of one: its own reward (over 1 + epsilon), the plain reward, 0, or undefined.",
      type: "choice",
      choices: ["reward", "plain-reward", "zero", "nan"],
      default: "reward",
    },
    {
      name: "baseline",
      description: "What is subtracted: the group's mean, the mean of the other members, or nothing.",
      type: "choice",
      choices: ["mean", "leave-one-out", "none"],
      default: "mean",
    },
    {
      name: "spreadOver",
      description: "Over whom the deviation runs: the group, or the other members.",
      type: "choice",
      choices: ["group", "others"],
      default: "group",
    },
    {
      name: "baselineOver",
      description: "Take the mean over the group, or over the whole batch of the training step.",
      type: "choice",
      choices: ["group", "batch"],
      default: "group",
    },
    {
      name: "stdOver",
      description: "Take the deviation over the group, or over the whole batch of the training step.",
      type: "choice",
      choices: ["group", "batch"],
      default: "group",
    },
    {
      name: "zeroSpread",
      description:
        "Deviation of 0: divide by epsilon all the same, leave the difference undivided, or give 0.",
      type: "choice",
      choices: ["divide", "undivided", "zero"],
      default: "divide",
    },
    {
      name: "tinySpread",
      description: "Give 0 where the deviation is at most this; empty = off.",
      type: "number",
      minimum: 0,
      default: null,
    },
    {
      name: "nan",
      description: "A reward recorded as NaN: spoils the group, or is left out and gets 0.",
      type: "choice",
      choices: ["propagate", "leave-out"],
      default: "propagate",
    },
    {
      name: "clipLow",
      description: "Lower limit of the advantage; empty = none.",
      type: "number",
      default: null,
    },
    {
      name: "clipHigh",
      description: "Upper limit of the advantage; empty = none.",
      type: "number",
      default: null,
    },
    functionsParameter,
    precisionParameter,
  ],
  presets: grpoPresets,
  source:
    "Shao et al. 2024, DeepSeekMath, section 4.1; Liu et al. 2025, Understanding R1-Zero-Like Training (Dr.GRPO)",
  description:
    "Reward of a rollout minus the mean of its group, divided by the group's deviation. Libraries disagree on the deviation (n-1 or n), epsilon, a group of one, and rewards that are missing.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    return {
      level: "trajectory",
      values: Float64Array.of(prepared.advantage),
      parts: {
        baseline: Float64Array.of(prepared.result.baselines[prepared.source.own]!),
        deviation: Float64Array.of(prepared.result.spreads[prepared.source.own]!),
      },
      group: groupOf(prepared.source),
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    if (index !== 0) return undefined;
    const prepared = prepare(context, parameters);
    if ("missing" in prepared || Number.isNaN(prepared.advantage)) return undefined;
    const { convention } = prepared;
    return {
      title: "GRPO advantage",
      convention: `${conventionName(convention)}${prepared.batch?.spread !== undefined ? " over the batch" : ""}${prepared.batch?.mean !== undefined ? ", mean over the batch" : ""}, group of one: ${convention.singleton}`,
      lines: explanationLines(prepared, parameters),
      source: grpo.source,
      notes: prepared.notes,
    };
  },
};
