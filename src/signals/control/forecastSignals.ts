import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf, type Row } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { stepVectors } from "./controlSeries";
import {
  cartesian,
  forecastSurprise,
  metresPerFoot,
  polar,
  type PositionForecast,
} from "./trajectoryForecast";

/** A forecast path and what happened, one row a step of the horizon. */
interface ForecastPair {
  readonly predicted: readonly Row[];
  readonly truth: readonly Row[];
}

function pairOf(context: SignalContext): ForecastPair | Missing {
  const predicted = stepVectors(context, "prediction");
  const truth = stepVectors(context, "truth");
  if (!predicted || !truth)
    return missing(
      "observations",
      "Needs a forecast path and the true one: columns or model inputs named prediction and truth, one row (two coordinates) a step of the horizon.",
    );
  if (predicted.length !== truth.length || predicted[0]!.length < 2 || truth[0]!.length < 2)
    return missing(
      "observations",
      `Prediction (${predicted.length} x ${predicted[0]!.length}) and truth (${truth.length} x ${truth[0]!.length}) must have equally many rows of at least two coordinates.`,
    );
  return { predicted, truth };
}

export const forecastError = derivedSignal({
  id: "forecast-error",
  title: "Forecast error",
  family: "control",
  level: "step",
  unit: "distance",
  signed: false,
  needs: ["observations"],
  parameters: [
    {
      name: "coordinates",
      description: "What the file holds: Cartesian x and y, or polar radius and angle.",
      type: "choice",
      choices: ["cartesian", "polar"],
      default: "cartesian",
    },
    {
      name: "measure",
      description:
        "Distance of positions, or as released: the same formula on polar pairs, which mixes lengths and angles.",
      type: "choice",
      choices: ["positions", "polar-pairs"],
      default: "positions",
    },
    {
      name: "scale",
      description: "Factor on the result (0.3048 turns feet into metres).",
      type: "number",
      default: 1,
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { measure: "polar-pairs", scale: metresPerFoot },
      source:
        "Petrichor625/BATraj-Behavior-aware-Model, evaluate5f_behavior_new.py, maskedMSETest (on polar pairs, in feet)",
    },
    {
      id: "paper",
      title: "As in the paper",
      values: { measure: "positions", scale: metresPerFoot },
      source: "Liao et al. 2024, BAT: Behavior-Aware Human-Like Trajectory Prediction, RMSE in metres",
    },
  ],
  source: "Liao et al. 2024, BAT; Petrichor625/BATraj-Behavior-aware-Model, maskedMSETest",
  description:
    "Distance between forecast and true position at each step of the horizon. A single path: the root of the mean over many paths is the reported RMSE. The released evaluation measures polar pairs; switch between both.",
  derive(context, parameters) {
    const pair = pairOf(context);
    if ("missing" in pair) return pair;
    const given = textOf(parameters, "coordinates");
    const wanted = textOf(parameters, "measure") === "polar-pairs" ? "polar" : "cartesian";
    const turn = (row: Row): readonly [number, number] =>
      given === wanted
        ? [row[0]!, row[1]!]
        : wanted === "polar"
          ? polar(row[0]!, row[1]!)
          : cartesian(row[0]!, row[1]!);
    const predicted = pair.predicted.map(turn);
    const truth = pair.truth.map(turn);
    const scale = numberOf(parameters, "scale");
    const values = Float64Array.from(
      predicted,
      ([x, y], t) => Math.sqrt((truth[t]![0] - x) ** 2 + (truth[t]![1] - y) ** 2) * scale,
    );
    const column = (rows: readonly (readonly [number, number])[], d: 0 | 1): Float64Array =>
      Float64Array.from(rows, (row) => row[d]);
    const names = wanted === "polar" ? ["radius", "angle"] : ["x", "y"];
    return {
      values,
      parts: {
        [`predicted ${names[0]}`]: column(predicted, 0),
        [`predicted ${names[1]}`]: column(predicted, 1),
        [`true ${names[0]}`]: column(truth, 0),
        [`true ${names[1]}`]: column(truth, 1),
      },
      notes:
        wanted === "polar" ? ["Measured on polar pairs, as released: lengths and angles are mixed."] : [],
      convention: `${wanted} coordinates, scale ${scale}`,
      lines(index) {
        const square = (d: 0 | 1): Expression =>
          binary(
            "^",
            binary(
              "-",
              symbol(`${names[d]}_true`, truth[index]![d], "true"),
              symbol(`${names[d]}_pred`, predicted[index]![d], "forecast"),
            ),
            number(2),
          );
        const root: Expression = {
          kind: "call",
          name: "sqrt",
          arguments: [binary("+", square(0), square(1))],
        };
        return [
          {
            name: `e_${index}`,
            expression: binary("*", root, symbol("scale", scale, "unit")),
            value: values[index]!,
          },
        ];
      },
    };
  },
});

export const forecastLikelihood = derivedSignal({
  id: "forecast-nll",
  title: "Forecast negative log-likelihood",
  family: "control",
  level: "step",
  unit: "nats",
  signed: true,
  needs: ["observations"],
  parameters: [
    {
      name: "form",
      description:
        "The density's own exponent, or the one that the release uses within its mixture, which is no density.",
      type: "choice",
      choices: ["normal", "manoeuvre"],
      default: "normal",
    },
  ],
  presets: [
    {
      id: "plain",
      title: "Without manoeuvres",
      values: { form: "normal" },
      source:
        "Petrichor625/BATraj-Behavior-aware-Model, evaluate5f_behavior_new.py, maskedNLLTest (use_maneuvers off)",
    },
    {
      id: "mixture",
      title: "With manoeuvres",
      values: { form: "manoeuvre" },
      source:
        "Petrichor625/BATraj-Behavior-aware-Model, evaluate5f_behavior_new.py, maskedNLLTest (use_maneuvers on)",
    },
  ],
  source: "Liao et al. 2024, BAT; maskedNLLTest",
  description:
    "How unlikely the true position was under the forecast normal distribution: prediction rows hold mean x, mean y, two inverse standard deviations and the correlation; six such blocks and a row of weights (input manoeuvre_weights) make the mixture over manoeuvres.",
  derive(context, parameters) {
    const pair = pairOf(context);
    if ("missing" in pair) return pair;
    const { predicted, truth } = pair;
    const width = predicted[0]!.length;
    if (width % 5 !== 0)
      return missing(
        "observations",
        `A prediction row needs five numbers a component (mean x, mean y, two inverse deviations, correlation), not ${width}.`,
      );
    const count = width / 5;
    const weights = context.inputs?.arrays?.["manoeuvre_weights"];
    if (count > 1 && (!weights || weights.width !== count))
      return missing(
        "observations",
        `Needs a row of ${count} weights (input manoeuvre_weights), lateral class fastest.`,
      );
    const shares = weights ? rowsOf(weights) : undefined;
    const form = textOf(parameters, "form") === "manoeuvre" ? "manoeuvre" : "normal";
    const forecast = (row: Row, k: number): PositionForecast => ({
      x: row[k * 5]!,
      y: row[k * 5 + 1]!,
      inverseSpreadX: row[k * 5 + 2]!,
      inverseSpreadY: row[k * 5 + 3]!,
      correlation: row[k * 5 + 4]!,
    });
    const parts = predicted.map((row, t) =>
      Float64Array.from({ length: count }, (_, k) =>
        forecastSurprise(forecast(row, k), { x: truth[t]![0]!, y: truth[t]![1]! }, form),
      ),
    );
    const share = (t: number, k: number): number =>
      shares ? shares[Math.min(t, shares.length - 1)]![k]! : 1;
    const values = Float64Array.from(parts, (row, t) => {
      if (count === 1) return row[0]!;
      const logs = row.map((value, k) => Math.log(share(t, k)) - value);
      const most = Math.max(...logs);
      return -(most + Math.log(logs.reduce((sum, value) => sum + Math.exp(value - most), 0)));
    });
    return {
      values,
      notes:
        form === "manoeuvre" ? ["The released exponent within the mixture is not that of a density."] : [],
      convention: `${count} component${count === 1 ? "" : "s"}, ${form}`,
      lines(index) {
        if (count === 1)
          return [
            {
              name: `NLL_${index}`,
              expression: symbol(
                "-log p",
                values[index]!,
                "minus the logarithm of the density at the true position",
              ),
              value: values[index]!,
            },
          ];
        const most = Math.max(...Array.from(parts[index]!, (value, k) => Math.log(share(index, k)) - value));
        const terms = Array.from(parts[index]!, (value, k): Expression => ({
          kind: "call",
          name: "exp",
          arguments: [
            binary(
              "-",
              binary(
                "-",
                symbol(`log w_${k}`, Math.log(share(index, k)), "weight"),
                symbol(`NLL_${k}`, value, `component ${k}`),
              ),
              symbol("most", most, "largest term"),
            ),
          ],
        }));
        return [
          {
            name: `NLL_${index}`,
            expression: {
              kind: "negate",
              of: binary("+", symbol("most", most, "largest term"), {
                kind: "call",
                name: "log",
                arguments: [{ kind: "call", name: "sum", arguments: terms }],
              }),
            },
            value: values[index]!,
          },
        ];
      },
    };
  },
});
