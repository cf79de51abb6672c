import type { ScoreSeries } from "../../model/score";
import { symbol } from "../expression";
import type { ParameterValues, Signal, SignalContext } from "../signal";

function chosen(context: SignalContext, parameters: ParameterValues): ScoreSeries | undefined {
  const name = String(parameters["name"]);
  const model = String(parameters["model"]);
  const fitting = (context.scores ?? []).filter(
    (series) =>
      (name === "" || series.name === name) &&
      (model === "" || series.modelPath === model || series.modelPath.endsWith(`/${model}`)),
  );
  return fitting.at(-1);
}

/** A series that a model produced for this trajectory, as it came: step, token (the model's own tokens) or trajectory level. */
export const modelScore: Signal = {
  id: "model-score",
  title: "Model score",
  family: "recorded",
  level: "step",
  unit: "reward",
  signed: true,
  needs: [],
  parameters: [
    {
      name: "name",
      description: "Quantity: reward, value, logprob, entropy, ...; empty takes the newest.",
      type: "string",
      default: "",
    },
    {
      name: "model",
      description: "Path or last path component of the model; empty takes any.",
      type: "string",
      default: "",
    },
  ],
  presets: [],
  source: "The model that scored the trajectory",
  description:
    "Numbers that a reward, value or policy model gave for this trajectory, with the provider and method that produced them.",
  compute(context, parameters) {
    const series = chosen(context, parameters);
    if (!series)
      return {
        missing: ["rewards"],
        how: "No model has scored this trajectory: choose a model and run Score Trajectory.",
      };
    return {
      level: series.level,
      values: series.values.slice(),
      notes: [
        `${series.name} in ${series.unit}, ${series.modelPath} on ${series.provider}: ${series.method}`,
      ],
    };
  },
  explain(context, parameters, index) {
    const series = chosen(context, parameters);
    const value = series?.values[index];
    if (!series || value === undefined || Number.isNaN(value)) return undefined;
    const id = context.trajectory.id;
    const token = series.tokenText?.[index];
    const reference =
      series.level === "step"
        ? { trajectoryId: id, stepIndex: index }
        : series.level === "token"
          ? { trajectoryId: id, tokenIndex: index }
          : { trajectoryId: id };
    return {
      title: `Model score: ${series.name}`,
      convention: series.method,
      lines: [
        {
          name: `${series.name}_${index}`,
          expression: symbol(
            series.name,
            value,
            token === undefined
              ? `output of ${series.modelPath}`
              : `output of ${series.modelPath} at ${JSON.stringify(token)}`,
            reference,
          ),
          value,
        },
      ],
      source: series.modelPath,
      notes: [`Computed on ${series.provider}.`],
    };
  },
};
