import type { NumericColumn, Step, Trajectory } from "../../model/trajectory";
import type { SignalContext } from "../signal";
import type { Missing } from "./episode";
import { missing } from "./modelInputs";

/** The column of a numeric episode that plays a role, when there is exactly one number a step. */
function scalarColumn(trajectory: Trajectory, role: NumericColumn["role"]): NumericColumn | undefined {
  return trajectory.columns?.columns.find((column) => column.role === role && column.width === 1);
}

/** True for steps in which the policy acted: assistant turns, and every step that carries its own reward. */
function isDecision(step: Step): boolean {
  return step.role === "assistant" || typeof step.reward === "number";
}

/** Rewards, values and end flags of one trajectory as its file or a model has them. */
export interface EpisodeParts {
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

function numericParts(
  trajectory: Trajectory,
  context: SignalContext,
  rewardsFrom: string,
): EpisodeParts | Missing {
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

function stepParts(
  trajectory: Trajectory,
  context: SignalContext,
  rewardsFrom: string,
): EpisodeParts | Missing {
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

/** The entries at the positions; loops, since a row may have a million tokens. */
function gathered(source: Float64Array, positions: Int32Array): Float64Array {
  const out = new Float64Array(positions.length);
  for (let t = 0; t < positions.length; t++) out[t] = source[positions[t]!]!;
  return out;
}

function tokenParts(
  trajectory: Trajectory,
  context: SignalContext,
  rewardsFrom: string,
  policyOnly: boolean,
): EpisodeParts | Missing {
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
  const counts = (i: number): boolean => !policyOnly || mask === undefined || mask[i] === 1;
  let size = 0;
  for (let i = 0; i < tokens.count; i++) if (counts(i)) size++;
  const positions = new Int32Array(size);
  let next = 0;
  for (let i = 0; i < tokens.count; i++) if (counts(i)) positions[next++] = i;
  const values = tokens.series["value"] ?? modelSeries(context, "value", "token", tokens.count);
  const source = scored ?? recorded;
  return {
    level: "token",
    length: tokens.count,
    positions,
    rewards: rewardsFrom === "outcome" ? new Float64Array(size).fill(NaN) : gathered(source!, positions),
    values: values ? gathered(values, positions) : undefined,
    terminated: new Uint8Array(positions.length),
    truncated: new Uint8Array(positions.length),
    finalValue: NaN,
    flags: false,
  };
}

/** Takes the parts from the place that the level calls for; `auto` takes steps when they carry rewards. */
export function episodeParts(
  context: SignalContext,
  rewardsFrom: string,
  level: string,
  policyOnly: boolean,
): EpisodeParts | Missing {
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
