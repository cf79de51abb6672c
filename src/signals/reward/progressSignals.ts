import { binary, number, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { missing, replyNumbers, stepCount, stepNumbers } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { Parameter, SignalContext } from "../signal";
import { negativeRate, progressValues, valueOrderCorrelation, type ValueRule } from "./progressCritic";

const source = "VLAC; InternRobotics/VLAC, evo_vlac/utils/model_utils.py";

const ruleParameter: Parameter = {
  name: "rule",
  description:
    "How a negative critic lowers the value: by a share of what is left, by a share of the value (below 50) or the inverse of a gain, or always by the inverse.",
  type: "choice",
  choices: ["simple", "mix_f", "inverse"],
  default: "simple",
};

/** Critics in the order of the frames; the first is about the step from frame 0 to frame 1. */
function criticsOf(context: SignalContext): Float64Array | Missing {
  const size = stepCount(context.trajectory);
  const found = stepNumbers(context, ["critic"]) ?? replyNumbers(context);
  const pairs = context.inputs?.arrays?.["critic"];
  if (pairs?.width === 1 && pairs.rows === size - 1) return Float64Array.from(pairs.data);
  if (!found || size < 2)
    return missing(
      "judge",
      "Needs the critic's number (-100 to 100) for every pair of neighbouring frames, at the later one: choose a progress critic.",
    );
  return found.subarray(1);
}

export const criticValue = derivedSignal({
  id: "vlac-value",
  title: "Progress value (VLAC)",
  family: "reward",
  level: "step",
  unit: "percent",
  signed: true,
  needs: ["judge"],
  inputs: [
    { kind: "step", name: "critic", meaning: "-100 to 100, at the later frame of the pair" },
    { kind: "array", name: "critic", meaning: "[frames - 1][1], the same" },
    { kind: "judge", name: "", meaning: "a reply per step that ends with the number" },
  ],
  parameters: [ruleParameter],
  presets: [
    {
      id: "default",
      title: "VLAC, default",
      values: { rule: "simple" },
      source: "InternRobotics/VLAC, GAC_model.critic_to_value_simple, simple=True",
    },
    {
      id: "mix-f",
      title: "VLAC, data filtering",
      values: { rule: "mix_f" },
      source: "InternRobotics/VLAC, data_filtering_example.py (simple='mix_f')",
    },
    {
      id: "inverse",
      title: "VLAC, simple off",
      values: { rule: "inverse" },
      source: "InternRobotics/VLAC, critic_to_value_simple, simple=False",
    },
  ],
  source: `${source}, critic_to_value_simple`,
  description:
    "Progress in percent, accumulated from a critic that compares neighbouring frames; it begins with 0. With the default rule a value of 100 is never left and values may be negative. Steps whose critic is negative are regress.",
  derive(context, parameters) {
    const critics = criticsOf(context);
    if ("missing" in critics) return critics;
    const rule = textOf(parameters, "rule") as ValueRule;
    let values: Float64Array;
    try {
      values = progressValues(critics, rule);
    } catch (error) {
      return missing(
        "judge",
        `${error instanceof Error ? error.message : String(error)} Choose rule=simple.`,
      );
    }
    const shown = new Float64Array(values.length).fill(NaN);
    shown.set(critics, 1);
    return {
      values,
      parts: {
        critic: shown,
        regress: shown.map((critic) => (Number.isNaN(critic) ? NaN : Number(critic < 0))),
      },
      notes: [],
      convention: `rule ${rule}`,
      lines(index) {
        const value = values[index]!;
        if (index === 0) return [{ name: "V_0", expression: number(0), value }];
        const critic = critics[index - 1]!;
        const before = values[index - 1]!;
        const at = { trajectoryId: context.trajectory.id, stepIndex: index };
        const own = symbol(`c_${index}`, critic, "critic, percent", at);
        const last = symbol(`V_${index - 1}`, before, "value before");
        const share = binary("/", own, number(100));
        if (critic > 0 || rule === "simple")
          return [
            {
              name: `V_${index}`,
              expression: binary("+", last, binary("*", binary("-", number(100), last), share)),
              value,
            },
          ];
        if (rule === "mix_f" && !(before > 50))
          return [{ name: `V_${index}`, expression: binary("+", last, binary("*", last, share)), value }];
        return [
          {
            name: `V_${index}`,
            expression: symbol(
              "V",
              value,
              "100 - 100 max(100 - V, 1) / (100 + c), at least 10 under mix_f",
              at,
            ),
            value,
          },
        ];
      },
    };
  },
});

export const criticQuality = unexplainedSignal({
  id: "vlac-order",
  title: "Order of progress (VLAC)",
  family: "reward",
  level: "trajectory",
  unit: "correlation",
  signed: true,
  needs: ["judge"],
  inputs: [{ kind: "step", name: "critic", meaning: "-100 to 100, at the later frame of the pair" }],
  parameters: [ruleParameter],
  presets: criticValue.presets,
  source: `${source}, compute_voc and compute_negative_rate`,
  description:
    "Rank correlation of the progress values with time (VOC); 1 means that progress only rises. Constant values have none. The share of negative critics stands beside it.",
  derive(context, parameters) {
    const critics = criticsOf(context);
    if ("missing" in critics) return critics;
    const known = critics.filter((critic) => !Number.isNaN(critic));
    if (known.length === 0) return missing("judge");
    try {
      const values = progressValues(critics, textOf(parameters, "rule") as ValueRule);
      return {
        values: Float64Array.of(valueOrderCorrelation(values)),
        parts: { "negative rate": Float64Array.of(negativeRate(known)) },
        notes:
          known.length < critics.length ? [`${critics.length - known.length} pairs have no critic.`] : [],
        convention: `rule ${textOf(parameters, "rule")}`,
      };
    } catch (error) {
      return missing(
        "judge",
        `${error instanceof Error ? error.message : String(error)} Choose rule=simple.`,
      );
    }
  },
});
