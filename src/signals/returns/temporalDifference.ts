import { binary, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { derivedSignal } from "../series/derivedSignal";
import { decisionAt, episodeParameters, episodeSeries, scatter } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import { endParameters, successorsUnder } from "../series/successorValues";

const needs = ["rewards", "values"] as const;

export const temporalDifference = derivedSignal({
  id: "td-error",
  title: "TD error",
  family: "returns",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs,
  parameters: [gammaParameter(0.99), ...episodeParameters, ...endParameters],
  presets: [
    {
      id: "bootstrap",
      title: "Bootstrap after a cut",
      values: { truncation: "bootstrap" },
      source: "Pardo et al. 2018, Time Limits in Reinforcement Learning; google-deepmind/rlax, td_learning",
    },
    {
      id: "cleanrl",
      title: "CleanRL",
      values: { truncation: "terminal" },
      source: "vwxyzjn/cleanrl, cleanrl/ppo.py (delta of the inline GAE; no bootstrap after a cut)",
    },
  ],
  source: "Sutton & Barto, Reinforcement Learning, 2nd ed., eq. 6.5",
  description:
    "Reward plus the discounted value of the next state minus the value of this one: the surprise of a single step, and the advantage at lambda 0.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const successors = successorsUnder(series, parameters);
    if ("missing" in successors) return successors;
    const gamma = numberOf(parameters, "gamma");
    const values = series.values!;
    const errors = series.rewards.map((reward, t) => reward + gamma * successors.nextValues[t]! - values[t]!);
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, errors),
      parts: {
        target: scatter(
          series,
          errors.map((error, t) => error + values[t]!),
        ),
      },
      notes: [...series.notes, ...successors.notes],
      convention: `gamma ${gamma}, truncation: ${textOf(parameters, "truncation")}`,
      lines(index) {
        const t = decisionAt(series, index);
        const inside = successors.carries[t] === 1 && t + 1 < values.length;
        const next: Expression = inside
          ? decisionSymbol("V", id, series, t + 1, values[t + 1]!, "value")
          : symbol(
              "V_end",
              successors.nextValues[t]!,
              "value of the state after the last step, 0 when terminal",
            );
        const expression = binary(
          "-",
          binary(
            "+",
            decisionSymbol("r", id, series, t, series.rewards[t]!, "reward"),
            binary("*", symbol("gamma", gamma, "discount"), next),
          ),
          decisionSymbol("V", id, series, t, values[t]!, "value"),
        );
        return [{ name: `delta_${index}`, expression, value: errors[t]! }];
      },
    };
  },
});

export const monteCarloAdvantage = derivedSignal({
  id: "mc-advantage",
  title: "Monte-Carlo advantage",
  family: "returns",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs,
  parameters: [gammaParameter(0.99), ...episodeParameters, ...endParameters],
  presets: [
    {
      id: "reinforce",
      title: "REINFORCE with baseline",
      values: { truncation: "terminal" },
      source: "Williams 1992; Sutton & Barto, 2nd ed., section 13.4",
    },
    {
      id: "rllib",
      title: "RLlib without GAE",
      values: { truncation: "bootstrap" },
      source: "ray 2.58.0, rllib/evaluation/postprocessing.py, compute_advantages (use_gae=False)",
    },
  ],
  source: "Sutton & Barto, Reinforcement Learning, 2nd ed., section 13.4",
  description:
    "Return to go minus the value of the state: unbiased, and the advantage at lambda 1. A cut episode continues with the value of its last state, or ends, as the convention says.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const successors = successorsUnder(series, parameters);
    if ("missing" in successors) return successors;
    const gamma = numberOf(parameters, "gamma");
    const values = series.values!;
    const size = values.length;
    const inner = (t: number): boolean => successors.carries[t] === 1 && t + 1 < size;
    const inputs = series.rewards.map((reward, t) =>
      inner(t) ? reward : reward + gamma * successors.nextValues[t]!,
    );
    const decay = successors.carries.map((_, t) => (inner(t) ? gamma : 0));
    const returns = accumulateBackward(inputs, decay, new Float64Array(size));
    const advantages = returns.map((value, t) => value - values[t]!);
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, advantages),
      parts: { returns: scatter(series, returns) },
      notes: [...series.notes, ...successors.notes],
      convention: `gamma ${gamma}, truncation: ${textOf(parameters, "truncation")}`,
      lines(index) {
        const t = decisionAt(series, index);
        const reward = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
        const later: Expression = inner(t)
          ? decisionSymbol("G", id, series, t + 1, returns[t + 1]!, "return to go")
          : symbol(
              "V_end",
              successors.nextValues[t]!,
              "value of the state after the last step, 0 when terminal",
            );
        return [
          {
            name: `A_${index}`,
            expression: binary(
              "-",
              decisionSymbol("G", id, series, t, returns[t]!, "return to go"),
              decisionSymbol("V", id, series, t, values[t]!, "value"),
            ),
            value: advantages[t]!,
          },
          {
            name: `G_${index}`,
            expression: binary("+", reward, binary("*", symbol("gamma", gamma, "discount"), later)),
            value: returns[t]!,
          },
        ];
      },
    };
  },
});
