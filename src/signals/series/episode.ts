import {
  type Need,
  type Parameter,
  type ParameterValues,
  type SignalContext,
  type SignalResult,
} from "../signal";
import { episodeParts } from "./episodeParts";
import { missing } from "./modelInputs";
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

/**
 * Gathers the rewards, values and end flags of one trajectory as the parameters say.
 * Nothing is filled in: an absent reward is NaN unless `missingRewards` is `zero`, and a note says how many there were.
 */
export function episodeSeries(context: SignalContext, parameters: ParameterValues): EpisodeSeries | Missing {
  const rewardsFrom = textOf(parameters, "rewards");
  const parts = episodeParts(
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
