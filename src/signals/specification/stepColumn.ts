import { textOf } from "../series/parameters";
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
