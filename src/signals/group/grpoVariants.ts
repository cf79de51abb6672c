import { binary, number, symbol } from "../expression";
import { normaliseGroup } from "../kernels/groupNormalisation";
import { overlongReward } from "../loss/overlongPenalty";
import { numberOf, optionalNumberOf } from "../series/parameters";
import type { Signal } from "../signal";
import { deviationLine, meanLine, rewardSymbols } from "./groupExplanation";
import { groupSignal } from "./groupSignal";
import { grpo, grpoConvention } from "./grpo";
import { grpoPresets } from "./grpoPresets";
import { responseTokens } from "./responseLength";

/** GRPO without its two biases. The loss's length bias is the trainer's matter; the advantage is this. */
export const drGrpo: Signal = {
  ...grpo,
  id: "dr-grpo",
  title: "Dr.GRPO advantage",
  parameters: grpo.parameters.map((parameter) =>
    parameter.name === "std" ? { ...parameter, default: "none" } : parameter,
  ),
  presets: [
    {
      id: "paper",
      title: "As in the paper",
      values: { std: "none", baseline: "mean" },
      source: "Liu et al. 2025, Understanding R1-Zero-Like Training, eq. 3",
    },
    // Trainers that do not divide by the deviation, as GRPO lists them.
    ...grpoPresets.filter(({ values }) => values["std"] === "none"),
  ],
  source: "Liu et al. 2025, Understanding R1-Zero-Like Training: A Critical Perspective",
  description:
    "Reward of a rollout minus the mean of its group, not divided by the deviation, so that easy and hard prompts weigh alike.",
  explain(context, parameters, index) {
    const explained = grpo.explain?.(context, parameters, index);
    return explained ? { ...explained, title: "Dr.GRPO advantage", source: drGrpo.source } : undefined;
  },
};

export const dapo = groupSignal({
  id: "dapo",
  title: "DAPO advantage",
  estimator: true,
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [
    { name: "epsilon", description: "Added to the deviation.", type: "number", minimum: 0, default: 1e-6 },
    {
      name: "maximum",
      description:
        "Largest response in tokens; adds the soft overlong punishment to every reward. Empty = the rewards hold it already.",
      type: "integer",
      minimum: 1,
      default: null,
    },
    {
      name: "buffer",
      description: "Tokens before the maximum over which the punishment grows.",
      type: "integer",
      minimum: 1,
      default: 4096,
    },
    { name: "factor", description: "Punishment at the maximum.", type: "number", minimum: 0, default: 1 },
  ],
  presets: [
    {
      id: "recipe",
      title: "verl recipe",
      values: { maximum: 20480, buffer: 4096, factor: 1 },
      source: "volcengine/verl, recipe/dapo (overlong_buffer.len 4096, filter_groups.enable)",
    },
    {
      id: "recorded",
      title: "Rewards as recorded",
      values: { maximum: null },
      source: "volcengine/verl, recipe/dapo (reward after the overlong buffer)",
    },
  ],
  source: "Yu et al. 2025, DAPO: An Open-Source LLM Reinforcement Learning System at Scale",
  description:
    "GRPO over rewards with the soft overlong punishment, on groups that dynamic sampling keeps: those with a spread of rewards, or a single member. A dropped group has no advantage. Clip-higher (0.2 and 0.28) and the token mean are the loss's matter.",
  derive(source, _context, parameters) {
    const maximum = optionalNumberOf(parameters, "maximum");
    const epsilon = numberOf(parameters, "epsilon");
    const notes: string[] = [];
    let rewards = source.rewards;
    if (maximum !== undefined) {
      const absent = source.members.filter((member) => responseTokens(member) === undefined).length;
      if (absent > 0)
        return {
          missing: ["tokenMask"],
          how: `The overlong punishment needs the token count of every member; ${absent} of ${source.members.length} have none. Choose preset recorded, or the trainer's token export.`,
        };
      const punish = (length: number): number =>
        overlongReward(length, maximum, numberOf(parameters, "buffer"), numberOf(parameters, "factor"));
      rewards = rewards.map((reward, i) => reward + punish(responseTokens(source.members[i]!)!));
    }
    const own = source.own;
    // The filter looks at the metric before any punishment.
    const dropped =
      source.rewards.length > 1 && source.rewards.every((reward) => reward === source.rewards[0]);
    if (dropped)
      notes.push("All rewards of the group are equal: dynamic sampling drops it, so it has no advantage.");
    const convention = grpoConvention({
      baseline: "mean",
      std: "sample",
      spreadOver: "group",
      epsilon,
      singleton: "reward",
      zeroSpread: "divide",
      nan: "propagate",
      precision: "float64",
    });
    const result = normaliseGroup(rewards, convention);
    const value = dropped ? NaN : result.advantages[own]!;
    const symbols = rewardSymbols(source.members, rewards);
    const baseline = result.baselines[own]!;
    const spread = result.spreads[own]!;
    const single = rewards.length === 1;
    const eps = symbol("eps", epsilon, "keeps the division away from 0");
    const divisor = single
      ? binary("+", number(1), eps)
      : binary("+", symbol("std(r)", spread, "deviation of the rewards"), eps);
    const difference = single
      ? symbols[own]!
      : binary("-", symbols[own]!, symbol("mean(r)", baseline, "mean reward of the group"));
    return {
      value,
      parts: { reward: rewards[own]!, baseline, deviation: spread },
      notes,
      convention:
        maximum === undefined
          ? "rewards as recorded"
          : `overlong from ${maximum - numberOf(parameters, "buffer")} to ${maximum} tokens`,
      lines: [
        { name: "A_i", expression: binary("/", difference, divisor), value },
        ...(single
          ? []
          : [
              meanLine("mean(r)", symbols, baseline),
              deviationLine(
                "std(r)",
                symbols,
                symbol("mean(r)", baseline, "mean reward of the group"),
                "sample" as const,
                spread,
              ),
            ]),
      ],
    };
  },
});
