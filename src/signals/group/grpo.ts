import { binary, number, symbol, type Expression } from "../expression";
import {
  meanAndSpread,
  normaliseGroup,
  type GroupConvention,
  type GroupResult,
} from "../kernels/groupNormalisation";
import type { Precision } from "../kernels/precision";
import { numberOf, optionalNumberOf, precisionParameter, textOf } from "../series/parameters";
import type { Missing } from "../series/episode";
import {
  needHow,
  type ExplanationLine,
  type ParameterValues,
  type Signal,
  type SignalContext,
} from "../signal";
import { deviationLine, meanLine, rewardSymbols } from "./groupExplanation";
import { functionsParameter, groupOf, groupRewards, parseFunctions, type GroupRewards } from "./groupRewards";
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

interface Prepared {
  readonly source: GroupRewards;
  readonly rewards: Float64Array;
  readonly convention: GroupConvention;
  readonly result: GroupResult;
  /** Set when the deviation is taken over the whole batch. */
  readonly batch?: { readonly spread: number; readonly count: number };
  /** Advantage before clipping. */
  readonly raw: number;
  readonly advantage: number;
  readonly tiny: boolean;
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
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
  let batch: Prepared["batch"];
  if (convention.std !== "none" && textOf(parameters, "stdOver") === "batch") {
    if (!context.batch) return { missing: ["batch"], how: needHow.batch };
    const all = context.batch
      .flatMap((group) => group.members)
      .map((member) => member.reward)
      .filter(
        (reward): reward is number =>
          typeof reward === "number" && !(convention.nan === "leave-out" && Number.isNaN(reward)),
      );
    batch = {
      spread: meanAndSpread(Float64Array.from(all), convention.std, convention.precision).spread,
      count: all.length,
    };
  }
  const result = normaliseGroup(rewards, convention, batch?.spread);
  const own = source.own;
  let raw = result.advantages[own]!;
  const limit = optionalNumberOf(parameters, "tinySpread");
  const tiny = limit !== undefined && result.spreads[own]! <= limit;
  if (tiny) raw = 0;
  const low = optionalNumberOf(parameters, "clipLow") ?? -Infinity;
  const high = optionalNumberOf(parameters, "clipHigh") ?? Infinity;
  const advantage = Number.isNaN(raw) ? raw : Math.min(Math.max(raw, low), high);
  const count = result.counts[0]!;
  if (count === 1) {
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
      convention: `${conventionName(convention)}${prepared.batch ? " over the batch" : ""}, group of one: ${convention.singleton}`,
      lines: explanationLines(prepared, parameters),
      source: grpo.source,
      notes: prepared.notes,
    };
  },
};

function conventionName(convention: GroupConvention): string {
  const std = convention.std === "none" ? "no std" : convention.std === "sample" ? "std n-1" : "std n";
  return `${std}${convention.std === "none" ? "" : `, eps ${convention.epsilon}`}${convention.baseline === "leave-one-out" ? ", leave-one-out baseline" : ""}`;
}

function explanationLines(prepared: Prepared, parameters: ParameterValues): readonly ExplanationLine[] {
  const { source, rewards, result, convention, batch } = prepared;
  const own = source.own;
  const reference = { trajectoryId: source.members[own]!.trajectoryId };
  const reward = symbol("r_i", rewards[own]!, "reward of this rollout", reference);
  const counted: number[] = [];
  rewards.forEach((value, i) => {
    if (!(convention.nan === "leave-out" && Number.isNaN(value))) counted.push(i);
  });
  const symbols = rewardSymbols(source.members, rewards);
  const all = counted.map((i) => symbols[i]!);
  const others = counted.filter((i) => i !== own).map((i) => symbols[i]!);
  const lines: ExplanationLine[] = [];
  const rounded = (of: Expression): Expression =>
    convention.precision === "float32" ? { kind: "call", name: "float32", arguments: [of] } : of;
  const spread = result.spreads[own]!;
  const baseline = result.baselines[own]!;
  const leaveOut = convention.baseline === "leave-one-out" && others.length > 0;
  const baselineName = leaveOut ? "mean(others)" : "mean(r)";
  const baselineSymbol = symbol(
    baselineName,
    baseline,
    leaveOut ? "mean reward of the other rollouts" : "mean reward of the group",
  );
  const divides =
    convention.std !== "none" &&
    !Number.isNaN(spread) &&
    !(spread === 0 && convention.zeroSpread !== "divide");
  const single = counted.length === 1;
  let expression: Expression;
  if (Number.isNaN(rewards[own]!) || prepared.tiny || (spread === 0 && convention.zeroSpread === "zero"))
    expression = { kind: "number", value: 0 };
  else if (single && convention.singleton === "plain-reward") expression = reward;
  else if (single && convention.singleton === "reward") {
    const divisor = binary(
      "+",
      number(1),
      symbol("eps", convention.epsilon, "keeps the division away from 0"),
    );
    expression =
      convention.std === "none"
        ? reward
        : binary(
            "/",
            reward,
            batch ? binary("+", symbol("std(r)", spread), symbol("eps", convention.epsilon)) : divisor,
          );
  } else {
    expression = single
      ? binary("-", reward, reward)
      : convention.baseline === "none"
        ? reward
        : binary("-", reward, baselineSymbol);
    expression = rounded(expression);
    if (divides)
      expression = binary(
        "/",
        expression,
        binary(
          "+",
          symbol("std(r)", spread, "deviation of the rewards"),
          symbol("eps", convention.epsilon, "keeps the division away from 0"),
        ),
      );
  }
  expression = rounded(expression);
  const low = optionalNumberOf(parameters, "clipLow");
  const high = optionalNumberOf(parameters, "clipHigh");
  if (low !== undefined)
    expression = { kind: "call", name: "max", arguments: [expression, symbol("low", low, "lower limit")] };
  if (high !== undefined)
    expression = { kind: "call", name: "min", arguments: [expression, symbol("high", high, "upper limit")] };
  lines.push({ name: "A_i", expression, value: prepared.advantage });
  const push = (line: ExplanationLine): void =>
    void lines.push({ ...line, expression: rounded(line.expression) });
  if (!single && convention.baseline !== "none")
    push(meanLine(baselineName, leaveOut ? others : all, baseline));
  if (!single && divides && !batch) {
    const over = convention.spreadOver === "group" ? counted : counted.filter((i) => i !== own);
    const exact = over.reduce((total, i) => total + rewards[i]!, 0) / over.length;
    const mean = convention.precision === "float32" ? Math.fround(exact) : exact;
    const meanName = convention.spreadOver === "group" ? "mean(r)" : "mean(others)";
    if (over.length > 1) {
      push(
        deviationLine(
          "std(r)",
          over.map((i) => symbols[i]!),
          symbol(meanName, mean, "mean of these rewards"),
          convention.std,
          spread,
        ),
      );
    }
  }
  return lines;
}
