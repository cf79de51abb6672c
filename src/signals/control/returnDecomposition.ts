import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { decisionAt, episodeParameters, episodeSeries, scatter } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { missing, stepNumbers, tokenNumbers } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import { redistributeReturn } from "./rudder";

/** Names under which a return predictor's output is looked for. */
const predictionNames = ["return_prediction", "predicted_return"];

export const rudder = derivedSignal({
  id: "rudder",
  title: "RUDDER redistributed reward",
  family: "control",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "values"],
  parameters: [
    {
      name: "residual",
      description: "What the last prediction misses: spread equally over all steps, or left out.",
      type: "choice",
      choices: ["spread", "left-out"],
      default: "spread",
    },
    { name: "scale", description: "Factor on the differences.", type: "number", default: 1 },
    {
      name: "predictions",
      description:
        "Predicted final return after each step: a series named return_prediction, or the state values read one step later.",
      type: "choice",
      choices: ["return_prediction", "values"],
      default: "return_prediction",
    },
    ...episodeParameters,
  ],
  presets: [
    {
      id: "tutorial",
      title: "Practical tutorial",
      values: { residual: "spread", scale: 1 },
      source: "widmi/rudder-a-practical-tutorial, tutorial.ipynb",
    },
    {
      id: "demonstration",
      title: "Demonstration code",
      values: { residual: "left-out" },
      source:
        "ml-jku/rudder-demonstration-code, rudder.py, redistribute_reward (differences only: totals differ from the return)",
    },
  ],
  source: "Arjona-Medina et al. 2019, RUDDER: Return Decomposition for Delayed Rewards",
  description:
    "The reward of a step is by how much it changed the predicted final return; what the last prediction misses is shared by all steps, so that the redistributed rewards sum to the true return. Recorded rewards count only through their sum.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const size = series.positions.length;
    let predictions: Float64Array | undefined;
    if (textOf(parameters, "predictions") === "values") {
      const { values } = series;
      predictions = values?.map((_, t) =>
        t + 1 < size ? values[t + 1]! : series.end === "terminated" ? NaN : series.finalValue,
      );
      // After the last step of a finished episode the return is known.
      if (predictions && size > 0 && Number.isNaN(predictions[size - 1]!))
        predictions[size - 1] = series.rewards.reduce((sum, reward) => sum + reward, 0);
    } else {
      const named = (series.level === "step" ? stepNumbers : tokenNumbers)(context, predictionNames);
      predictions = named && Float64Array.from(series.positions, (at) => named[at]!);
    }
    if (!predictions)
      return missing(
        "values",
        "Needs a predicted final return after each step: a column or model series named return_prediction, or choose predictions=values.",
      );
    const spread = textOf(parameters, "residual") === "spread";
    const scale = numberOf(parameters, "scale");
    const { differences, residual } = redistributeReturn(predictions, series.rewards);
    const share = spread && size > 0 ? residual / size : 0;
    const rewards = differences.map((value) => value * scale + share);
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, rewards),
      parts: { "recorded reward": scatter(series, series.rewards), prediction: scatter(series, predictions) },
      notes: [
        ...series.notes,
        `The return is ${series.rewards.reduce((sum, r) => sum + r, 0)}, the redistributed rewards sum to ${rewards.reduce((sum, r) => sum + r, 0)}.`,
      ],
      convention: `residual ${spread ? "spread over all steps" : "left out"}, scale ${scale}`,
      lines(index) {
        const t = decisionAt(series, index);
        const p = (at: number): Expression =>
          decisionSymbol("p", id, series, at, predictions[at]!, "predicted final return");
        const difference = t === 0 ? p(0) : binary("-", p(t), p(t - 1));
        const scaled = scale === 1 ? difference : binary("*", difference, symbol("scale", scale, "factor"));
        const expression = spread
          ? binary("+", scaled, symbol("residual/T", share, "equal share of what the last prediction misses"))
          : scaled;
        return [{ name: `r_${index}`, expression, value: rewards[t]! }];
      },
    };
  },
});
