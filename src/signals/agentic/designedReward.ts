import { binary, call, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, stepNumbers } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";

/** Weight of the dense sign in Auto MC-Reward. */
const denseWeight = 0.1;

/** Reward of a step from the two functions that a language model wrote: `sgn(sparse) + weight * sgn(dense)`. */
export function designedStepReward(sparse: number, dense: number, weight = denseWeight): number {
  return Math.sign(sparse) + weight * Math.sign(dense);
}

export const designedReward = derivedSignal({
  id: "auto-mc-reward",
  title: "Designed reward (Auto MC-Reward)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "components"],
  inputs: [
    { kind: "step", name: "sparse", meaning: "result of sparse()" },
    { kind: "step", name: "dense", meaning: "result of dense()" },
  ],
  parameters: [
    {
      name: "sparse",
      description: "Column or field of the steps with the result of sparse().",
      type: "string",
      default: "sparse",
    },
    {
      name: "dense",
      description: "Column or field of the steps with the result of dense().",
      type: "string",
      default: "dense",
    },
    { name: "denseWeight", description: "Weight of the dense sign.", type: "number", default: denseWeight },
  ],
  presets: [
    {
      id: "paper",
      title: "Auto MC-Reward, as in the paper",
      values: {},
      source:
        "Li et al. 2024, Auto MC-Reward, paper (R = sgn(sparse) + 0.1 sgn(dense)); no code is published",
      asDescribed: true,
    },
  ],
  source: "Li et al. 2024, Auto MC-Reward, paper; no code is published",
  description:
    "Only the signs of the two functions that the reward designer wrote count: the sparse one in full, the dense one a tenth. So a step earns one of +-1.1, +-1, +-0.9, +-0.1 and 0.",
  derive(context, parameters) {
    const names = [textOf(parameters, "sparse"), textOf(parameters, "dense")] as const;
    const [sparse, dense] = names.map((name) => stepNumbers(context, [name]));
    if (!sparse || !dense) {
      return missing(
        "components",
        `Needs the results of both reward functions at every step: no step has "${sparse ? names[1] : names[0]}".`,
      );
    }
    const weight = numberOf(parameters, "denseWeight");
    const values = sparse.map((value, t) => designedStepReward(value, dense[t]!, weight));
    return {
      values,
      parts: { sparse: sparse.map(Math.sign), dense: dense.map(Math.sign) },
      notes: [],
      convention: `dense weight ${weight}`,
      lines(index) {
        const at = { trajectoryId: context.trajectory.id, stepIndex: index };
        const sign = (name: string, value: number) =>
          call("sign", symbol(name, value, `result of ${name}()`, at));
        return [
          {
            name: `R_${index}`,
            expression: binary(
              "+",
              sign("sparse", sparse[index]!),
              binary("*", symbol("w", weight, "weight of the dense sign"), sign("dense", dense[index]!)),
            ),
            value: values[index]!,
          },
        ];
      },
    };
  },
});
