import { binary, number, symbol, type Expression, type ExpressionReference } from "../expression";
import { decisionAt, episodeParameters, episodeSeries, scatter, type EpisodeSeries } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

/** One n-step window: what was summed, and where the bootstrap would be taken. */
export interface NStepWindows {
  /** Discounted sum of the rewards inside each window, [T]. */
  readonly rewards: Float64Array;
  /** Factor on the bootstrap value: the product of the discounts met, [T]. */
  readonly bootstrapDiscount: Float64Array;
  /** Index of the state the window ends in: t + number of rewards summed, [T]. */
  readonly nextIndex: Int32Array;
  /** 1 when the window ended in a terminal state, [T]. */
  readonly terminated: Uint8Array;
  /** 1 when the window met a truncation or the end of the stored rows before n rewards, [T]. */
  readonly truncated: Uint8Array;
}

/**
 * Sums of up to n rewards, stopping after the first terminated or truncated step or at the last row.
 *
 * @param rewards [T]; @param terminated [T]; @param truncated [T]; @param n at least 1
 */
export function nStepWindows(
  rewards: Float64Array,
  terminated: ArrayLike<number>,
  truncated: ArrayLike<number>,
  n: number,
  gamma: number,
): NStepWindows {
  const size = rewards.length;
  const sums = new Float64Array(size);
  const bootstrapDiscount = new Float64Array(size);
  const nextIndex = new Int32Array(size);
  const ended = new Uint8Array(size);
  const cut = new Uint8Array(size);
  for (let t = 0; t < size; t++) {
    let sum = 0;
    let discount = 1;
    let k = 0;
    while (k < n && t + k < size) {
      sum += discount * rewards[t + k]!;
      discount *= gamma;
      k++;
      if (terminated[t + k - 1] || truncated[t + k - 1]) break;
    }
    sums[t] = sum;
    bootstrapDiscount[t] = discount;
    nextIndex[t] = t + k;
    ended[t] = terminated[t + k - 1] ? 1 : 0;
    cut[t] = !ended[t] && (truncated[t + k - 1] || k < n) ? 1 : 0;
  }
  return { rewards: sums, bootstrapDiscount, nextIndex, terminated: ended, truncated: cut };
}

/**
 * n-step bootstrapped returns from per-step discounts, optionally mixed over lambda (rlax). The last n-1 steps
 * bootstrap from the final value.
 *
 * @param rewards r_{t+1}, [T]; @param discounts discount_{t+1}, [T], 0 = terminal; @param nextValues V_{t+1}, [T]
 */
export function nStepBootstrappedReturns(
  rewards: Float64Array,
  discounts: Float64Array,
  nextValues: Float64Array,
  n: number,
  lambda: Float64Array | number = 1,
): Float64Array {
  const size = rewards.length;
  const out = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    const last = Math.min(t + n, size) - 1;
    let running = nextValues[last]!;
    for (let k = last; k >= t; k--) {
      const mix = typeof lambda === "number" ? lambda : lambda[k]!;
      running = rewards[k]! + discounts[k]! * ((1 - mix) * nextValues[k]! + mix * running);
    }
    out[t] = running;
  }
  return out;
}

interface Prepared {
  readonly series: EpisodeSeries;
  readonly windows: NStepWindows;
  readonly returns: Float64Array;
  readonly bootstraps: Float64Array;
  readonly notes: readonly string[];
}

function prepare(
  context: SignalContext,
  parameters: ParameterValues,
): Prepared | Extract<ReturnType<typeof episodeSeries>, { missing: unknown }> {
  const series = episodeSeries(context, parameters);
  if ("missing" in series) return series;
  const size = series.rewards.length;
  const windows = nStepWindows(
    series.rewards,
    series.terminated,
    series.truncated,
    numberOf(parameters, "n"),
    numberOf(parameters, "gamma"),
  );
  const returns = windows.rewards.slice();
  const bootstraps = new Float64Array(size).fill(NaN);
  const notes = [...series.notes];
  if (textOf(parameters, "bootstrap") === "value") {
    const { values } = series;
    if (!values) return { missing: ["values"], how: needHow.values };
    let unknown = 0;
    for (let t = 0; t < size; t++) {
      if (windows.terminated[t]) continue;
      const next = windows.nextIndex[t]!;
      const complete = series.end === "unknown" && next === size;
      if (complete) continue;
      bootstraps[t] = next < size ? values[next]! : series.finalValue;
      if (Number.isNaN(bootstraps[t]!)) unknown++;
      returns[t] = returns[t]! + windows.bootstrapDiscount[t]! * bootstraps[t]!;
    }
    if (unknown > 0)
      notes.push(`${unknown} windows end in a state without a recorded value; their returns are unknown.`);
    if (series.end === "unknown")
      notes.push("The file does not tell how the episode ended; its last state is taken as terminal.");
  }
  return { series, windows, returns, bootstraps, notes };
}

export const nStep: Signal = {
  id: "n-step-return",
  title: "n-step return",
  family: "returns",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "values"],
  parameters: [
    { name: "n", description: "Rewards per window.", type: "integer", minimum: 1, default: 3 },
    gammaParameter(0.99),
    ...episodeParameters,
    {
      name: "bootstrap",
      description: "Add the discounted value of the state after the window, or give the rewards alone.",
      type: "choice",
      choices: ["value", "none"],
      default: "value",
    },
  ],
  presets: [
    {
      id: "sb3",
      title: "Stable-Baselines3",
      values: { bootstrap: "none" },
      source:
        "DLR-RM/stable-baselines3, common/buffers.py, NStepReplayBuffer._get_samples: the rewards; the learner adds gamma^k of the effective k",
    },
    {
      id: "rllib",
      title: "RLlib",
      values: { bootstrap: "none" },
      source:
        "ray 2.58.0, rllib/evaluation/postprocessing.py, adjust_nstep: the rewards; the learner always discounts by gamma^n",
    },
    {
      id: "tianshou",
      title: "Tianshou",
      values: { bootstrap: "value" },
      source: "thu-ml/tianshou, algorithm_base.py, _nstep_return",
    },
    {
      id: "rlax",
      title: "rlax",
      values: { bootstrap: "value" },
      source: "google-deepmind/rlax, multistep.py, n_step_bootstrapped_returns",
    },
  ],
  source: "Sutton & Barto, Reinforcement Learning, 2nd ed., eq. 7.1",
  description:
    "Sum of up to n discounted rewards, stopped by the first end of an episode, plus the discounted value of the state reached. Libraries differ in who adds the bootstrap and with which discount when the window is short.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { series, windows } = prepared;
    return {
      level: series.level,
      values: scatter(series, prepared.returns),
      parts: {
        "bootstrap discount": scatter(series, windows.bootstrapDiscount),
        "window rewards": scatter(series, windows.rewards),
      },
      notes: prepared.notes,
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { series, windows, returns, bootstraps } = prepared;
    const t = decisionAt(series, index);
    if (t < 0 || Number.isNaN(returns[t]!)) return undefined;
    const id = context.trajectory.id;
    const gamma = symbol("gamma", numberOf(parameters, "gamma"), "discount");
    const terms: Expression[] = [];
    for (let k = t; k < windows.nextIndex[t]!; k++) {
      const reward = decisionSymbol("r", id, series, k, series.rewards[k]!, "reward");
      terms.push(k === t ? reward : binary("*", binary("^", gamma, number(k - t)), reward));
    }
    const steps = windows.nextIndex[t]! - t;
    let expression: Expression = { kind: "call", name: "sum", arguments: terms };
    if (!Number.isNaN(bootstraps[t]!)) {
      const next = windows.nextIndex[t]!;
      const reference: ExpressionReference | undefined =
        next < series.positions.length
          ? series.level === "step"
            ? { trajectoryId: id, stepIndex: series.positions[next]! }
            : { trajectoryId: id, tokenIndex: series.positions[next]! }
          : undefined;
      const value = symbol("V_next", bootstraps[t]!, "value of the state after the window", reference);
      expression = binary("+", expression, binary("*", binary("^", gamma, number(steps)), value));
    }
    return {
      title: `${numberOf(parameters, "n")}-step return`,
      convention: `n ${numberOf(parameters, "n")}, gamma ${numberOf(parameters, "gamma")}, bootstrap ${textOf(parameters, "bootstrap")}`,
      lines: [{ name: `G_${index}`, expression, value: returns[t]! }],
      source: nStep.source,
      notes: [...prepared.notes, `The window holds ${steps} reward${steps === 1 ? "" : "s"}.`],
    };
  },
};

/**
 * n-step targets from a replay buffer (Tianshou, _nstep_return): row i sums the rewards of its stack of indices, stops
 * after the first end flag, and adds the target value of the last index, whose termination is already masked.
 *
 * @param rewards of the whole buffer, [B]; @param ends 1 = the episode ends after that row, [B]
 * @param targetValues bootstrap value of each row, [I]; @param stacks index of row i at offset n, [n][I]
 */
export function nStepTargets(
  rewards: Float64Array,
  ends: ArrayLike<number>,
  targetValues: Float64Array,
  stacks: readonly Int32Array[],
  gamma: number,
): Float64Array {
  const out = new Float64Array(targetValues.length);
  for (let row = 0; row < out.length; row++) {
    let sum = 0;
    let discount = 1;
    for (const stack of stacks) {
      const index = stack[row]!;
      sum += discount * rewards[index]!;
      discount *= gamma;
      if (ends[index]) break;
    }
    out[row] = sum + discount * targetValues[row]!;
  }
  return out;
}
