import type { JsonValue } from "../../model/json";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { sequenceSimilarity } from "../kernels/sequenceSimilarity";
import type { Missing } from "../series/episode";
import { flagOf, gammaParameter, numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { groupSteps, type GroupSteps } from "./groupSteps";
import {
  normaliseByKey,
  normaliseByTask,
  rowConvention,
  type RowMode,
  type StepRows,
} from "./twoLevelAdvantage";
import { twoLevelLines, twoLevelResult, type TwoLevel } from "./twoLevelExplanation";

/**
 * Discounted step returns inside each trajectory, rows in batch order being time.
 *
 * @param rewards [N]; @param trajectories trajectory of each row, [N]; @param active 0 = a padded row, which is refused
 * @param carries 1 = the return goes on from this row to later ones (UI-S1 cuts it at mismatches), [N]
 */
export function stepReturns(
  rewards: Float64Array,
  trajectories: readonly string[],
  gamma: number,
  active?: ArrayLike<number>,
  carries?: ArrayLike<number>,
): Float64Array {
  const out = new Float64Array(rewards.length);
  const rows = new Map<string, number[]>();
  trajectories.forEach((trajectory, row) => {
    if (active && !active[row])
      throw new Error(`Row ${row} is not active: step returns are taken over active rows only.`);
    const known = rows.get(trajectory);
    if (known) known.push(row);
    else rows.set(trajectory, [row]);
  });
  for (const own of rows.values()) {
    const values = Float64Array.from(own, (row) => rewards[row]!);
    // A row that does not carry keeps its own reward, and the rows before it do not see past it.
    const decay = Float64Array.from(own, (row, t) =>
      carries && (!carries[row] || (own[t + 1] !== undefined && !carries[own[t + 1]!])) ? 0 : gamma,
    );
    accumulateBackward(values, decay, values).forEach((value, t) => (out[own[t]!] = value));
  }
  return out;
}

/** A text that is equal for equal observations: dictionaries by sorted content, lists by their elements. */
function anchorKey(observation: JsonValue): string {
  if (Array.isArray(observation))
    return `[${observation.map((entry: JsonValue) => anchorKey(entry)).join(",")}]`;
  if (typeof observation === "object" && observation !== null) {
    const entries = Object.entries(observation).filter(
      (entry): entry is [string, JsonValue] => entry[1] !== undefined,
    );
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${anchorKey(value)}`).join(",")}}`;
  }
  return JSON.stringify(observation);
}

/**
 * Numbers the step groups: rows of one task whose anchor observations are equal, or similar to the first member of a
 * cluster (difflib ratio at least the threshold, first fit).
 *
 * @throws Error when similarity is asked for observations that are not texts
 */
export function anchorGroups(
  tasks: readonly string[],
  anchors: readonly JsonValue[],
  similarity?: number,
): Int32Array {
  if (similarity === undefined) {
    const numbers = new Map<string, number>();
    return Int32Array.from(anchors, (anchor, row) => {
      const key = `${JSON.stringify(tasks[row])} ${anchorKey(anchor)}`;
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return number;
    });
  }
  const clusters: { readonly task: string; readonly text: string }[] = [];
  return Int32Array.from(anchors, (anchor, row) => {
    if (typeof anchor !== "string")
      throw new Error(`Row ${row}: grouping by similarity needs observations that are texts.`);
    const task = tasks[row]!;
    const known = clusters.findIndex(
      (cluster) => cluster.task === task && sequenceSimilarity(anchor, cluster.text) >= similarity,
    );
    if (known >= 0) return known;
    clusters.push({ task, text: anchor });
    return clusters.length - 1;
  });
}

export interface GigpoOptions {
  readonly mode: RowMode;
  readonly stepWeight: number;
  readonly epsilon: number;
  /** `rows`: every step row enters the episode mean (current code); `trajectories`: one per trajectory (older copy). */
  readonly episodeOver: "rows" | "trajectories";
}

/**
 * GiGPO advantages, `A = A_episode + w A_step` (gigpo/core_gigpo.py, compute_gigpo_outcome_advantage).
 *
 * @param episodeScores whole episode reward on every row, [N]; @param stepValues discounted step returns, [N]
 * @param stepGroups from `anchorGroups`, [N]
 */
export function gigpoAdvantages(
  rows: StepRows,
  episodeScores: Float64Array,
  stepValues: Float64Array,
  stepGroups: Int32Array,
  options: GigpoOptions,
): TwoLevel {
  const episode = normaliseByTask(
    rows,
    episodeScores,
    rowConvention(options.mode, "reward", options.epsilon),
    options.episodeOver,
  );
  const step = normaliseByKey(Array.from(stepGroups, String), stepValues, options.mode, options.epsilon);
  return {
    episode,
    step,
    episodeWeight: 1,
    stepWeight: options.stepWeight,
    advantages: episode.advantages.map((value, row) => value + options.stepWeight * step.advantages[row]!),
  };
}

interface Prepared {
  readonly steps: GroupSteps;
  readonly result: TwoLevel;
  readonly returns: Float64Array;
  readonly rewards: Float64Array;
  readonly stepGroups: Int32Array;
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const steps = groupSteps(context);
  if ("missing" in steps) return steps;
  const { rows } = steps;
  if (rows.some((row) => row.step.stateKey === undefined))
    return { missing: ["stateKeys"], how: needHow.stateKeys };
  if (rows.some((row) => Number.isNaN(row.episodeReward)))
    return { missing: ["outcomeReward"], how: needHow.outcomeReward };
  if (rows.some((row) => typeof row.step.reward !== "number"))
    return { missing: ["rewards"], how: needHow.rewards };
  const rewards = Float64Array.from(rows, (row) => row.step.reward!);
  const trajectories = rows.map((row) => row.trajectoryId);
  const tasks = rows.map(() => steps.groupId);
  const returns = stepReturns(rewards, trajectories, numberOf(parameters, "gamma"));
  const similarity = flagOf(parameters, "similar") ? numberOf(parameters, "threshold") : undefined;
  const stepGroups = anchorGroups(
    tasks,
    rows.map((row) => row.step.stateKey!),
    similarity,
  );
  const result = gigpoAdvantages(
    { tasks, trajectories },
    Float64Array.from(rows, (row) => row.episodeReward),
    returns,
    stepGroups,
    {
      mode: textOf(parameters, "mode") as RowMode,
      stepWeight: numberOf(parameters, "stepWeight"),
      epsilon: numberOf(parameters, "epsilon"),
      episodeOver: textOf(parameters, "episodeOver") as "rows" | "trajectories",
    },
  );
  const alone = steps.own.filter(
    (row) => stepGroups.indexOf(stepGroups[row]!) === stepGroups.lastIndexOf(stepGroups[row]!),
  ).length;
  return {
    steps,
    result,
    returns,
    rewards,
    stepGroups,
    notes: [
      ...steps.notes,
      ...(alone > 0
        ? [
            `${alone} of ${steps.own.length} steps meet no other rollout in the same state: no step signal there.`,
          ]
        : []),
    ],
  };
}

export const gigpo: Signal = {
  id: "gigpo",
  title: "GiGPO advantage",
  family: "agentic",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["group", "stateKeys", "rewards", "outcomeReward"],
  parameters: [
    gammaParameter(0.95),
    { name: "stepWeight", description: "Weight of the step part.", type: "number", default: 1 },
    {
      name: "mode",
      description: "Subtract the mean, or divide by the deviation (n-1) as well.",
      type: "choice",
      choices: ["mean_norm", "mean_std_norm"],
      default: "mean_norm",
    },
    { name: "epsilon", description: "Added to the deviation.", type: "number", minimum: 0, default: 1e-6 },
    {
      name: "episodeOver",
      description: "Every step row enters the episode mean, or one row per trajectory.",
      type: "choice",
      choices: ["rows", "trajectories"],
      default: "rows",
    },
    {
      name: "similar",
      description: "Group similar states instead of equal ones.",
      type: "boolean",
      default: false,
    },
    {
      name: "threshold",
      description: "Least similarity (difflib ratio) of grouped states.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.95,
    },
  ],
  presets: [
    {
      id: "verl-agent",
      title: "verl-agent",
      values: {},
      source: "langfengQ/verl-agent, gigpo/core_gigpo.py (every step row counts in the episode mean)",
    },
    {
      id: "verl-agent-older",
      title: "verl-agent, older copy",
      values: { episodeOver: "trajectories" },
      source:
        "gigpo/core_gigpo.py as copied by Tongyi-ConvAI/Qwen-Character (one row per trajectory in the episode mean)",
    },
    {
      id: "std",
      title: "verl-agent, mean_std_norm",
      values: { mode: "mean_std_norm" },
      source: "langfengQ/verl-agent, gigpo/core_gigpo.py, mode mean_std_norm",
    },
  ],
  source: "Feng et al. 2025, Group-in-Group Policy Optimization; langfengQ/verl-agent, gigpo/core_gigpo.py",
  description:
    "Episode advantage inside the group plus the advantage of a step's discounted return among all steps of the group that started from the same state. A state met once gives no step signal.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    return twoLevelResult(context, prepared.steps, prepared.result, prepared.returns, prepared.notes);
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const over = textOf(parameters, "episodeOver") as "rows" | "trajectories";
    const lines = twoLevelLines(prepared.steps, prepared.result, index, {
      episodeScores: Float64Array.from(prepared.steps.rows, (row) => row.episodeReward),
      episodeOver: over,
      stepValues: prepared.returns,
      stepGroups: prepared.stepGroups,
      mode: textOf(parameters, "mode") as RowMode,
      epsilon: numberOf(parameters, "epsilon"),
      stepMeaning: "discounted return from the step",
    });
    return (
      lines && {
        title: "GiGPO advantage",
        convention: `${textOf(parameters, "mode")}, eps ${numberOf(parameters, "epsilon")}, episode mean over ${over}, gamma ${numberOf(parameters, "gamma")}`,
        lines,
        source: gigpo.source,
        notes: prepared.notes,
      }
    );
  },
};
