import { binary, number, symbol, type Expression } from "../expression";
import { groupRewards } from "../group/groupRewards";
import { normaliseGroups } from "../kernels/groupNormalisation";
import { rlooConvention } from "../group/rloo";
import { stepText } from "../series/stepText";
import type { Missing } from "../series/episode";
import { numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

/** Last position of every run of non-zero entries of a mask. */
export function runEnds(mask: ArrayLike<number>): readonly number[] {
  const ends: number[] = [];
  for (let t = 0; t < mask.length; t++) if (mask[t] && !mask[t + 1]) ends.push(t);
  return ends;
}

/**
 * Stepwise progress (prm_model.forward): a linear head on the logits at the last token of each assistant turn.
 *
 * @param logits [T][V]; @param assistant 1 = assistant token, [T]; @param weight [V]
 * @returns one value per turn; their sum is the predicted outcome, 0 without an assistant turn
 */
export function progressValues(
  logits: readonly ArrayLike<number>[],
  assistant: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: number,
): { readonly turnValues: readonly number[]; readonly prediction: number } {
  const turnValues = runEnds(assistant).map((t) => {
    let value = bias;
    for (let k = 0; k < weight.length; k++) value += logits[t]![k]! * weight[k]!;
    return value;
  });
  return { turnValues, prediction: turnValues.reduce((sum, value) => sum + value, 0) };
}

/**
 * Turn rewards that the released data script writes (prm/rl_data_org.py): outcome minus the mean outcome of the other
 * rollouts of the task (itself when alone), the same for every turn, plus 0.5 unless the next observation says
 * "Nothing happens"; the last turn always has the 0.5.
 *
 * @param credit outcome minus the others' mean; @param nextObservations observation after each turn but the last
 */
export function groundedTurnRewards(credit: number, nextObservations: readonly string[]): readonly number[] {
  return [
    ...nextObservations.map((text) => credit + (text.includes("Nothing happens") ? 0 : 0.5)),
    credit + 0.5,
  ];
}

/** Outcome minus the mean of the other rollouts of the same task; alone, the outcome itself. */
export function outcomeCredit(rewards: Float64Array, groups: Int32Array, groupCount: number): Float64Array {
  return normaliseGroups(rewards, groups, groupCount, rlooConvention("reward", "propagate", "float64"))
    .advantages;
}

/**
 * Token rewards of the released trainer (ppo/step_ppotrainer.py, compute_rewards): minus the KL penalty, and on the last
 * token of action run i of n its score times (n - i - 1), so the last step gets nothing. Scores are taken from the back;
 * surplus scores at the front are ignored.
 *
 * @param mask 1 = action token, [T]; @param penalty KL of each token, nats, [T]
 * @throws Error when there are fewer scores than action runs
 */
export function weightedStepRewards(
  scores: ArrayLike<number>,
  mask: ArrayLike<number>,
  penalty: ArrayLike<number>,
  coefficient: number,
): { readonly rewards: Float64Array; readonly penalties: Float64Array } {
  const penalties = Float64Array.from({ length: mask.length }, (_, t) => -coefficient * penalty[t]!);
  const rewards = penalties.slice();
  const ends = runEnds(mask);
  if (scores.length < ends.length)
    throw new Error(`${scores.length} step scores for ${ends.length} action runs: every run needs one.`);
  const surplus = scores.length - ends.length;
  ends.forEach((end, i) => (rewards[end] = rewards[end]! + scores[surplus + i]! * (ends.length - i - 1)));
  return { rewards, penalties };
}

interface Prepared {
  readonly indices: readonly number[];
  readonly credit: number;
  readonly reward: number;
  readonly baseline: number;
  readonly members: number;
  readonly grounding: readonly number[];
  readonly values: readonly number[];
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const source = groupRewards(context);
  if ("missing" in source) return source;
  const indices = context.trajectory.steps
    .filter((step) => step.role === "assistant")
    .map((step) => step.index);
  if (indices.length === 0) return { missing: ["text"], how: needHow.text };
  const { rewards, own } = source;
  const credit = outcomeCredit(rewards, new Int32Array(rewards.length), 1)[own]!;
  const observations = indices.slice(0, -1).map((index, turn) =>
    context.trajectory.steps
      .slice(index + 1, indices[turn + 1])
      .map(stepText)
      .join("\n"),
  );
  const written = groundedTurnRewards(credit, observations);
  const n = indices.length;
  const used = textOf(parameters, "show") === "used";
  return {
    indices,
    credit,
    reward: rewards[own]!,
    baseline: rewards.length > 1 ? rewards[own]! - credit : NaN,
    members: rewards.length,
    grounding: written.map((value, t) =>
      t === n - 1 || !observations[t]!.includes("Nothing happens") ? 0.5 : value - credit,
    ),
    values: used ? written.map((value, t) => value * (n - t - 1)) : written,
    notes: [
      ...source.notes,
      ...(used
        ? [
            "The trainer multiplies each turn's reward by the number of turns after it: the last turn gets nothing.",
          ]
        : []),
    ],
  };
}

export const spaCredit: Signal = {
  id: "spa-credit",
  title: "SPA-RL turn reward",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["group", "outcomeReward", "text"],
  parameters: [
    {
      name: "show",
      description: "The reward that the data script writes, or the one that the trainer uses.",
      type: "choice",
      choices: ["written", "used"],
      default: "written",
    },
  ],
  presets: [
    {
      id: "written",
      title: "As written by the data script",
      values: { show: "written" },
      source:
        "WangHanLinHenry/SPA-RL-Agent, prm/rl_data_org.py (overwrites the progress estimator's turn values)",
    },
    {
      id: "used",
      title: "As used by the trainer",
      values: { show: "used" },
      source: "WangHanLinHenry/SPA-RL-Agent, ppo/step_ppotrainer.py, compute_rewards",
    },
  ],
  source: "Wang et al. 2025, SPA-RL; WangHanLinHenry/SPA-RL-Agent, prm/rl_data_org.py",
  description:
    "Reward of each turn as the released pipeline makes it: outcome minus the mean outcome of the other rollouts, plus 0.5 for a turn that had an effect. The paper's progress estimator is a score model; its values add up to the predicted outcome.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const values = new Float64Array(context.trajectory.steps.length).fill(NaN);
    prepared.indices.forEach((index, turn) => (values[index] = prepared.values[turn]!));
    return { level: "step", values, notes: prepared.notes };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const turn = prepared.indices.indexOf(index);
    if (turn < 0 || Number.isNaN(prepared.values[turn]!)) return undefined;
    const sum = binary(
      "+",
      symbol("c", prepared.credit, "outcome against the other rollouts"),
      symbol("g", prepared.grounding[turn]!, "0.5 when the next observation shows an effect"),
    );
    const used = textOf(parameters, "show") === "used";
    const left = prepared.indices.length - turn - 1;
    const outcome = symbol("R", prepared.reward, "outcome of this rollout", {
      trajectoryId: context.trajectory.id,
    });
    const credit: Expression =
      prepared.members > 1
        ? binary(
            "-",
            outcome,
            symbol("mean(others)", prepared.baseline, "mean outcome of the other rollouts"),
          )
        : outcome;
    return {
      title: "SPA-RL turn reward",
      convention: `as released, ${textOf(parameters, "show")}`,
      lines: [
        {
          name: `r_${index}`,
          expression: used ? binary("*", sum, symbol("turns after", left, "turns that follow")) : sum,
          value: prepared.values[turn]!,
        },
        { name: "c", expression: credit, value: prepared.credit },
      ],
      source: spaCredit.source,
      notes: prepared.notes,
    };
  },
};

/** How a dense turn reward is scaled: by the positive rewards of a won episode, else by the most there is to win. */
export function turnRewardDivisor(
  turnRewards: ArrayLike<number>,
  finalReward: number,
  maximum: number,
): number {
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
