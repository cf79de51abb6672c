import { binary, symbol, type Expression } from "../expression";
import { groupSignal } from "./groupSignal";
import { responseTokens } from "./responseLength";
import { rewardSymbols } from "./groupExplanation";

/** Length-weighted mean reward of a group: the baseline with the least variance for sequence-level policies. */
function opoBaseline(rewards: Float64Array, lengths: Float64Array): number {
  let weighted = 0;
  let total = 0;
  for (let i = 0; i < rewards.length; i++) {
    weighted += lengths[i]! * rewards[i]!;
    total += lengths[i]!;
  }
  return weighted / total;
}

/**
 * OPO advantages of one group (verl, compute_opo_outcome_advantage); a group of one keeps its reward.
 *
 * @param rewards [n]; @param lengths response tokens, [n]
 */
export function opoAdvantages(rewards: Float64Array, lengths: Float64Array): Float64Array {
  if (rewards.length === 1) return rewards.slice();
  const baseline = opoBaseline(rewards, lengths);
  return rewards.map((reward) => reward - baseline);
}

export const opo = groupSignal({
  id: "opo",
  title: "OPO advantage",
  estimator: true,
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_opo_outcome_advantage",
    },
  ],
  source: "Hao et al. 2025, On-Policy RL with Optimal Reward Baseline; volcengine/verl, core_algos.py",
  description:
    "Reward minus the mean of the group weighted by response length: long rollouts pull the baseline more.",
  derive({ rewards, own, members }) {
    const lengths = members.map(responseTokens);
    if (lengths.some((length) => length === undefined)) {
      return {
        missing: ["tokenMask"],
        how: "The baseline weighs rollouts by their token counts, and the file records none: open the trainer's token export.",
      };
    }
    const weights = Float64Array.from(lengths as number[]);
    const value = opoAdvantages(rewards, weights)[own]!;
    const symbols = rewardSymbols(members, rewards);
    const reward = symbols[own]!;
    if (rewards.length === 1) {
      return {
        value,
        lines: [{ name: "A_i", expression: reward, value }],
        notes: ["Group of one: the reward itself."],
        convention: "length-weighted baseline",
      };
    }
    const baseline = opoBaseline(rewards, weights);
    const sizes = members.map((member, i) =>
      symbol(`l_${i + 1}`, weights[i]!, `tokens of rollout ${i + 1}`, { trajectoryId: member.trajectoryId }),
    );
    const sum = (parts: readonly Expression[]): Expression => ({
      kind: "call",
      name: "sum",
      arguments: parts,
    });
    return {
      value,
      parts: { baseline },
      lines: [
        {
          name: "A_i",
          expression: binary("-", reward, symbol("b", baseline, "length-weighted mean reward")),
          value,
        },
        {
          name: "b",
          expression: binary("/", sum(symbols.map((r, i) => binary("*", sizes[i]!, r))), sum(sizes)),
          value: baseline,
        },
      ],
      notes: [],
      convention: "length-weighted baseline, group of one: reward",
    };
  },
});
