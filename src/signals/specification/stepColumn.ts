import { gammaParameter, numberOf, textOf } from "../series/parameters";
import type { Signal } from "../signal";
import { SpecificationError } from "./sourceText";
import { parseStepExpression, truth, type StepExpression } from "./stepExpression";
import { stepCount } from "./stepFields";

/** Any numeric column of the data, or an expression over columns, as a track. */
export const stepColumn: Signal = {
  id: "column",
  title: "Column or expression",
  family: "specification",
  level: "step",
  unit: "as recorded",
  signed: true,
  needs: [],
  parameters: [
    {
      name: "column",
      description:
        "Field or expression over a step: reward, observation[3], outcome.format_reward, column.x_velocity, extra.exit_code, length(text), reward - previous(reward); or the name of a token series as token:kl.",
      type: "string",
      default: "",
    },
  ],
  presets: [],
  source: "The trajectory file itself; the expressions are those of propositions",
  description:
    "One number per step out of the file: a numeric column, a reward component, a field of the step, or arithmetic over them; a token series under its own name. What is not recorded stays open.",
  compute(context, parameters) {
    const source = textOf(parameters, "column").trim();
    if (source === "")
      return { missing: [], how: "Set the parameter column to a field such as reward or outcome.score." };
    const { trajectory } = context;
    if (source.startsWith("token:")) {
      const name = source.slice("token:".length).trim();
      const series = trajectory.tokens?.series;
      if (!series || !Object.hasOwn(series, name))
        return {
          missing: [],
          how: `The file records no token series named ${name}; it has ${Object.keys(series ?? {}).join(", ") || "none"}.`,
        };
      return { level: "token", values: series[name]!.slice(), notes: [] };
    }
    let expression: StepExpression;
    try {
      expression = parseStepExpression(source);
    } catch (error) {
      if (error instanceof SpecificationError)
        return { missing: [], how: `The expression "${source}" cannot be read: ${error.message}` };
      throw error;
    }
    const values = new Float64Array(stepCount(trajectory)).fill(NaN);
    let vectors = 0;
    for (let step = 0; step < values.length; step++) {
      const value = expression.valueAt(trajectory, step);
      if (typeof value === "number") values[step] = value;
      else if (typeof value === "boolean") values[step] = truth(value) ? 1 : 0;
      else if (typeof value === "object" && value !== null) vectors++;
    }
    return {
      level: "step",
      values,
      notes: vectors > 0 ? [`${source} is a vector; choose an entry as in ${source}[0].`] : [],
    };
  },
};

/** Objectives that are a function of returns: f(G), f(G_1, ..., G_k), a finite average reward. */
export const returnExpression: Signal = {
  id: "return-expression",
  title: "Expression of returns",
  family: "specification",
  level: "trajectory",
  unit: "objective",
  signed: true,
  needs: [],
  parameters: [
    {
      name: "expression",
      description:
        "Expression over sums of the trajectory: discounted(reward), total(column.reward_ctrl), average(reward), with arithmetic and functions around them, as in log(1 + discounted(reward)) - 0.1 * total(abs(action)).",
      type: "string",
      default: "discounted(reward)",
    },
    gammaParameter(0.99),
  ],
  presets: [
    {
      id: "markov",
      title: "Markov rewards: discounted return",
      values: { expression: "discounted(reward)" },
      source: "Subramani et al. 2023, On the Expressivity of Objective-Specification Formalisms, MR",
    },
    {
      id: "average",
      title: "Limit average reward, over the steps there are",
      values: { expression: "average(reward)" },
      source: "Subramani et al. 2023, On the Expressivity of Objective-Specification Formalisms, LAR",
    },
  ],
  source:
    "Subramani et al. 2023, On the Expressivity of Objective-Specification Formalisms in RL (INMR, IMORL, LAR)",
  description:
    "One number per trajectory that is any function of its returns: nonlinear and multi-objective rewards inside the expectation. Unknown where a step does not record what is summed; the expectation over trajectories needs a set.",
  compute(context, parameters) {
    const source = textOf(parameters, "expression");
    let expression: StepExpression;
    try {
      expression = parseStepExpression(source, numberOf(parameters, "gamma"));
    } catch (error) {
      if (error instanceof SpecificationError)
        return { missing: [], how: `The expression "${source}" cannot be read: ${error.message}` };
      throw error;
    }
    const { trajectory } = context;
    if (stepCount(trajectory) === 0) return { missing: ["rewards"], how: "The trajectory has no steps." };
    // Read at the last step, so that a field without a sum around it is that of the end.
    const value = expression.valueAt(trajectory, stepCount(trajectory) - 1);
    if (typeof value === "number") return { level: "trajectory", values: Float64Array.of(value), notes: [] };
    if (typeof value === "boolean")
      return { level: "trajectory", values: Float64Array.of(value ? 1 : 0), notes: [] };
    return {
      missing: ["rewards"],
      how: `A step does not record what "${source}" sums; use outcome.reward for rewards of the whole trajectory.`,
    };
  },
};
