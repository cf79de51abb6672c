import { symbol, type Expression } from "../expression";
import { arithmetic } from "../kernels/roundedArithmetic";
import { accumulateBackward } from "../kernels/backwardRecursion";
import type { Precision } from "../kernels/precision";
import { decisionAt, episodeParameters, episodeSeries, scatter, type EpisodeSeries } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, numberOf, precisionParameter, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

/**
 * Discounted return to go, `G_t = r_t + gamma_t * G_{t+1}`, `G_T = bootstrap`.
 *
 * @param rewards [T]; @param discounts one number or one per step, [T]; 0 ends the episode after that step
 * @param bootstrap value of the state after the last reward; 0 for a terminal state
 * @returns [T]
 */
export function discountedReturns(
  rewards: Float64Array,
  discounts: Float64Array | number,
  bootstrap = 0,
  precision: Precision = "float64",
): Float64Array {
  return accumulateBackward(rewards, discounts, new Float64Array(rewards.length), bootstrap, precision);
}

interface Prepared {
  readonly series: EpisodeSeries;
  readonly returns: Float64Array;
  readonly gamma: number;
  readonly bootstrap: number;
  readonly notes: readonly string[];
}

function prepare(
  context: SignalContext,
  parameters: ParameterValues,
): Prepared | Extract<ReturnType<typeof episodeSeries>, { missing: unknown }> {
  const series = episodeSeries(context, parameters);
  if ("missing" in series) return series;
  const gamma = numberOf(parameters, "gamma");
  const notes = [...series.notes];
  let bootstrap = 0;
  if (
    textOf(parameters, "bootstrap") === "final-value" &&
    (series.end === "truncated" || series.end === "running")
  ) {
    if (Number.isNaN(series.finalValue)) {
      return {
        missing: ["values"],
        how: `The episode did not end in a terminal state and no value of its last state is recorded. ${needHow.values}`,
      };
    }
    bootstrap = series.finalValue;
    notes.push(`The episode is ${series.end}: the return continues with the value of its last state.`);
  }
  const discounts = new Float64Array(series.rewards.length);
  for (let t = 0; t < discounts.length; t++)
    discounts[t] = endsAt(series, t) && !(t === discounts.length - 1 && bootstrap !== 0) ? 0 : gamma;
  const returns = discountedReturns(
    series.rewards,
    discounts,
    bootstrap,
    textOf(parameters, "precision") as Precision,
  );
  return { series, returns, gamma, bootstrap, notes };
}

/** True when the episode ends after decision t, so that nothing later counts. */
function endsAt(series: EpisodeSeries, t: number): boolean {
  return series.terminated[t] === 1 || series.truncated[t] === 1;
}

export const discountedReturn: Signal = {
  id: "return",
  title: "Return to go",
  family: "returns",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards"],
  parameters: [
    gammaParameter(0.99),
    ...episodeParameters,
    {
      name: "bootstrap",
      description: "What stands after an episode that was cut: nothing, or the value of its last state.",
      type: "choice",
      choices: ["none", "final-value"],
      default: "none",
    },
    precisionParameter,
  ],
  presets: [
    {
      id: "undiscounted",
      title: "Undiscounted",
      values: { gamma: 1 },
      source: "Sutton & Barto, Reinforcement Learning, 2nd ed., eq. 3.7",
    },
    {
      id: "imitation",
      title: "imitation",
      values: { gamma: 0.99 },
      source:
        "HumanCompatibleAI/imitation, src/imitation/data/rollout.py, discounted_sum (its value is the return at step 0)",
    },
    {
      id: "rlax",
      title: "rlax",
      values: { gamma: 0.99, bootstrap: "final-value" },
      source: "google-deepmind/rlax, rlax/_src/multistep.py, discounted_returns",
    },
    {
      id: "gigpo",
      title: "GiGPO step return",
      values: { gamma: 0.95 },
      source: "langfengQ/verl-agent, gigpo/core_gigpo.py, compute_step_discounted_returns",
    },
  ],
  source: "Sutton & Barto, Reinforcement Learning, 2nd ed., eq. 3.8",
  description:
    "Sum of this and all later rewards, each discounted by gamma per step. Decisions without a recorded reward leave the earlier sums unknown unless they are declared to be zero.",
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
    const { series, returns, gamma, bootstrap } = prepared;
    const t = decisionAt(series, index);
    if (t < 0 || Number.isNaN(returns[t]!)) return undefined;
    const id = context.trajectory.id;
    const { of, plus, times } = arithmetic(textOf(parameters, "precision") as Precision);
    const line = (at: number): { name: string; expression: Expression; value: number } => {
      const reward = decisionSymbol("r", id, series, at, series.rewards[at]!, "reward");
      const next = at + 1 < returns.length ? returns[at + 1]! : bootstrap;
      const stops = endsAt(series, at) && !(at === returns.length - 1 && bootstrap !== 0);
      const later =
        at + 1 < returns.length
          ? decisionSymbol("G", id, series, at + 1, next, "return to go")
          : symbol("V_end", next, "value of the state after the last reward");
      const expression =
        stops || (at + 1 === returns.length && bootstrap === 0)
          ? of(reward)
          : plus(of(reward), times(of(symbol("gamma", gamma, "discount")), later));
      return { name: `G_${series.positions[at]!}`, expression, value: returns[at]! };
    };
    const lines = [line(t)];
    for (let at = t + 1; at < Math.min(returns.length, t + 4); at++) lines.push(line(at));
    return {
      title: "Return to go",
      convention: `gamma ${gamma}, ${textOf(parameters, "rewards")} rewards`,
      lines,
      source: discountedReturn.source,
      notes: prepared.notes,
    };
  },
};
