import { binary, number, symbol, type Expression } from "../expression";
import { meanAndSpread } from "../kernels/groupNormalisation";
import { flagOf, numberOf } from "../series/parameters";
import { deviationLine, rewardSymbols } from "./groupExplanation";
import { groupSignal } from "./groupSignal";

/**
 * Pass@k advantage: the best rollout of a group gets its lead over the second best, all others 0 (verl,
 * compute_grpo_passk_outcome_advantage).
 *
 * @param rewards [n], n >= 2; @param epsilon divisor offset, undefined = the lead is not divided by the deviation
 * @throws Error for fewer than two rewards, as the trainer does
 */
export function passAtKAdvantages(
  rewards: Float64Array,
  epsilon: number | undefined,
  groupName = "",
): Float64Array {
  if (rewards.length < 2) {
    throw new Error(
      `Pass@k needs at least two rollouts per group; group ${groupName || "of this trajectory"} has ${rewards.length}.`,
    );
  }
  const { best, second } = leaders(rewards);
  const lead = rewards[best]! - rewards[second]!;
  const out = new Float64Array(rewards.length);
  out[best] = epsilon === undefined ? lead : lead / (meanAndSpread(rewards, "sample").spread + epsilon);
  return out;
}

/** Indices of the best and the second best reward; the first one wins a tie. */
function leaders(rewards: Float64Array): { readonly best: number; readonly second: number } {
  let best = 0;
  for (let i = 1; i < rewards.length; i++) if (rewards[i]! > rewards[best]!) best = i;
  let second = best === 0 ? 1 : 0;
  for (let i = 0; i < rewards.length; i++) if (i !== best && rewards[i]! > rewards[second]!) second = i;
  return { best, second };
}

export const passAtK = groupSignal({
  id: "pass-at-k",
  title: "Pass@k advantage",
  estimator: true,
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "divideByStd",
      description: "Divide the lead by the group's deviation (n-1).",
      type: "boolean",
      default: true,
    },
    { name: "epsilon", description: "Added to the deviation.", type: "number", minimum: 0, default: 1e-6 },
  ],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_grpo_passk_outcome_advantage",
    },
  ],
  source:
    "Chen et al. 2025, Pass@k Training; volcengine/verl, core_algos.py, compute_grpo_passk_outcome_advantage",
  description:
    "Only the best rollout of a group is credited, with its lead over the second best. A group of one is refused.",
  derive(source, _context, parameters) {
    const { rewards, own, members } = source;
    if (rewards.length < 2)
      return { missing: ["group"], how: "Pass@k needs at least two rollouts with a reward in the group." };
    const divides = flagOf(parameters, "divideByStd");
    const epsilon = divides ? numberOf(parameters, "epsilon") : undefined;
    const value = passAtKAdvantages(rewards, epsilon)[own]!;
    const { best, second } = leaders(rewards);
    const symbols = rewardSymbols(members, rewards);
    const { mean, spread } = meanAndSpread(rewards, "sample");
    const lead = binary("-", symbols[best]!, symbols[second]!);
    const deviation = symbol("std(r)", spread, "deviation of the rewards");
    const expression: Expression =
      own !== best
        ? number(0)
        : divides
          ? binary("/", lead, binary("+", deviation, symbol("eps", epsilon)))
          : lead;
    return {
      value,
      parts: { deviation: spread },
      lines: [
        { name: "A_i", expression, value },
        ...(own === best && divides
          ? [
              deviationLine(
                "std(r)",
                symbols,
                symbol("mean(r)", mean, "mean reward of the group"),
                "sample",
                spread,
              ),
            ]
          : []),
      ],
      notes: [
        own === best
          ? "This is the best rollout of its group."
          : `Rollout ${best + 1} is the best of the group; all others get 0.`,
      ],
      convention: divides ? `std n-1, eps ${epsilon}` : "not divided",
    };
  },
});
