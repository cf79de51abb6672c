import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, recordedStepRewards, stepNumbers } from "../series/modelInputs";
import { flagOf, textOf } from "../series/parameters";
import { boundSign, constraintWeights, type RateBound } from "./behaviourConstraints";
import { stepSymbol } from "./controlSeries";

interface Constraint {
  readonly name: string;
  readonly bound: RateBound;
  readonly threshold: number;
}

/**
 * Reads `in_lava<=0.01, upright>=0.9`.
 * @throws Error that names the part which is no constraint
 */
export function parseConstraints(text: string): readonly Constraint[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(.+?)\s*(<=|>=)\s*([-+.\deE]+)$/u.exec(part);
      const threshold = Number(match?.[3]);
      if (!match || Number.isNaN(threshold))
        throw new Error(
          `Parameter constraints must look like "in_lava<=0.01, upright>=0.9"; "${part}" does not.`,
        );
      const most = match[2] === "<=";
      return {
        name: match[1]!,
        threshold,
        bound: { least: most ? null : threshold, most: most ? threshold : null },
      };
    });
}

export const behaviourConstraints = derivedSignal({
  id: "behaviour-constraints",
  title: "Direct Behavior Specification",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "components"],
  parameters: [
    {
      name: "constraints",
      description:
        'Indicators and the bounds of their rates: "in_lava<=0.01, upright>=0.9"; names of columns or step fields.',
      type: "string",
      default: "",
    },
    {
      name: "logits",
      description:
        "Multiplier parameters z, the reward's first where normalised; empty = 0.02 each, as training starts.",
      type: "string",
      default: "",
    },
    {
      name: "normalised",
      description: "Weights are softmax(z) without the reward's entry.",
      type: "boolean",
      default: true,
    },
    {
      name: "bootstrap",
      description: "Name of the constraint whose weight is the reward's least weight; empty = none.",
      type: "string",
      default: "",
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { normalised: true },
      source: "ubisoft/DirectBehaviorSpecification, algorithms/lagrangian_methods.py",
    },
  ],
  source: "Roy et al. 2022, Direct Behavior Specification via Constrained Reinforcement Learning",
  description:
    "Each behaviour is an indicator column with a bound on its rate. Shown is the reward that the policy effectively maximises: reward weight times reward plus signed Lagrange weights times indicators; parts hold each indicator and its running rate. Indicators that are not defined at a step (NaN) stay out of its sum and of the rate.",
  derive(context, parameters) {
    const rewards = recordedStepRewards(context.trajectory);
    if (!rewards) return missing("rewards");
    const constraints = parseConstraints(textOf(parameters, "constraints"));
    if (constraints.length === 0)
      return missing(
        "components",
        'Name the indicators and their bounds in parameter constraints, such as "in_lava<=0.01".',
      );
    const columns: Float64Array[] = [];
    for (const { name } of constraints) {
      const column = stepNumbers(context, [name]);
      if (!column) return missing("components", `No column, step field or model series is named "${name}".`);
      columns.push(column);
    }
    const normalised = flagOf(parameters, "normalised");
    const wanted = constraints.length + (normalised ? 1 : 0);
    const text = textOf(parameters, "logits").trim();
    const z = text === "" ? new Float64Array(wanted).fill(0.02) : Float64Array.from(text.split(","), Number);
    if (z.length !== wanted || z.some(Number.isNaN))
      return missing("components", `Parameter logits needs ${wanted} numbers separated by commas.`);
    const boot = textOf(parameters, "bootstrap").trim();
    const bootstrap = constraints.findIndex(({ name }) => name === boot);
    if (boot !== "" && bootstrap < 0)
      return missing("components", `No constraint is named "${boot}" (parameter bootstrap).`);
    const weights = constraintWeights(z, {
      bounds: constraints.map(({ bound }) => bound),
      normalised,
      ...(bootstrap < 0 ? {} : { bootstrap }),
    });
    const values = rewards.map((reward, t) =>
      columns.reduce(
        (sum, column, k) => sum + (Number.isNaN(column[t]!) ? 0 : weights.costs[k]! * column[t]!),
        weights.reward * reward,
      ),
    );
    const parts: Record<string, Float64Array> = {};
    const notes = [`Weight of the reward: ${weights.reward}.`];
    constraints.forEach(({ name, bound, threshold }, k) => {
      let seen = 0;
      let sum = 0;
      parts[name] = columns[k]!;
      parts[`rate of ${name}`] = columns[k]!.map((value) => {
        if (!Number.isNaN(value)) {
          seen++;
          sum += value;
        }
        return seen === 0 ? NaN : sum / seen;
      });
      const rate = sum / seen;
      const kept = boundSign(bound) > 0 ? rate >= threshold : rate <= threshold;
      notes.push(
        seen === 0
          ? `${name} is never defined in this episode.`
          : `${name}: rate ${rate}, bound ${bound.most === null ? "at least" : "at most"} ${threshold}, ${kept ? "kept" : "broken"}; weight ${weights.costs[k]!}.`,
      );
    });
    return {
      values,
      parts,
      notes,
      convention: normalised ? "normalised multipliers" : "plain multipliers",
      lines(index) {
        const terms: Expression[] = [
          binary(
            "*",
            symbol("w_r", weights.reward, "weight of the reward"),
            stepSymbol(context, "r", index, rewards[index]!, "reward"),
          ),
        ];
        constraints.forEach(({ name }, k) => {
          const value = columns[k]![index]!;
          if (!Number.isNaN(value))
            terms.push(
              binary(
                "*",
                symbol(`w_${name}`, weights.costs[k]!, "signed Lagrange weight"),
                stepSymbol(context, name, index, value, "indicator"),
              ),
            );
        });
        return [
          {
            name: `r'_${index}`,
            expression: { kind: "call", name: "sum", arguments: terms },
            value: values[index]!,
          },
        ];
      },
    };
  },
});
