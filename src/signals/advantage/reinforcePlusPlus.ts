import { binary, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { torchWhitening, whiten, whitenRows } from "../kernels/whitening";
import { decisionAt, episodeParameters, episodeSeries, scatter } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import type { ExplanationLine, Signal } from "../signal";

/**
 * Token returns of REINFORCE++ (verl, compute_reinforce_plus_plus_outcome_advantage): the sum restarts at masked
 * positions, which keep what they hold themselves.
 *
 * @param rewards [T]; @param mask 1 = policy token, [T]
 */
export function maskedReturns(rewards: Float64Array, mask: ArrayLike<number>, gamma: number): Float64Array {
  const decay = new Float64Array(rewards.length);
  for (let t = 0; t + 1 < rewards.length; t++) decay[t] = gamma * mask[t + 1]!;
  return accumulateBackward(rewards, decay, new Float64Array(rewards.length));
}

/** Whitens rows over all masked tokens of a batch and zeroes the others. */
export function whitenPolicyTokens(
  rows: readonly Float64Array[],
  masks: readonly ArrayLike<number>[],
): readonly Float64Array[] {
  return whitenRows(rows, masks).map((row, i) => row.map((value, t) => value * masks[i]![t]!));
}

export const reinforcePlusPlus: Signal = {
  id: "reinforce-plus-plus",
  title: "REINFORCE++ advantage",
  family: "advantage",
  estimator: true,
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["rewards"],
  parameters: [
    gammaParameter(1),
    ...episodeParameters,
    {
      name: "whiten",
      description:
        "Whitening: by the trainer over its whole batch (then shown before it), inside this trajectory, or none.",
      type: "choice",
      choices: ["batch-not-shown", "trajectory", "none"],
      default: "batch-not-shown",
    },
  ],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_reinforce_plus_plus_outcome_advantage",
    },
  ],
  source:
    "Hu 2025, REINFORCE++; volcengine/verl, core_algos.py, compute_reinforce_plus_plus_outcome_advantage",
  description:
    "Discounted return to go of each token, whitened over the policy tokens of the batch; no critic and no group.",
  compute(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const returns = accumulateBackward(
      series.rewards,
      numberOf(parameters, "gamma"),
      new Float64Array(series.rewards.length),
    );
    const whitening = textOf(parameters, "whiten");
    const values = whitening === "trajectory" ? whiten(returns, undefined, torchWhitening).values : returns;
    const notes =
      whitening === "batch-not-shown"
        ? [
            "The trainer whitens these over all policy tokens of its batch afterwards; shown before whitening.",
          ]
        : [];
    return {
      level: series.level,
      values: scatter(series, values),
      parts: { returns: scatter(series, returns) },
      notes: [...series.notes, ...notes],
    };
  },
  explain(context, parameters, index) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return undefined;
    const t = decisionAt(series, index);
    if (t < 0) return undefined;
    const gamma = numberOf(parameters, "gamma");
    const returns = accumulateBackward(series.rewards, gamma, new Float64Array(series.rewards.length));
    if (Number.isNaN(returns[t]!)) return undefined;
    const id = context.trajectory.id;
    const reward = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
    let expression: Expression = reward;
    if (t + 1 < returns.length) {
      const next = decisionSymbol("G", id, series, t + 1, returns[t + 1]!, "return to go");
      expression = binary("+", reward, binary("*", symbol("gamma", gamma, "discount"), next));
    }
    const lines: ExplanationLine[] = [];
    const whitening = textOf(parameters, "whiten");
    if (whitening === "trajectory") {
      const { values, moments, scale } = whiten(returns, undefined, torchWhitening);
      if (Number.isNaN(values[t]!)) return undefined;
      const centred = binary(
        "-",
        decisionSymbol("G", id, series, t, returns[t]!, "return to go"),
        symbol("mean(G)", moments.mean, "mean over the trajectory"),
      );
      lines.push({
        name: `A_${index}`,
        expression: binary("*", centred, symbol("1/sqrt(var+eps)", scale, "variance over n-1, eps 1e-8")),
        value: values[t]!,
      });
    }
    lines.push({
      name: whitening === "trajectory" ? `G_${index}` : `A_${index}`,
      expression,
      value: returns[t]!,
    });
    return {
      title: "REINFORCE++ advantage",
      convention: `gamma ${gamma}, whitening: ${whitening}`,
      lines,
      source: reinforcePlusPlus.source,
      notes: series.notes,
    };
  },
};
