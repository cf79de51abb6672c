import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { episodeParameters, episodeSeries, scatter, decisionAt } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { missing, stepNumbers } from "../series/modelInputs";
import { flagOf, gammaParameter, numberOf, optionalNumberOf, textOf } from "../series/parameters";
import { nameParameter } from "./controlSeries";

/**
 * Potential-based shaping F_t = gamma Phi(s_{t+1}) - Phi(s_t) (Ng, Harada and Russell 1999), [T].
 *
 * @param potentials Phi before each step, [T]; @param after Phi of the state after the last step, 0 when it is terminal
 * @param negativeSlope factor on negative values (1 = none)
 * @param firstIsZero 0 at the first step and the difference to the state before elsewhere, as Lucy-SKG pays it
 */
export function shapingRewards(
  potentials: Float64Array,
  after: number,
  gamma: number,
  negativeSlope = 1,
  firstIsZero = false,
): Float64Array {
  const size = potentials.length;
  return potentials.map((own, t) => {
    if (firstIsZero && t === 0) return 0;
    const value = firstIsZero
      ? gamma * own - potentials[t - 1]!
      : gamma * (t + 1 < size ? potentials[t + 1]! : after) - own;
    return value < 0 ? value * negativeSlope : value;
  });
}

export const potentialShaping = derivedSignal({
  id: "potential-shaping",
  title: "Potential-based shaping",
  family: "control",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "values"],
  parameters: [
    gammaParameter(0.99),
    nameParameter("potential", "Potential of the state before each step; empty = the state values.", ""),
    {
      name: "terminal",
      description:
        "Potential after a terminal state: 0, which leaves optimal policies unchanged, or the recorded one as it is.",
      type: "choice",
      choices: ["zero", "recorded"],
      default: "zero",
    },
    {
      name: "lastPotential",
      description: "Potential of the state after the last step, where the file does not record it.",
      type: "number",
      default: null,
    },
    {
      name: "previous",
      description: "Pay the difference to the state before, and 0 at the first step (Lucy-SKG).",
      type: "boolean",
      default: false,
    },
    { name: "negativeSlope", description: "Factor on negative shaping.", type: "number", default: 1 },
    ...episodeParameters,
  ],
  presets: [
    {
      id: "ng",
      title: "Ng et al.",
      values: { terminal: "zero" },
      source: "Ng, Harada, Russell 1999, Policy Invariance Under Reward Transformations, theorem 1",
    },
    {
      id: "lucy",
      title: "Lucy-SKG",
      values: { terminal: "recorded", previous: true, gamma: 0.99 },
      source:
        "Enkhai/lucy-utils, rewards/extra.py, DiffPotentialReward (the terminal potential is not set to 0)",
    },
  ],
  source: "Ng, Harada, Russell 1999, Policy Invariance Under Reward Transformations",
  description:
    "Adds gamma times the next state's potential minus this state's. With a potential of 0 after terminal states, and the real one after a cut, no policy changes its rank. The discounted sum over an episode is minus the first potential, whatever was done.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const name = textOf(parameters, "potential").trim();
    const gamma = numberOf(parameters, "gamma");
    const column = name === "" ? undefined : context.trajectory.columns?.columns.find((c) => c.name === name);
    const named = name === "" ? undefined : stepNumbers(context, [name]);
    const potentials = named ? Float64Array.from(series.positions, (at) => named[at]!) : series.values;
    if (!potentials || (name !== "" && !named))
      return missing(
        "values",
        name === ""
          ? "Needs a potential: choose a value model, or name a column in parameter potential."
          : `No column, step field or model series is named "${name}".`,
      );
    const notes = [...series.notes];
    const previous = flagOf(parameters, "previous");
    const recorded =
      optionalNumberOf(parameters, "lastPotential") ??
      (column && column.rows > series.length ? column.data[series.length]! : named ? NaN : series.finalValue);
    let after = recorded;
    if (textOf(parameters, "terminal") === "zero" && series.end === "terminated") after = 0;
    else if (Number.isNaN(after) && series.end === "unknown") {
      after = 0;
      notes.push("The file does not tell how the episode ended; its last state is taken as terminal.");
    } else if (Number.isNaN(after) && !previous)
      notes.push("The potential after the last step is not recorded: the last shaping reward is unknown.");
    const slope = numberOf(parameters, "negativeSlope");
    const shaping = shapingRewards(potentials, after, gamma, slope, previous);
    const shaped = series.rewards.map((reward, t) => reward + shaping[t]!);
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, shaping),
      parts: { "shaped reward": scatter(series, shaped), potential: scatter(series, potentials) },
      notes,
      convention: `gamma ${gamma}, terminal potential: ${textOf(parameters, "terminal")}${previous ? ", against the state before" : ""}`,
      lines(index) {
        const t = decisionAt(series, index);
        const of = (at: number): Expression =>
          at < potentials.length
            ? decisionSymbol("Phi", id, series, at, potentials[at]!, "potential")
            : symbol("Phi_end", after, "potential after the last step");
        const discount = symbol("gamma", gamma, "discount");
        let expression: Expression;
        if (previous && t === 0) expression = { kind: "number", value: 0 };
        else {
          const [now, before] = previous ? [t, t - 1] : [t + 1, t];
          expression = binary("-", binary("*", discount, of(now)), of(before));
          const raw = gamma * (now < potentials.length ? potentials[now]! : after) - potentials[before]!;
          if (raw < 0 && slope !== 1)
            expression = binary("*", expression, symbol("slope", slope, "factor on negative shaping"));
        }
        return [{ name: `F_${index}`, expression, value: shaping[t]! }];
      },
    };
  },
});
