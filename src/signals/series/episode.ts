import type { NumericColumn, Step, Trajectory } from "../../model/trajectory";
import {
  needHow,
  type Need,
  type Parameter,
  type ParameterValues,
  type SignalContext,
  type SignalResult,
} from "../signal";
import { flagOf, textOf } from "./parameters";

export type Missing = Extract<SignalResult, { missing: readonly Need[] }>;

/** What an estimator needs of one episode, in time order, one entry per decision. */
export interface EpisodeSeries {
  readonly level: "step" | "token";
  /** Length of the result: the trajectory's steps or tokens. */
  readonly length: number;
  /** Index into the result of each decision, [T]. */
  readonly positions: Int32Array;
  /** Reward of each decision, [T]; NaN = not recorded. */
  readonly rewards: Float64Array;
  /** State value before each decision, [T]; absent when none is recorded or scored. */
  readonly values?: Float64Array;
  /** 1 where the episode ended in a terminal state, [T]. */
  readonly terminated: Uint8Array;
  /** 1 where the episode was cut, [T]. */
  readonly truncated: Uint8Array;
  /** Value of the state after the last decision; NaN = unknown. */
  readonly finalValue: number;
  /** How the episode ended, as far as the file tells. */
  readonly end: "terminated" | "truncated" | "running" | "unknown";
  readonly notes: readonly string[];
}

/** Parameters that say where rewards and values come from; shared by every estimator on one episode. */
export const episodeParameters: readonly Parameter[] = [
  {
    name: "rewards",
    description:
      "Where rewards come from: recorded in the file, a model's scores, or the outcome reward on the last decision and 0 before it.",
    type: "choice",
    choices: ["recorded", "model", "outcome"],
    default: "recorded",
  },
  {
    name: "level",
    description: "Step or token level; auto takes steps when they carry rewards, otherwise tokens.",
    type: "choice",
    choices: ["auto", "step", "token"],
    default: "auto",
  },
  {
    name: "missingRewards",
    description: "A decision without a recorded reward makes earlier sums unknown; zero counts it as 0.",
    type: "choice",
    choices: ["unknown", "zero"],
    default: "unknown",
  },
  {
    name: "policyTokensOnly",
    description: "At token level, skip tokens that the policy did not produce (mask 0).",
    type: "boolean",
    default: true,
  },
];

/** The column of a numeric episode that plays a role, when there is exactly one number a step. */
function scalarColumn(trajectory: Trajectory, role: NumericColumn["role"]): NumericColumn | undefined {
  return trajectory.columns?.columns.find((column) => column.role === role && column.width === 1);
}

function missing(need: Need, how = needHow[need]): Missing {
  return { missing: [need], how };
}

/** True for steps in which the policy acted: assistant turns, and every step that carries its own reward. */
function isDecision(step: Step): boolean {
  return step.role === "assistant" || typeof step.reward === "number";
}

interface Parts {
  level: "step" | "token";
  length: number;
  positions: Int32Array;
  rewards: Float64Array;
  values: Float64Array | undefined;
  terminated: Uint8Array;
  truncated: Uint8Array;
  finalValue: number;
  /** True when per-step end flags were recorded. */
  flags: boolean;
}

function modelSeries(
  context: SignalContext,
  name: string,
  level: "step" | "token",
  length: number,
): Float64Array | undefined {
  return context.scores?.find(
    (series) => series.name === name && series.level === level && series.values.length === length,
  )?.values;
}

function numericParts(trajectory: Trajectory, context: SignalContext, rewardsFrom: string): Parts | Missing {
  const steps = trajectory.columns!.steps;
  const rewards = new Float64Array(steps).fill(NaN);
  const column = scalarColumn(trajectory, "reward");
  if (rewardsFrom === "recorded") {
    if (!column) return missing("rewards");
    for (let t = 0; t < Math.min(steps, column.rows); t++) rewards[t] = column.data[t]!;
  } else if (rewardsFrom === "model") {
    const scored = modelSeries(context, "reward", "step", steps);
    if (!scored)
      return missing(
        "rewards",
        "No model has scored rewards for this trajectory: choose a reward model and score it.",
      );
    rewards.set(scored);
  }
  const flags = (role: "terminated" | "truncated"): Uint8Array => {
    const source = scalarColumn(trajectory, role);
    const out = new Uint8Array(steps);
    if (source) for (let t = 0; t < Math.min(steps, source.rows); t++) out[t] = source.data[t] === 1 ? 1 : 0;
    return out;
  };
  const recorded = scalarColumn(trajectory, "value");
  let values: Float64Array | undefined;
  let finalValue = NaN;
  if (recorded) {
    values = Float64Array.from(recorded.data.subarray(0, steps));
    if (recorded.rows > steps) finalValue = recorded.data[steps]!;
  } else {
    const scored =
      modelSeries(context, "value", "step", steps + 1) ?? modelSeries(context, "value", "step", steps);
    if (scored) {
      values = scored.slice(0, steps);
      const after = context.scores?.find(
        (series) => series.name === "bootstrap_value" && series.level === "trajectory",
      );
      finalValue = scored.length > steps ? scored[steps]! : (after?.values[0] ?? NaN);
    }
  }
  return {
    level: "step",
    length: steps,
    positions: Int32Array.from({ length: steps }, (_, t) => t),
    rewards,
    values,
    terminated: flags("terminated"),
    truncated: flags("truncated"),
    finalValue,
    flags:
      scalarColumn(trajectory, "terminated") !== undefined ||
      scalarColumn(trajectory, "truncated") !== undefined,
  };
}

function stepParts(trajectory: Trajectory, context: SignalContext, rewardsFrom: string): Parts | Missing {
  const { steps } = trajectory;
  const scoredRewards =
    rewardsFrom === "model" ? modelSeries(context, "reward", "step", steps.length) : undefined;
  if (rewardsFrom === "model" && !scoredRewards) {
    return missing(
      "rewards",
      "No model has scored step rewards for this trajectory: choose a reward model and score it.",
    );
  }
  if (rewardsFrom === "recorded" && !steps.some((step) => typeof step.reward === "number"))
    return missing("rewards");
  const decisions = steps.filter((step) =>
    scoredRewards ? !Number.isNaN(scoredRewards[step.index]!) || isDecision(step) : isDecision(step),
  );
  const scoredValues = modelSeries(context, "value", "step", steps.length);
  const valueOf = (step: Step): number => {
    if (typeof step.value === "number") return step.value;
    return scoredValues ? scoredValues[step.index]! : NaN;
  };
  const anyValue = decisions.some((step) => !Number.isNaN(valueOf(step)));
  return {
    level: "step",
    length: steps.length,
    positions: Int32Array.from(decisions, (step) => step.index),
    rewards: Float64Array.from(decisions, (step) =>
      rewardsFrom === "outcome" ? NaN : scoredRewards ? scoredRewards[step.index]! : (step.reward ?? NaN),
    ),
    values: anyValue ? Float64Array.from(decisions, valueOf) : undefined,
    terminated: Uint8Array.from(decisions, (step) => (step.terminated === true ? 1 : 0)),
    truncated: Uint8Array.from(decisions, (step) => (step.truncated === true ? 1 : 0)),
    finalValue: NaN,
    flags: decisions.some((step) => step.terminated !== undefined || step.truncated !== undefined),
  };
}

function tokenParts(
  trajectory: Trajectory,
  context: SignalContext,
  rewardsFrom: string,
  policyOnly: boolean,
): Parts | Missing {
  const tokens = trajectory.tokens;
  if (!tokens) return missing("rewards");
  const recorded = tokens.series["reward"];
  const scored = rewardsFrom === "model" ? modelSeries(context, "reward", "token", tokens.count) : undefined;
  if (rewardsFrom === "recorded" && !recorded) return missing("rewards");
  if (rewardsFrom === "model" && !scored) {
    return missing(
      "rewards",
      "No model has scored token rewards aligned with this trajectory's tokens: choose a reward model and score it.",
    );
  }
  const { mask } = tokens;
  const positions: number[] = [];
  for (let i = 0; i < tokens.count; i++)
    if (!policyOnly || mask === undefined || mask[i] === 1) positions.push(i);
  const values = tokens.series["value"] ?? modelSeries(context, "value", "token", tokens.count);
  const source = scored ?? recorded;
  return {
    level: "token",
    length: tokens.count,
    positions: Int32Array.from(positions),
    rewards: Float64Array.from(positions, (i) => (rewardsFrom === "outcome" ? NaN : source![i]!)),
    values: values ? Float64Array.from(positions, (i) => values[i]!) : undefined,
    terminated: new Uint8Array(positions.length),
    truncated: new Uint8Array(positions.length),
    finalValue: NaN,
    flags: false,
  };
}

function partsOf(
  context: SignalContext,
  rewardsFrom: string,
  level: string,
  policyOnly: boolean,
): Parts | Missing {
  const { trajectory } = context;
  // A numeric episode may list its steps as well; the columns also hold the value after the last step.
  const numeric =
    trajectory.columns &&
    (trajectory.steps.length === 0 || trajectory.steps.length === trajectory.columns.steps);
  if (numeric && level !== "token") return numericParts(trajectory, context, rewardsFrom);
  if (level === "token") return tokenParts(trajectory, context, rewardsFrom, policyOnly);
  const steps = stepParts(trajectory, context, rewardsFrom);
  if (level === "step" || !("missing" in steps)) return steps;
  const tokens = tokenParts(trajectory, context, rewardsFrom, policyOnly);
  return "missing" in tokens ? steps : tokens;
}

/**
 * Gathers the rewards, values and end flags of one trajectory as the parameters say.
 * Nothing is filled in: an absent reward is NaN unless `missingRewards` is `zero`, and a note says how many there were.
 */
export function episodeSeries(context: SignalContext, parameters: ParameterValues): EpisodeSeries | Missing {
  const rewardsFrom = textOf(parameters, "rewards");
  const parts = partsOf(
    context,
    rewardsFrom,
    textOf(parameters, "level"),
    flagOf(parameters, "policyTokensOnly"),
  );
  if ("missing" in parts) return parts;
  const { outcome } = context.trajectory;
  const notes: string[] = [];
  const size = parts.positions.length;
  const { rewards } = parts;
  if (rewardsFrom === "outcome") {
    if (typeof outcome.reward !== "number") return missing("outcomeReward");
    rewards.fill(0);
    if (size > 0) rewards[size - 1] = outcome.reward;
    notes.push("The outcome reward stands on the last decision, 0 before it.");
  } else {
    const holes: number[] = [];
    for (let t = 0; t < size; t++) if (Number.isNaN(rewards[t]!)) holes.push(t);
    if (holes.length > 0) {
      const first = parts.positions[holes[0]!]!;
      if (textOf(parameters, "missingRewards") === "zero") {
        for (const t of holes) rewards[t] = 0;
        notes.push(
          `${holes.length} of ${size} decisions have no reward (first at ${parts.level} ${first}); they count as 0, as chosen.`,
        );
      } else {
        notes.push(
          `${holes.length} of ${size} decisions have no reward (first at ${parts.level} ${first}); sums that reach them are unknown. Choose missingRewards=zero to count them as 0.`,
        );
      }
    }
  }
  const last = size - 1;
  let end: EpisodeSeries["end"] = "unknown";
  if (size > 0 && parts.terminated[last] === 1) end = "terminated";
  else if (size > 0 && parts.truncated[last] === 1) end = "truncated";
  else if (outcome.truncated === true) end = "truncated";
  else if (parts.flags) end = "running";
  else if (outcome.truncated === false) end = "terminated";
  if (end === "truncated" && size > 0) parts.truncated[last] = 1;
  if (end === "terminated" && size > 0) parts.terminated[last] = 1;
  return {
    level: parts.level,
    length: parts.length,
    positions: parts.positions,
    rewards,
    ...(parts.values ? { values: parts.values } : {}),
    terminated: parts.terminated,
    truncated: parts.truncated,
    finalValue: parts.finalValue,
    end,
    notes,
  };
}

/** Spreads one number per decision over the result's positions; NaN where there was no decision. */
export function scatter(series: EpisodeSeries, values: Float64Array): Float64Array {
  const out = new Float64Array(series.length).fill(NaN);
  for (let t = 0; t < series.positions.length; t++) out[series.positions[t]!] = values[t]!;
  return out;
}

/** The decision that stands at an index of the result, -1 when there is none. */
export function decisionAt(series: EpisodeSeries, index: number): number {
  return series.positions.indexOf(index);
}
