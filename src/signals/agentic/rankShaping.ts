import { binary, call, number, symbol } from "../expression";
import { groupOf, groupRewards } from "../group/groupRewards";
import { normaliseGroup } from "../kernels/groupNormalisation";
import { derivedSignal } from "../series/derivedSignal";
import { memberContexts, missing } from "../series/modelInputs";
import { flagOf, numberOf } from "../series/parameters";
import type { Parameter } from "../signal";
import { shapedAdvantage, shapingStep, type Indicators } from "./erv";
import { measureRank, rankSource, windowParameters } from "./rankSignals";

/** Group advantage of verl's GRPO, on which the bonus is limited. */
const groupConvention = {
  baseline: "mean",
  std: "sample",
  spreadOver: "group",
  epsilon: 1e-6,
  singleton: "reward",
  zeroSpread: "divide",
  nan: "propagate",
  precision: "float64",
} as const;

const average = (name: string): Parameter => ({
  name: `average${name}`,
  description: `Moving average of ${name} before this step; 0 at the start of training.`,
  type: "number",
  default: 0,
});

export const rankShaping = derivedSignal({
  id: "effective-rank-shaping",
  title: "Advantage with exploration bonus (VERL)",
  family: "agentic",
  level: "trajectory",
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward", "hiddenStates"],
  inputs: [
    { kind: "hiddenStates", name: "", meaning: "one layer, a row per token, of every member of the group" },
  ],
  parameters: [
    ...windowParameters,
    {
      name: "addReward",
      description: "Compute the bonus and add it to the reward.",
      type: "boolean",
      default: true,
    },
    { name: "addAdvantage", description: "Add the bonus to the advantage.", type: "boolean", default: true },
    { name: "gain", description: "Steepness of the explore/exploit gate.", type: "number", default: 1.5 },
    { name: "scale", description: "Weight of the bonus.", type: "number", default: 1 },
    {
      name: "kappa",
      description: "The bonus adds at most |A| / kappa.",
      type: "number",
      minimum: 1e-9,
      default: 2,
    },
    average("ERA"),
    average("ERV"),
    average("ER"),
  ],
  presets: [
    {
      id: "train-sh",
      title: "VERL, train.sh (the shaping does nothing)",
      values: { addReward: false, gain: 2 },
      source:
        "hf618/VERL, train.sh: --add_reward False --add_adv True, and the manager computes the bonus only if add_reward",
    },
    {
      id: "yaml",
      title: "VERL, configuration file",
      values: { stride: 20 },
      source: "hf618/VERL, trainer configuration and reward_manager_versions.py",
    },
  ],
  source: `${rankSource}; reward_manager_versions.py; ppo/ray_trainer.py, compute_advantage`,
  description:
    "Group advantage of the last token plus a bonus for a high or fast-growing effective rank, gated by its acceleration and limited to a share of the advantage. With the flags of the published script the bonus is 0 and the shaping does nothing.",
  derive(context, parameters) {
    const rewards = groupRewards(context);
    if ("missing" in rewards) return rewards;
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const computes = flagOf(parameters, "addReward");
    const state = {
      averages: {
        ERA: numberOf(parameters, "averageERA"),
        ERV: numberOf(parameters, "averageERV"),
        ER: numberOf(parameters, "averageER"),
      },
      score: 0,
    };
    const samples: Indicators[] = [];
    for (const { trajectoryId } of rewards.members) {
      const member = members.find(({ trajectory }) => trajectory.id === trajectoryId)!;
      const measured = measureRank(member, parameters);
      if ("missing" in measured)
        return missing(
          "hiddenStates",
          `Needs hidden states of every member of the group; ${trajectoryId} has none.`,
        );
      samples.push({
        ERA: measured.velocity.era,
        ERV: measured.velocity.erv,
        ER: measured.metrics.effectiveRank,
      });
    }
    const scale = numberOf(parameters, "scale");
    const gain = numberOf(parameters, "gain");
    const shaping = shapingStep(state, samples, rewards.rewards, state.averages, {
      alpha: 0,
      gain,
      weighting: "adaptive",
      fixedScale: true,
      globalWeight: scale,
    });
    const bonuses = computes ? shaping.bonuses : new Float64Array(samples.length);
    const shaped = rewards.rewards.map((reward, i) => reward + bonuses[i]!);
    const advantage = normaliseGroup(shaped, groupConvention).advantages[rewards.own]!;
    const bonus = bonuses[rewards.own]!;
    const kappa = numberOf(parameters, "kappa");
    const adds = flagOf(parameters, "addAdvantage");
    const value = adds ? shapedAdvantage(advantage, bonus, kappa) : advantage;
    const own = shaping.deviations[rewards.own]!;
    const gate = shaping.gates[rewards.own]!;
    return {
      values: Float64Array.of(value),
      parts: {
        "group advantage": Float64Array.of(advantage),
        bonus: Float64Array.of(bonus),
        gate: Float64Array.of(gate),
      },
      group: groupOf(rewards),
      notes: [
        ...rewards.notes,
        ...(computes
          ? []
          : [
              "This flag set does nothing: the bonus is computed only with addReward, so it is 0 for every rollout.",
            ]),
      ],
      convention: `gain ${gain}, scale ${scale}, kappa ${kappa}, add_reward ${computes}, add_adv ${adds}`,
      lines: () => [
        {
          name: "A",
          expression: adds
            ? binary(
                "+",
                symbol("A_0", advantage, "group advantage"),
                call(
                  "min",
                  call("max", number(0), symbol("aux", bonus, "bonus")),
                  binary("/", call("abs", symbol("A_0", advantage)), symbol("kappa", kappa)),
                ),
              )
            : symbol("A_0", advantage, "group advantage"),
          value,
        },
        ...(computes
          ? [
              {
                name: "aux",
                expression: binary(
                  "*",
                  symbol("scale", scale),
                  binary(
                    "+",
                    binary(
                      "*",
                      call("tanh", symbol("dev_ERV", own.ERV, "deviation of the velocity, within 5")),
                      binary("-", number(1), symbol("g", gate, "1 = explore, 0 = exploit")),
                    ),
                    binary(
                      "*",
                      call("tanh", symbol("dev_ER", own.ER, "deviation of the rank, within 5")),
                      symbol("g", gate),
                    ),
                  ),
                ),
                value: bonus,
              },
              {
                name: "g",
                expression: call("sigmoid", binary("*", symbol("gain", gain), symbol("dev_ERA", own.ERA))),
                value: gate,
              },
            ]
          : []),
      ],
    };
  },
});
