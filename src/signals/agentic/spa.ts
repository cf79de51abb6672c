import { binary, symbol, type Expression } from "../expression";
import { groupRewards } from "../group/groupRewards";
import { normaliseGroups } from "../kernels/groupNormalisation";
import { rlooConvention } from "../group/rloo";
import { stepText } from "../series/stepText";
import type { Missing } from "../series/episode";
import { textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

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
