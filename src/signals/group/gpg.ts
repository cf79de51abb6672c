import { binary, symbol } from "../expression";
import { normaliseGroups } from "../kernels/groupNormalisation";
import { needHow } from "../signal";
import { meanLine, rewardSymbols } from "./groupExplanation";
import { groupSignal } from "./groupSignal";

/** GPG's factor: rows of the batch over rows whose reward is not 0 (at least one). */
function gpgFactor(rewards: Float64Array): number {
  let nonZero = 0;
  for (const reward of rewards) if (reward !== 0) nonZero++;
  return rewards.length / Math.max(1, nonZero);
}

/**
 * Group policy gradient (verl, compute_gpg_outcome_advantage): `alpha (r - mean) / f`, alpha over the whole batch;
 * a group of one keeps its reward.
 *
 * @param rewards [N]; @param groups group number of each row, [N]
 */
export function gpgAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  groupCount: number,
  normaliser = 1,
): Float64Array {
  const alpha = gpgFactor(rewards);
  const { advantages } = normaliseGroups(rewards, groups, groupCount, {
    baseline: "mean",
    std: "none",
    spreadOver: "group",
    epsilon: 0,
    singleton: "reward",
    zeroSpread: "divide",
    nan: "propagate",
    precision: "float64",
  });
  return advantages.map((advantage) => (alpha * advantage) / normaliser);
}

export const gpg = groupSignal({
  id: "gpg",
  title: "GPG advantage",
  estimator: true,
  unit: "advantage",
  signed: true,
  needs: ["group", "batch", "outcomeReward"],
  parameters: [{ name: "normaliser", description: "Divisor f_norm.", type: "number", default: 1 }],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_gpg_outcome_advantage",
    },
  ],
  source: "Chu et al. 2025, GPG: A Simple and Strong Reinforcement Learning Baseline; verl, core_algos.py",
  description:
    "Reward minus the group's mean, scaled up by the share of rewards in the batch that are not zero.",
  derive(source, context, parameters) {
    if (!context.batch) return { missing: ["batch"], how: needHow.batch };
    const all = context.batch.flatMap((group) => group.members).map((member) => member.reward);
    const alpha = gpgFactor(
      Float64Array.from(all.filter((reward): reward is number => typeof reward === "number")),
    );
    const normaliser = parameters["normaliser"] as number;
    const { rewards, own, members } = source;
    let sum = 0;
    for (const reward of rewards) sum += reward;
    const mean = rewards.every((reward) => reward === rewards[0]) ? rewards[0]! : sum / rewards.length;
    const single = rewards.length === 1;
    const value = (alpha * (single ? rewards[own]! : rewards[own]! - mean)) / normaliser;
    const symbols = rewardSymbols(members, rewards);
    const reward = symbol("r_i", rewards[own]!, "reward of this rollout", {
      trajectoryId: members[own]!.trajectoryId,
    });
    const difference = single
      ? reward
      : binary("-", reward, symbol("mean(r)", mean, "mean reward of the group"));
    const scaled = binary(
      "*",
      symbol("alpha", alpha, "rows of the batch over rows whose reward is not 0"),
      difference,
    );
    return {
      value,
      parts: { alpha },
      lines: [
        { name: "A_i", expression: binary("/", scaled, symbol("f", normaliser, "divisor")), value },
        ...(single ? [] : [meanLine("mean(r)", symbols, mean)]),
      ],
      notes: single ? ["Group of one: the reward itself is scaled."] : [],
      convention: `alpha over the batch, f ${normaliser}`,
    };
  },
});
