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
import { gammaParameter, lambdaParameter, numberOf } from "../series/parameters";
import { importanceRatios } from "../series/importanceRatios";
import { endParameters, successorsUnder } from "../series/successorValues";
import type { ExplanationLine, ParameterValues, Signal, SignalContext } from "../signal";

export interface VtraceInput {
  /** Value before each step, [T]. */
  readonly values: Float64Array;
  /** Value after each step, [T]. */
  readonly nextValues: Float64Array;
  readonly rewards: Float64Array;
  /** Discount after each step, 0 = terminal, [T]. */
  readonly discounts: Float64Array;
  /** Target over behaviour probability of the taken action, [T]. */
  readonly ratios: Float64Array;
}

export interface VtraceResult {
  /** v_t - V_t, [T]. */
  readonly errors: Float64Array;
  /** v_t, the value target, [T]. */
  readonly targets: Float64Array;
  /** Policy-gradient advantage, [T]. */
  readonly advantages: Float64Array;
  /** r_t + gamma_t times the (lambda-mixed) next target, [T]. */
  readonly actionValues: Float64Array;
  /** Weighted TD errors, [T]. */
  readonly deltas: Float64Array;
}

/**
 * V-trace (Espeholt et al. 2018; rlax vtrace_td_error_and_advantage).
 *
 * @param lambda trace decay, one number or one per step; @param clipRho limit of the TD weight; @param clipPg limit of
 *   the policy-gradient weight; @param leak 1 = clipped ratios, below 1 mixes the plain ratio in (leaky V-trace)
 * @param clipTrace limit of the trace weight c
 */
export function vtrace(
  input: VtraceInput,
  lambda: number | Float64Array = 1,
  clipRho = 1,
  clipPg = 1,
  leak = 1,
  clipTrace = 1,
): VtraceResult {
  const { values, nextValues, rewards, discounts, ratios } = input;
  const size = rewards.length;
  const deltas = new Float64Array(size);
  const decay = new Float64Array(size);
  const mixOf = (t: number): number => (typeof lambda === "number" ? lambda : lambda[t]!);
  const clipped = (ratio: number, limit: number): number =>
    leak * Math.min(limit, ratio) + (1 - leak) * ratio;
  for (let t = 0; t < size; t++) {
    const ratio = ratios[t]!;
    deltas[t] = clipped(ratio, clipRho) * (rewards[t]! + discounts[t]! * nextValues[t]! - values[t]!);
    decay[t] = discounts[t]! * mixOf(t) * clipped(ratio, clipTrace);
  }
  const errors = accumulateBackward(deltas, decay, new Float64Array(size));
  const targets = errors.map((error, t) => error + values[t]!);
  const actionValues = new Float64Array(size);
  const advantages = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    const mix = mixOf(t);
    const next = t + 1 < size ? mix * targets[t + 1]! + (1 - mix) * values[t + 1]! : nextValues[t]!;
    actionValues[t] = rewards[t]! + discounts[t]! * next;
    advantages[t] = Math.min(clipPg, ratios[t]!) * (actionValues[t]! - values[t]!);
  }
  return { errors, targets, advantages, actionValues, deltas };
}

interface Prepared {
  readonly series: EpisodeSeries;
  readonly input: VtraceInput;
  readonly result: VtraceResult;
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const series = episodeSeries(context, parameters);
  if ("missing" in series) return series;
  const ratios = importanceRatios(context, series);
  if ("missing" in ratios) return ratios;
  const successors = successorsUnder(series, parameters);
  if ("missing" in successors) return successors;
  const gamma = numberOf(parameters, "gamma");
  const input: VtraceInput = {
    values: series.values!,
    nextValues: successors.nextValues,
    rewards: series.rewards,
    discounts: successors.carries.map((carries, t) =>
      carries === 1 || successors.nextValues[t] !== 0 ? gamma : 0,
    ),
    ratios,
  };
  const result = vtrace(
    input,
    numberOf(parameters, "lambda"),
    numberOf(parameters, "clipRho"),
    numberOf(parameters, "clipPg"),
    numberOf(parameters, "leak"),
  );
  return { series, input, result, notes: [...series.notes, ...successors.notes] };
}

export const vtraceAdvantage: Signal = {
  id: "vtrace",
  title: "V-trace advantage",
  family: "off-policy",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "values", "logprobs"],
  parameters: [
    gammaParameter(0.99),
    lambdaParameter(1),
    {
      name: "clipRho",
      description: "Limit of the weight on TD errors.",
      type: "number",
      minimum: 0,
      default: 1,
    },
    {
      name: "clipPg",
      description: "Limit of the weight on the policy gradient.",
      type: "number",
      minimum: 0,
      default: 1,
    },
    {
      name: "leak",
      description: "1 = clipped ratios; below 1 mixes the plain ratio in (leaky V-trace).",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 1,
    },
    ...episodeParameters,
    ...endParameters,
  ],
  presets: [
    {
      id: "rlax",
      title: "rlax",
      values: {},
      source: "google-deepmind/rlax, rlax/_src/vtrace.py, vtrace_td_error_and_advantage",
    },
    {
      id: "leaky",
      title: "Leaky V-trace 0.5",
      values: { leak: 0.5 },
      source: "google-deepmind/rlax, rlax/_src/vtrace.py, leaky_vtrace",
    },
  ],
  source: "Espeholt et al. 2018, IMPALA, eq. 1; google-deepmind/rlax, vtrace.py",
  description:
    "Off-policy correction: TD errors weighted by clipped ratios of current to sampling probability. Needs both the sampler's and the current policy's log-probabilities.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { series, result, input } = prepared;
    return {
      level: series.level,
      values: scatter(series, result.advantages),
      parts: { "value target": scatter(series, result.targets), ratio: scatter(series, input.ratios) },
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { series, input, result } = prepared;
    const t = decisionAt(series, index);
    if (t < 0 || Number.isNaN(result.advantages[t]!)) return undefined;
    const id = context.trajectory.id;
    const lambda = numberOf(parameters, "lambda");
    const mix = symbol("lambda", lambda, "trace decay");
    const ratio = decisionSymbol(
      "rho",
      id,
      series,
      t,
      input.ratios[t]!,
      "probability now over probability when sampled",
    );
    const weight: Expression = {
      kind: "call",
      name: "min",
      arguments: [symbol("rho_max", numberOf(parameters, "clipPg"), "limit of the weight"), ratio],
    };
    const value = decisionSymbol("V", id, series, t, input.values[t]!, "value");
    const lines: ExplanationLine[] = [
      {
        name: `A_${index}`,
        expression: binary(
          "*",
          weight,
          binary(
            "-",
            decisionSymbol("q", id, series, t, result.actionValues[t]!, "estimated action value"),
            value,
          ),
        ),
        value: result.advantages[t]!,
      },
    ];
    const reward = decisionSymbol("r", id, series, t, input.rewards[t]!, "reward");
    const discount = symbol("gamma", input.discounts[t]!, "discount, 0 after a terminal state");
    const inside = t + 1 < series.positions.length;
    const next: Expression = inside
      ? binary(
          "+",
          binary("*", mix, decisionSymbol("v", id, series, t + 1, result.targets[t + 1]!, "value target")),
          binary(
            "*",
            binary("-", number(1), mix),
            decisionSymbol("V", id, series, t + 1, input.values[t + 1]!, "value"),
          ),
        )
      : symbol("V_end", input.nextValues[t]!, "value of the state after the last step");
    lines.push({
      name: `q_${index}`,
      expression: binary("+", reward, binary("*", discount, next)),
      value: result.actionValues[t]!,
    });
    return {
      title: "V-trace advantage",
      convention: `gamma ${numberOf(parameters, "gamma")}, lambda ${lambda}, rho limit ${numberOf(parameters, "clipRho")}, leak ${numberOf(parameters, "leak")}`,
      lines,
      source: vtraceAdvantage.source,
      notes: prepared.notes,
    };
  },
};
