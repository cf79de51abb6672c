import { binary, call, number, symbol } from "../expression";
import { groupOf, groupRewards } from "../group/groupRewards";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { normaliseGroup } from "../kernels/groupNormalisation";
import { derivedSignal } from "../series/derivedSignal";
import { missing } from "../series/modelInputs";
import { gammaParameter, numberOf } from "../series/parameters";
import { flowRewards, rlfrPenalty, rlfrScores } from "./rlfr";

/** The outcome inside its prompt: n-1, epsilon 1e-9; a group of one is undefined (OpenRLHF group_norm). */
const outcomeConvention = {
  baseline: "mean",
  std: "sample",
  spreadOver: "group",
  epsilon: 1e-9,
  singleton: "nan",
  zeroSpread: "divide",
  nan: "propagate",
  precision: "float64",
} as const;

export const rlfrAdvantage = derivedSignal({
  id: "rlfr-advantage",
  title: "Flow-shaped advantage (RLFR)",
  family: "agentic",
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward", "hiddenStates", "tokenMask"],
  inputs: [
    {
      kind: "array",
      name: "flow_deviation",
      meaning: "[noise seeds][tokens], velocity deviation of each token",
    },
  ],
  parameters: [...rlfrPenalty.parameters.filter(({ name }) => name !== "gamma"), gammaParameter(1)],
  presets: [
    {
      id: "rlfr",
      title: "RLFR, released script",
      values: {},
      source:
        "Jinghaoleven/RLFR, openrlhf/trainer/ppo_utils/experience_maker.py (group_norm, gamma 1) and models/utils.py, compute_reward",
    },
  ],
  source: rlfrPenalty.source,
  description:
    "Return-to-go of the token rewards: the outcome, normalised inside its group, on the last action token, and the flow penalty on the tokens whose hidden states deviate most. A group of one is undefined, as released.",
  derive(context, parameters) {
    const source = groupRewards(context);
    if ("missing" in source) return source;
    const found = rlfrScores(context, { ...parameters, gamma: 1 });
    if ("missing" in found) return found;
    const { kept, mask } = found;
    const normal = normaliseGroup(source.rewards, outcomeConvention).advantages[source.own]!;
    if (Number.isNaN(normal) && source.rewards.length > 1) return missing("outcomeReward");
    const coefficient = numberOf(parameters, "coefficient");
    const gamma = numberOf(parameters, "gamma");
    const rewards = flowRewards(kept, mask, normal, coefficient);
    const positions = [...mask.keys()].filter((t) => mask[t] === 1);
    const own = Float64Array.from(positions, (t) => rewards[t]!);
    const returns = accumulateBackward(own, gamma, new Float64Array(own.length));
    const place = (series: Float64Array): Float64Array => {
      const out = new Float64Array(mask.length).fill(NaN);
      positions.forEach((t, k) => (out[t] = series[k]!));
      return out;
    };
    return {
      values: place(returns),
      parts: { "token reward": place(own) },
      group: groupOf(source),
      notes: [
        ...source.notes,
        ...(source.rewards.length === 1
          ? ["Group of one: the normalised outcome is undefined, as released."]
          : []),
      ],
      convention: `outcome (r - mean) / (std n-1 + 1e-9), coefficient ${coefficient}, gamma ${gamma}`,
      lines(index) {
        const k = positions.indexOf(index);
        const at = { trajectoryId: context.trajectory.id, tokenIndex: index };
        const reward = symbol(`r_${index}`, own[k]!, "outcome and penalty on this token", at);
        return [
          {
            name: `A_${index}`,
            expression:
              k + 1 < own.length
                ? binary(
                    "+",
                    reward,
                    binary(
                      "*",
                      symbol("gamma", gamma, "discount"),
                      symbol(`A_${positions[k + 1]!}`, returns[k + 1]!, "advantage of the next token"),
                    ),
                  )
                : reward,
            value: returns[k]!,
          },
          {
            name: `r_${index}`,
            expression: binary(
              "-",
              k + 1 === own.length ? symbol("R", normal, "normalised outcome") : number(0),
              binary(
                "*",
                symbol("coef", coefficient),
                call("sum", symbol("s", kept[index]!, "kept deviation", at)),
              ),
            ),
            value: own[k]!,
          },
        ];
      },
    };
  },
});
