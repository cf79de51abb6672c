import { binary, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { decisionAt, episodeParameters, episodeSeries, scatter } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { optionalNumberOf } from "../series/parameters";
import type { Signal } from "../signal";

/**
 * ReMax (verl, compute_remax_outcome_advantage): undiscounted return to go minus the reward of the greedy rollout, on
 * policy tokens.
 *
 * @param rewards [T]; @param mask 1 = policy token, [T]; @param greedyReward reward of the greedily decoded answer
 */
export function remaxAdvantages(
  rewards: Float64Array,
  mask: ArrayLike<number>,
  greedyReward: number,
): { readonly advantages: Float64Array; readonly returns: Float64Array } {
  const returns = accumulateBackward(
    rewards.map((reward, t) => reward * mask[t]!),
    1,
    new Float64Array(rewards.length),
  );
  return { returns, advantages: returns.map((value, t) => value - greedyReward * mask[t]!) };
}

export const remax: Signal = {
  id: "remax",
  title: "ReMax advantage",
  family: "advantage",
  estimator: true,
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["rewards"],
  parameters: [
    ...episodeParameters,
    {
      name: "greedyReward",
      description: "Reward of the greedily decoded answer to the same prompt.",
      type: "number",
      default: null,
    },
  ],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_remax_outcome_advantage",
    },
  ],
  source: "Li et al. 2023, ReMax; volcengine/verl, core_algos.py, compute_remax_outcome_advantage",
  description: "Undiscounted return to go minus the reward that greedy decoding earns on the same prompt.",
  compute(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const greedy = optionalNumberOf(parameters, "greedyReward");
    if (greedy === undefined)
      return {
        missing: ["outcomeReward"],
        how: "Needs the reward of the greedy answer to the same prompt: set greedyReward.",
      };
    const mask = new Uint8Array(series.rewards.length).fill(1);
    const { advantages, returns } = remaxAdvantages(series.rewards, mask, greedy);
    return {
      level: series.level,
      values: scatter(series, advantages),
      parts: { returns: scatter(series, returns) },
      notes: series.notes,
    };
  },
  explain(context, parameters, index) {
    const series = episodeSeries(context, parameters);
    const greedy = optionalNumberOf(parameters, "greedyReward");
    if ("missing" in series || greedy === undefined) return undefined;
    const t = decisionAt(series, index);
    if (t < 0) return undefined;
    const { advantages, returns } = remaxAdvantages(
      series.rewards,
      new Uint8Array(series.rewards.length).fill(1),
      greedy,
    );
    if (Number.isNaN(advantages[t]!)) return undefined;
    const id = context.trajectory.id;
    const own = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
    const expression: Expression =
      t + 1 < returns.length
        ? binary("+", own, decisionSymbol("G", id, series, t + 1, returns[t + 1]!, "return to go"))
        : own;
    return {
      title: "ReMax advantage",
      convention: "undiscounted, greedy baseline",
      lines: [
        {
          name: `A_${index}`,
          expression: binary(
            "-",
            decisionSymbol("G", id, series, t, returns[t]!, "return to go"),
            symbol("b", greedy, "reward of the greedy answer"),
          ),
          value: advantages[t]!,
        },
        { name: `G_${index}`, expression, value: returns[t]! },
      ],
      source: remax.source,
      notes: series.notes,
    };
  },
};
