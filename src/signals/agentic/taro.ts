import { number, binary, symbol, type Expression } from "../expression";
import { unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { missing } from "../series/modelInputs";
import { numberOf, optionalNumberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

/** How a dense turn reward is scaled: by the positive rewards of a won episode, else by the most there is to win. */
function turnRewardDivisor(turnRewards: ArrayLike<number>, finalReward: number, maximum: number): number {
  let positive = 0;
  for (let k = 0; k < turnRewards.length; k++) if (turnRewards[k]! > 0) positive++;
  return Math.max(1, finalReward > 0 ? positive : maximum);
}

/**
 * Verified turn rewards on tokens (meow-tea-taro, AgenticVerifiedRewardManager): `dense` puts each turn's reward, divided,
 * on its separator token, `single` the final score on the last separator. As released a position at or beyond the
 * *prompt* width is dropped.
 *
 * @param separators token position that ends each turn; @param width response tokens; @param limit positions kept
 */
export function separatorRewards(
  turnRewards: ArrayLike<number>,
  finalReward: number,
  separators: ArrayLike<number>,
  maximum: number,
  method: "dense" | "single",
  width: number,
  limit: number,
): { readonly rewards: Float64Array; readonly lost: number } {
  const rewards = new Float64Array(width);
  let lost = 0;
  const place = (position: number, value: number): void => {
    if (position >= limit || position >= width) lost += value === 0 ? 0 : 1;
    else rewards[position] = value;
  };
  if (method === "single") {
    if (separators.length > 0) place(separators[separators.length - 1]!, finalReward);
    return { rewards, lost };
  }
  const divisor = turnRewardDivisor(turnRewards, finalReward, maximum);
  for (let k = 0; k < Math.min(turnRewards.length, separators.length); k++)
    place(separators[k]!, turnRewards[k]! / divisor);
  return { rewards, lost };
}

export const taroReward: Signal = {
  id: "taro-reward",
  title: "Verified turn reward",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "outcomeReward"],
  parameters: [
    {
      name: "method",
      description: "Dense: every turn's reward, divided; single: the final score on the last turn.",
      type: "choice",
      choices: ["dense", "single"],
      default: "dense",
    },
    {
      name: "maximum",
      description: "Most that can be won, which divides the rewards of a lost episode.",
      type: "integer",
      minimum: 1,
      default: 1,
    },
  ],
  presets: [
    {
      id: "dense",
      title: "meow-tea-taro, dense",
      values: { method: "dense" },
      source: "pearls-lab/meow-tea-taro, agentic_utils/reward_manager/agentic_verified.py",
    },
    {
      id: "single",
      title: "meow-tea-taro, single",
      values: { method: "single" },
      source: "pearls-lab/meow-tea-taro, agentic_utils/reward_manager/agentic_verified.py",
    },
  ],
  source:
    "Wang & Ammanabrolu 2025, A Practitioner's Guide to Multi-turn Agentic RL; pearls-lab/meow-tea-taro",
  description:
    "Turn-level reward of the guide: the rise of the task's score at each turn, divided by the number of rises of a won episode or by the most there is to win, or the final score alone.",
  compute(context, parameters) {
    const turns = turnRewards(context, parameters);
    if ("missing" in turns) return turns;
    const values = new Float64Array(context.trajectory.steps.length).fill(NaN);
    turns.indices.forEach((index, t) => (values[index] = turns.values[t]!));
    return {
      level: "step",
      values,
      notes: [
        "The released code drops rewards whose separator lies beyond the prompt width; here none is dropped.",
      ],
    };
  },
  explain(context, parameters, index) {
    const turns = turnRewards(context, parameters);
    if ("missing" in turns) return undefined;
    const t = turns.indices.indexOf(index);
    if (t < 0 || Number.isNaN(turns.values[t]!)) return undefined;
    const dense = textOf(parameters, "method") === "dense";
    const reference = { trajectoryId: context.trajectory.id, stepIndex: index };
    const last = t === turns.indices.length - 1;
    const expression: Expression = dense
      ? binary(
          "/",
          symbol("d", turns.rewards[t]!, "rise of the score at this turn", reference),
          symbol("N", turns.divisor, "rises of a won episode, or the most there is to win"),
        )
      : last
        ? symbol("R", turns.final, "final score", { trajectoryId: context.trajectory.id })
        : number(0);
    return {
      title: "Verified turn reward",
      convention: textOf(parameters, "method"),
      lines: [{ name: `r_${index}`, expression, value: turns.values[t]! }],
      source: taroReward.source,
      notes: [],
    };
  },
};

function turnRewards(
  context: SignalContext,
  parameters: ParameterValues,
):
  | {
      readonly indices: readonly number[];
      readonly rewards: Float64Array;
      readonly values: Float64Array;
      readonly final: number;
      readonly divisor: number;
    }
  | Missing {
  const { trajectory } = context;
  const steps = trajectory.steps.filter((step) => step.role === "assistant");
  if (typeof trajectory.outcome.reward !== "number")
    return { missing: ["outcomeReward"], how: needHow.outcomeReward };
  const dense = textOf(parameters, "method") === "dense";
  if (steps.length === 0 || (dense && steps.some((step) => typeof step.reward !== "number")))
    return { missing: ["rewards"], how: needHow.rewards };
  const rewards = Float64Array.from(steps, (step) => step.reward ?? NaN);
  const final = trajectory.outcome.reward;
  const divisor = turnRewardDivisor(rewards, final, numberOf(parameters, "maximum"));
  const values = dense
    ? rewards.map((reward) => reward / divisor)
    : rewards.map((_, t) => (t === steps.length - 1 ? final : 0));
  return { indices: steps.map((step) => step.index), rewards, values, final, divisor };
}

export const taroTokenReward = unexplainedSignal({
  id: "taro-token-reward",
  title: "Verified turn reward on tokens",
  family: "agentic",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["rewards", "outcomeReward", "tokenMask"],
  parameters: [
    ...taroReward.parameters,
    {
      name: "promptWidth",
      description:
        "Width of the padded prompts: as released a reward at or beyond this position is lost; empty = none is lost.",
      type: "integer",
      minimum: 0,
      default: null,
    },
  ],
  presets: taroReward.presets,
  source: taroReward.source,
  description:
    "Where the turn rewards stand in the batch: on the last token of each turn. The released code compares positions with the prompt's width, so rewards of long responses are lost; with the width given, they are counted in a note.",
  derive(context, parameters) {
    const turns = turnRewards(context, parameters);
    if ("missing" in turns) return turns;
    const { tokens, steps } = context.trajectory;
    const ends = turns.indices.map((index) => steps[index]?.tokenEnd);
    if (!tokens || ends.includes(undefined))
      return missing("tokenMask", "Needs the tokens of every turn: open the trainer's token export.");
    const begin = Math.min(...turns.indices.map((index) => steps[index]?.tokenStart ?? 0));
    const separators = ends.map((end) => end! - 1 - begin);
    const limit = optionalNumberOf(parameters, "promptWidth") ?? Infinity;
    const { rewards, lost } = separatorRewards(
      turns.rewards,
      turns.final,
      separators,
      numberOf(parameters, "maximum"),
      textOf(parameters, "method") === "single" ? "single" : "dense",
      tokens.count - begin,
      limit,
    );
    const values = new Float64Array(tokens.count).fill(NaN);
    values.set(rewards, begin);
    return {
      values,
      notes:
        lost > 0
          ? [`${lost} rewards stand beyond the prompt width of ${limit} and are lost, as released.`]
          : [],
      convention: `${textOf(parameters, "method")}, prompt width ${limit}`,
    };
  },
});
