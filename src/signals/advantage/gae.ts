import { symbol, type Expression } from "../expression";
import type { Precision } from "../kernels/precision";
import { arithmetic } from "../kernels/roundedArithmetic";
import { torchWhitening, whiten } from "../kernels/whitening";
import {
  decisionAt,
  episodeParameters,
  episodeSeries,
  scatter,
  type EpisodeSeries,
  type Missing,
} from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, lambdaParameter, numberOf, precisionParameter, textOf } from "../series/parameters";
import { endParameters, successorsUnder, type Successors } from "../series/successorValues";
import type { ExplanationLine, ParameterValues, Signal, SignalContext } from "../signal";
import { gaePresets } from "./gaePresets";
import { generalisedAdvantages, type GaeResult } from "./generalisedAdvantages";

interface Prepared extends GaeResult {
  readonly series: EpisodeSeries;
  readonly successors: Successors;
  readonly gamma: number;
  readonly lambda: number;
  readonly precision: Precision;
  /** The advantages shown: whitened when the convention whitens inside the trajectory. */
  readonly shown: Float64Array;
  readonly whitening?: { readonly mean: number; readonly variance: number };
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const series = episodeSeries(context, parameters);
  if ("missing" in series) return series;
  const successors = successorsUnder(series, parameters);
  if ("missing" in successors) return successors;
  const gamma = numberOf(parameters, "gamma");
  const lambda = numberOf(parameters, "lambda");
  const precision = textOf(parameters, "precision") as Precision;
  const result = generalisedAdvantages(
    {
      rewards: series.rewards,
      values: series.values!,
      nextValues: successors.nextValues,
      carries: successors.carries,
    },
    gamma,
    lambda,
    precision,
  );
  const notes = [...series.notes, ...successors.notes];
  const over = textOf(parameters, "whiten");
  if (over === "trajectory") {
    const whitened = whiten(result.advantages, undefined, torchWhitening);
    return {
      ...result,
      series,
      successors,
      gamma,
      lambda,
      precision,
      shown: whitened.values,
      whitening: { mean: whitened.moments.mean, variance: whitened.moments.variance },
      notes,
    };
  }
  if (over === "batch-not-shown")
    notes.push(
      "The trainer whitens these over all policy tokens of its batch afterwards; shown before whitening.",
    );
  return { ...result, series, successors, gamma, lambda, precision, shown: result.advantages, notes };
}

export const gae: Signal = {
  id: "gae",
  title: "GAE advantage",
  family: "advantage",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "values"],
  parameters: [
    gammaParameter(0.99),
    lambdaParameter(0.95),
    ...episodeParameters,
    ...endParameters,
    {
      name: "whiten",
      description:
        "Whitening afterwards: none, inside this trajectory, or by the trainer over its whole batch (then shown before it).",
      type: "choice",
      choices: ["none", "trajectory", "batch-not-shown"],
      default: "none",
    },
    precisionParameter,
  ],
  presets: gaePresets,
  source:
    "Schulman et al. 2016, High-Dimensional Continuous Control Using Generalized Advantage Estimation, eq. 16",
  description:
    "Exponentially weighted sum of temporal-difference errors. Libraries differ in what stands after a truncated episode, in the treatment of tokens that the policy did not produce, and in whitening.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { series } = prepared;
    return {
      level: series.level,
      values: scatter(series, prepared.shown),
      parts: { returns: scatter(series, prepared.returns), "TD error": scatter(series, prepared.deltas) },
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { series } = prepared;
    const t = decisionAt(series, index);
    if (t < 0 || Number.isNaN(prepared.shown[t]!)) return undefined;
    const lines: ExplanationLine[] = [];
    if (prepared.whitening) {
      const raw = decisionSymbol(
        "L",
        context.trajectory.id,
        series,
        t,
        prepared.advantages[t]!,
        "advantage before whitening",
      );
      lines.push(whitenedLine(index, raw, prepared.whitening, prepared.shown[t]!));
    }
    const name = prepared.whitening ? "L" : "A";
    lines.push(
      advantageLine(context.trajectory.id, prepared, t, name),
      deltaLine(context.trajectory.id, prepared, t),
    );
    if (prepared.successors.carries[t] === 1 && t + 1 < series.positions.length) {
      lines.push(
        advantageLine(context.trajectory.id, prepared, t + 1, name),
        deltaLine(context.trajectory.id, prepared, t + 1),
      );
    }
    return {
      title: "Generalised advantage estimate",
      convention: `gamma ${prepared.gamma}, lambda ${prepared.lambda}, truncation: ${textOf(parameters, "truncation")}, whitening: ${textOf(parameters, "whiten")}`,
      lines,
      source: gae.source,
      notes: prepared.notes,
    };
  },
};

/** (L - mean) * (1 / sqrt(var + 1e-8)): the same operations, in the same order, as the kernel. */
function whitenedLine(
  index: number,
  raw: Expression,
  moments: { mean: number; variance: number },
  value: number,
): ExplanationLine {
  const scale: Expression = {
    kind: "binary",
    op: "/",
    left: { kind: "number", value: 1 },
    right: {
      kind: "call",
      name: "sqrt",
      arguments: [
        {
          kind: "binary",
          op: "+",
          left: symbol("var(L)", moments.variance, "variance over n-1 of the trajectory's advantages"),
          right: symbol("eps", torchWhitening.epsilon, "keeps the root away from 0"),
        },
      ],
    },
  };
  const difference: Expression = {
    kind: "binary",
    op: "-",
    left: raw,
    right: symbol("mean(L)", moments.mean, "mean of the trajectory's advantages"),
  };
  return {
    name: `A_${index}`,
    expression: { kind: "binary", op: "*", left: difference, right: scale },
    value,
  };
}

function advantageLine(id: string, prepared: Prepared, t: number, name: string): ExplanationLine {
  const { series, advantages, deltas, successors } = prepared;
  const { of, plus, times } = arithmetic(prepared.precision);
  const delta = decisionSymbol("delta", id, series, t, deltas[t]!, "TD error");
  let expression: Expression = delta;
  if (successors.carries[t] === 1 && t + 1 < series.positions.length) {
    const next = decisionSymbol(name, id, series, t + 1, advantages[t + 1]!, "advantage");
    const decay = times(
      of(symbol("gamma", prepared.gamma, "discount")),
      of(symbol("lambda", prepared.lambda, "trace decay")),
    );
    expression = plus(delta, times(decay, next));
  }
  return { name: `${name}_${series.positions[t]!}`, expression, value: advantages[t]! };
}

function deltaLine(id: string, prepared: Prepared, t: number): ExplanationLine {
  const { series, deltas, successors } = prepared;
  const { of, plus, minus, times } = arithmetic(prepared.precision);
  const reward = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
  const value = decisionSymbol("V", id, series, t, series.values![t]!, "value");
  const nextValue = successors.nextValues[t]!;
  const inside = successors.carries[t] === 1 && t + 1 < series.positions.length;
  const next = inside
    ? decisionSymbol("V", id, series, t + 1, nextValue, "value")
    : symbol(
        "V_end",
        nextValue,
        series.terminated[t] ? "value after a terminal state: 0" : "value of the state after the last step",
      );
  const expression = minus(
    plus(of(reward), times(of(symbol("gamma", prepared.gamma, "discount")), of(next))),
    of(value),
  );
  return { name: `delta_${series.positions[t]!}`, expression, value: deltas[t]! };
}
