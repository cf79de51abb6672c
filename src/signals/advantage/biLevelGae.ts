import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { decisionAt, episodeParameters, episodeSeries, scatter, type EpisodeSeries } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { missing } from "../series/modelInputs";
import { gammaParameter, lambdaParameter, numberOf, textOf } from "../series/parameters";
import { generalisedAdvantages, type GaeResult } from "./generalisedAdvantages";

/** Advantages of tokens inside turns, and of the turns. */
export interface BiLevelResult extends GaeResult {
  /** Return of each turn, at its last token; NaN elsewhere, [T]. */
  readonly turnReturns: Float64Array;
}

/**
 * Two levels of GAE (RAGEN, ragen/trainer/core_algos.py, compute_bi_level_gae_advantage_return): first over the last tokens
 * of the turns with the turns' discount; their returns then take the place of the rewards at those tokens, and a second
 * recursion runs inside each turn with the tokens' discount. Nothing follows the last token of a turn.
 *
 * @param rewards [T]; @param values [T], both over the policy's tokens; @param ends 1 at the last token of a turn, [T]
 */
export function biLevelAdvantages(
  rewards: Float64Array,
  values: Float64Array,
  ends: Uint8Array,
  gamma: number,
  lambda: number,
  turnGamma: number,
): BiLevelResult {
  const turns: number[] = [];
  ends.forEach((end, t) => {
    if (end) turns.push(t);
  });
  const at = (from: Float64Array): Float64Array => Float64Array.from(turns, (t) => from[t]!);
  const turnValues = at(values);
  const high = generalisedAdvantages(
    {
      rewards: at(rewards),
      values: turnValues,
      nextValues: turnValues.map((_, k) => (k + 1 < turns.length ? turnValues[k + 1]! : 0)),
      carries: turnValues.map((_, k) => (k + 1 < turns.length ? 1 : 0)),
    },
    turnGamma,
    lambda,
  );
  const lifted = rewards.slice();
  const turnReturns = new Float64Array(rewards.length).fill(NaN);
  turns.forEach((t, k) => (turnReturns[t] = lifted[t] = high.returns[k]!));
  const low = generalisedAdvantages(
    {
      rewards: lifted,
      values,
      nextValues: values.map((_, t) => (ends[t] || t + 1 === values.length ? 0 : values[t + 1]!)),
      carries: values.map((_, t) => (ends[t] ? 0 : 1)),
    },
    gamma,
    lambda,
  );
  return { ...low, turnReturns };
}

/** The last token of each turn: where a reward that is not 0 stands, as released, or where the policy stops writing. */
function turnEnds({ rewards, positions }: EpisodeSeries, by: string): Uint8Array {
  const last = positions.length - 1;
  return Uint8Array.from(positions, (position, t) =>
    (
      by === "reward"
        ? rewards[t] !== 0 && !Number.isNaN(rewards[t]!)
        : t === last || positions[t + 1] !== position + 1
    )
      ? 1
      : 0,
  );
}

export const biLevelGae = derivedSignal({
  id: "bi-level-gae",
  title: "Bi-level GAE",
  family: "advantage",
  estimator: true,
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "values", "tokenMask"],
  parameters: [
    gammaParameter(1),
    lambdaParameter(1),
    {
      name: "turnGamma",
      description: "Discount per turn.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.95,
    },
    {
      name: "turns",
      description:
        "Where a turn ends: where a reward that is not 0 stands (as released), or where the policy stops writing.",
      type: "choice",
      choices: ["mask", "reward"],
      default: "mask",
    },
    ...episodeParameters.map((parameter) =>
      parameter.name === "level" ? { ...parameter, default: "token" } : parameter,
    ),
  ],
  presets: [
    {
      id: "ragen",
      title: "RAGEN",
      values: { gamma: 1, lambda: 1, turnGamma: 0.95, turns: "reward" },
      source:
        "RAGEN-AI/RAGEN, ragen/trainer/core_algos.py, compute_bi_level_gae_advantage_return (whitened afterwards)",
    },
    {
      id: "by-turn",
      title: "Turns by the mask",
      values: { turns: "mask" },
      source: "The same recursion with every turn ended, one of reward 0 included",
    },
  ],
  source:
    "Wang et al. 2025, RAGEN: Understanding Self-Evolution in LLM Agents via Multi-Turn Reinforcement Learning",
  description:
    "GAE over turns with their own discount, then over the tokens inside each turn towards its return. As released a turn whose reward is 0 is no turn of its own. The trainer whitens over its batch afterwards; shown before whitening.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    if (!series.values) return missing("values");
    const { rewards, values } = series;
    const by = textOf(parameters, "turns");
    const ends = turnEnds(series, by);
    const size = ends.length;
    if (size > 0 && ends[size - 1] !== 1)
      return missing(
        "rewards",
        "The last policy token carries no reward, so the released recursion has no last turn: choose turns=mask.",
      );
    const gamma = numberOf(parameters, "gamma");
    const lambda = numberOf(parameters, "lambda");
    const turnGamma = numberOf(parameters, "turnGamma");
    const result = biLevelAdvantages(rewards, values, ends, gamma, lambda, turnGamma);
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, result.advantages),
      parts: { returns: scatter(series, result.returns), "turn return": scatter(series, result.turnReturns) },
      notes: [...series.notes, "Shown before the trainer's whitening over its batch."],
      convention: `gamma ${gamma}, lambda ${lambda}, ${turnGamma} per turn, turns by ${by}`,
      lines(index) {
        const t = decisionAt(series, index);
        const value = decisionSymbol("V", id, series, t, values[t]!, "value");
        const expression: Expression = ends[t]
          ? binary(
              "-",
              decisionSymbol("R", id, series, t, result.turnReturns[t]!, "return of the turn"),
              value,
            )
          : binary(
              "+",
              binary(
                "-",
                binary(
                  "+",
                  decisionSymbol("r", id, series, t, rewards[t]!, "reward"),
                  binary(
                    "*",
                    symbol("gamma", gamma, "discount per token"),
                    decisionSymbol("V", id, series, t + 1, values[t + 1]!, "value"),
                  ),
                ),
                value,
              ),
              binary(
                "*",
                binary(
                  "*",
                  symbol("gamma", gamma, "discount per token"),
                  symbol("lambda", lambda, "trace decay"),
                ),
                decisionSymbol("A", id, series, t + 1, result.advantages[t + 1]!, "advantage"),
              ),
            );
        return [{ name: `A_${index}`, expression, value: result.advantages[t]! }];
      },
    };
  },
});
