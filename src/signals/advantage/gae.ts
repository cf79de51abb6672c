import { symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { rounding, type Precision } from "../kernels/precision";
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
import {
  gammaParameter,
  lambdaParameter,
  numberOf,
  optionalNumberOf,
  precisionParameter,
  textOf,
} from "../series/parameters";
import { episodeSuccessors, type Successors } from "../series/successorValues";
import type { ExplanationLine, ParameterValues, Signal, SignalContext } from "../signal";
import { gaePresets } from "./gaePresets";

export interface GaeInput extends Successors {
  /** Reward of each step, [T]. */
  readonly rewards: Float64Array;
  /** Value of the state before each step, [T]. */
  readonly values: Float64Array;
}

export interface GaeResult {
  /** A_t, [T]. */
  readonly advantages: Float64Array;
  /** delta_t, [T]. */
  readonly deltas: Float64Array;
  /** A_t + V_t, [T]: the target of the value function. */
  readonly returns: Float64Array;
}

/**
 * Generalised advantage estimation: `delta_t = r_t + gamma V'_t - V_t`, `A_t = delta_t + gamma lambda c_t A_{t+1}`,
 * with `V'` the successor's value (0 after a terminal state) and `c` 0 where the episode ends.
 *
 * @param gamma one number, or one discount per step, [T] (rlax); @param lambda one number, or one per step, [T]
 */
export function generalisedAdvantages(
  input: GaeInput,
  gamma: number | Float64Array,
  lambda: number | Float64Array,
  precision: Precision = "float64",
): GaeResult {
  const { rewards, values, nextValues, carries } = input;
  const size = rewards.length;
  const deltas = new Float64Array(size);
  const decay = new Float64Array(size);
  const round = rounding(precision);
  const fixed = typeof gamma === "number" && typeof lambda === "number" && precision === "float64";
  if (fixed) {
    const product = gamma * lambda;
    for (let t = 0; t < size; t++) {
      deltas[t] = rewards[t]! + gamma * nextValues[t]! - values[t]!;
      decay[t] = product * carries[t]!;
    }
  } else {
    for (let t = 0; t < size; t++) {
      const discount = round(typeof gamma === "number" ? gamma : gamma[t]!);
      const mix = round(typeof lambda === "number" ? lambda : lambda[t]!);
      deltas[t] = round(
        round(round(rewards[t]!) + round(discount * round(nextValues[t]!))) - round(values[t]!),
      );
      decay[t] = round(round(discount * mix) * carries[t]!);
    }
  }
  const advantages = accumulateBackward(deltas, decay, new Float64Array(size), 0, precision);
  const returns = new Float64Array(size);
  for (let t = 0; t < size; t++) returns[t] = round(advantages[t]! + round(values[t]!));
  return { advantages, deltas, returns };
}

/**
 * GAE over a response with holes, as verl does it: masked-out positions (tool tokens, padding) are stepped over, the
 * value and the sum of the next policy token are carried across them, and they show the carried sum.
 * The last policy token is terminal unless `lastValue` is given.
 *
 * @param rewards [T]; @param values [T]; @param mask 1 = policy token, [T]
 */
export function skippingAdvantages(
  rewards: Float64Array,
  values: Float64Array,
  mask: ArrayLike<number>,
  gamma: number,
  lambda: number,
  lastValue = 0,
  precision: Precision = "float64",
): GaeResult {
  const size = rewards.length;
  const kept: number[] = [];
  for (let t = 0; t < size; t++) if (mask[t]) kept.push(t);
  const take = (from: Float64Array): Float64Array => Float64Array.from(kept, (t) => from[t]!);
  const keptValues = take(values);
  const nextValues = new Float64Array(kept.length);
  for (let k = 0; k < kept.length; k++) nextValues[k] = k + 1 < kept.length ? keptValues[k + 1]! : lastValue;
  const inner = generalisedAdvantages(
    {
      rewards: take(rewards),
      values: keptValues,
      nextValues,
      carries: new Float64Array(kept.length).fill(1),
    },
    gamma,
    lambda,
    precision,
  );
  const advantages = new Float64Array(size);
  const deltas = new Float64Array(size).fill(NaN);
  const returns = new Float64Array(size);
  let k = kept.length - 1;
  let carried = 0;
  for (let t = size - 1; t >= 0; t--) {
    if (mask[t]) {
      carried = inner.advantages[k]!;
      deltas[t] = inner.deltas[k]!;
      k--;
    }
    advantages[t] = carried;
    returns[t] = rounding(precision)(carried + values[t]!);
  }
  return { advantages, deltas, returns };
}

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
  const successors = episodeSuccessors(
    series,
    textOf(parameters, "truncation") as "bootstrap" | "terminal",
    optionalNumberOf(parameters, "lastValue"),
  );
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
    {
      name: "truncation",
      description: "A cut episode: bootstrap with the value of its last state, or treat it as terminal.",
      type: "choice",
      choices: ["bootstrap", "terminal"],
      default: "bootstrap",
    },
    {
      name: "lastValue",
      description:
        "Value of the state after the last step of a cut or running episode, when the file does not record it.",
      type: "number",
      default: null,
    },
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

/**
 * RLlib's new API stack (rllib/utils/postprocessing/value_predictions.py, compute_value_targets): every episode chunk
 * is followed by one fake step that carries the value of its last state, and all chunks are processed in one array.
 * The rows of fake steps mean nothing and are discarded afterwards.
 *
 * @param rewards [T]; @param values [T]; @param terminated 1 at the last step and at the fake step of a terminated
 *   episode, [T]; @param truncated 1 at the fake step of a cut one, [T]
 */
export function fakeStepTargets(
  rewards: Float64Array,
  values: Float64Array,
  terminated: ArrayLike<number>,
  truncated: ArrayLike<number>,
  gamma: number,
  lambda: number,
): GaeResult {
  const size = rewards.length;
  const nextValues = new Float64Array(size);
  const carries = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    // The value of the next row enters even after a cut: that row is the next chunk's, and this row is discarded.
    nextValues[t] = terminated[t] || t + 1 === size ? 0 : values[t + 1]!;
    carries[t] = terminated[t] || truncated[t] ? 0 : 1;
  }
  return generalisedAdvantages({ rewards, values, nextValues, carries }, gamma, lambda);
}
