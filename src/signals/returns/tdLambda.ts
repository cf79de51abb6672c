import { binary, number, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import {
  decisionAt,
  episodeParameters,
  episodeSeries,
  scatter,
  type EpisodeSeries,
  type Missing,
} from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, lambdaParameter, numberOf, textOf } from "../series/parameters";
import { endParameters, successorsUnder, type Successors } from "../series/successorValues";
import type { ExplanationLine, ParameterValues, Signal, SignalContext } from "../signal";

/**
 * TD(lambda) returns, `G_t = r_t + gamma_t ((1 - lambda) V'_t + lambda G_{t+1})`, with the last V' in place of G_T.
 *
 * @param rewards [T]; @param discounts gamma per step, 0 after a terminal step, [T]
 * @param nextValues V of the successor of each step, [T]; @param lambda one number or one per step, [T]
 * @returns [T]
 */
export function lambdaReturns(
  rewards: Float64Array,
  discounts: Float64Array,
  nextValues: Float64Array,
  lambda: number | Float64Array,
): Float64Array {
  const size = rewards.length;
  const inputs = new Float64Array(size);
  const decay = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    const mix = typeof lambda === "number" ? lambda : lambda[t]!;
    const bootstrap = discounts[t] === 0 ? 0 : discounts[t]! * (1 - mix) * nextValues[t]!;
    inputs[t] = rewards[t]! + bootstrap;
    decay[t] = discounts[t]! * mix;
  }
  return accumulateBackward(inputs, decay, inputs, size > 0 ? nextValues[size - 1]! : 0);
}

interface Prepared {
  readonly series: EpisodeSeries;
  readonly successors: Successors;
  readonly returns: Float64Array;
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const series = episodeSeries(context, parameters);
  if ("missing" in series) return series;
  const successors = successorsUnder(series, parameters);
  if ("missing" in successors) return successors;
  const gamma = numberOf(parameters, "gamma");
  const lambda = numberOf(parameters, "lambda");
  const size = series.rewards.length;
  const discounts = new Float64Array(size);
  const mixes = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    // A cut step bootstraps fully from the value of its last state; a terminal one has a successor value of 0.
    const carries = successors.carries[t] === 1;
    discounts[t] = carries || successors.nextValues[t] !== 0 ? gamma : 0;
    mixes[t] = carries && t + 1 < size ? lambda : 0;
  }
  return {
    series,
    successors,
    returns: lambdaReturns(series.rewards, discounts, successors.nextValues, mixes),
    notes: [...series.notes, ...successors.notes],
  };
}

export const tdLambda: Signal = {
  id: "td-lambda",
  title: "TD(lambda) return",
  family: "returns",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "values"],
  parameters: [gammaParameter(0.99), lambdaParameter(0.95), ...episodeParameters, ...endParameters],
  presets: [
    {
      id: "rlax",
      title: "rlax",
      values: {},
      source: "google-deepmind/rlax, rlax/_src/multistep.py, lambda_returns",
    },
  ],
  source:
    "Sutton & Barto, Reinforcement Learning, 2nd ed., eq. 12.2; google-deepmind/rlax, multistep.py, lambda_returns",
  description:
    "Return that mixes the reward-based sum with the value of the next state at every step: lambda 0 is the one-step target, lambda 1 the discounted return.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    return {
      level: prepared.series.level,
      values: scatter(prepared.series, prepared.returns),
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { series, successors, returns } = prepared;
    const first = decisionAt(series, index);
    if (first < 0 || Number.isNaN(returns[first]!)) return undefined;
    const id = context.trajectory.id;
    const gamma = symbol("gamma", numberOf(parameters, "gamma"), "discount");
    const lambda = symbol("lambda", numberOf(parameters, "lambda"), "trace decay");
    const line = (t: number): ExplanationLine => {
      const reward = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
      const inside = successors.carries[t] === 1 && t + 1 < returns.length;
      let expression: Expression = reward;
      if (inside) {
        const value = decisionSymbol("V", id, series, t + 1, successors.nextValues[t]!, "value");
        const later = decisionSymbol("G", id, series, t + 1, returns[t + 1]!, "TD(lambda) return");
        expression = binary(
          "+",
          reward,
          binary(
            "*",
            gamma,
            binary("+", binary("*", binary("-", number(1), lambda), value), binary("*", lambda, later)),
          ),
        );
      } else if (successors.nextValues[t] !== 0) {
        expression = binary(
          "+",
          reward,
          binary(
            "*",
            gamma,
            symbol("V_end", successors.nextValues[t]!, "value of the state after the last step"),
          ),
        );
      }
      return { name: `G_${series.positions[t]!}`, expression, value: returns[t]! };
    };
    return {
      title: "TD(lambda) return",
      convention: `gamma ${numberOf(parameters, "gamma")}, lambda ${numberOf(parameters, "lambda")}, truncation: ${textOf(parameters, "truncation")}`,
      lines:
        first + 1 < returns.length && successors.carries[first] === 1
          ? [line(first), line(first + 1)]
          : [line(first)],
      source: tdLambda.source,
      notes: prepared.notes,
    };
  },
};
