import { contrastGroups, type GroupContrast } from "../group/contrastFilter";
import type { Missing } from "../series/episode";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { stepReturns } from "./gigpo";
import { groupSteps, type GroupSteps } from "./groupSteps";
import { matchScoreParameter } from "./uis1Return";
import {
  normaliseByKey,
  normaliseByTask,
  numberKeys,
  rowConvention,
  type RowMode,
  type StepRows,
} from "./twoLevelAdvantage";
import { twoLevelLines, twoLevelResult, type TwoLevel } from "./twoLevelExplanation";

export interface Uis1Options {
  readonly mode: RowMode;
  readonly episodeWeight: number;
  readonly stepWeight: number;
  readonly epsilon: number;
}

/**
 * UI-S1 advantages (uis1/core_uis1.py, compute_uis1_outcome_advantage): the "episode" part normalises *step* scores over
 * every step row of the task; the step part normalises step returns among rows with the same step number.
 *
 * @param scores score of each step, [N]; @param returns step returns, [N]; @param stepIds step number of each row, [N]
 */
export function uis1Advantages(
  rows: StepRows,
  scores: Float64Array,
  returns: Float64Array,
  stepIds: readonly (string | number)[],
  options: Uis1Options,
): TwoLevel {
  const episode = normaliseByTask(
    rows,
    scores,
    rowConvention(options.mode, "reward", options.epsilon),
    "rows",
  );
  const step = normaliseByKey(stepKeys(rows.tasks, stepIds), returns, options.mode, options.epsilon);
  return {
    episode,
    step,
    episodeWeight: options.episodeWeight,
    stepWeight: options.stepWeight,
    advantages: episode.advantages.map(
      (value, row) => options.episodeWeight * value + options.stepWeight * step.advantages[row]!,
    ),
  };
}

const stepKeys = (tasks: readonly string[], stepIds: readonly (string | number)[]): readonly string[] =>
  tasks.map((task, row) => `${task}-${stepIds[row]}`);

/** Which number of a task UI-S1's group filter compares. */
export type Uis1Metric = "seq_future_reward" | "seq_reward" | "seq_final_reward";

/**
 * UI-S1's group filter: tasks whose metric has a population deviation above the threshold, or a single value.
 *
 * @param scores sum of token scores of each row, [N]; @param returns step returns, [N]; @param stepIds [N]
 */
export function uis1Filter(
  tasks: readonly string[],
  stepIds: ArrayLike<number>,
  scores: Float64Array,
  returns: Float64Array,
  metric: Uis1Metric,
  threshold: number,
): readonly GroupContrast[] {
  if (metric === "seq_future_reward")
    return contrastGroups(tasks, returns, threshold, (row) => stepIds[row] === 0);
  const last = new Map<string, number>();
  tasks.forEach((task, row) => last.set(task, Math.max(last.get(task) ?? -Infinity, stepIds[row]!)));
  return contrastGroups(tasks, scores, threshold, (row) => stepIds[row] === last.get(tasks[row]!));
}

interface Prepared {
  readonly steps: GroupSteps;
  readonly scores: Float64Array;
  readonly returns: Float64Array;
  readonly stepGroups: Int32Array;
  readonly result: TwoLevel;
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const steps = groupSteps(context);
  if ("missing" in steps) return steps;
  const { rows } = steps;
  if (rows.some((row) => typeof row.step.reward !== "number"))
    return { missing: ["rewards"], how: needHow.rewards };
  const scores = Float64Array.from(rows, (row) => row.step.reward!);
  let guessed = 0;
  const matches = Uint8Array.from(rows, (row) => {
    const recorded = row.step.extra?.["extract_match"];
    if (typeof recorded === "boolean") return recorded ? 1 : 0;
    guessed++;
    return row.step.reward! >= numberOf(parameters, "matchScore") ? 1 : 0;
  });
  const trajectories = rows.map((row) => row.trajectoryId);
  const tasks = rows.map(() => steps.groupId);
  const returns = stepReturns(scores, trajectories, numberOf(parameters, "gamma"), undefined, matches);
  const stepIds = rows.map((row) => row.order);
  const result = uis1Advantages({ tasks, trajectories }, scores, returns, stepIds, {
    mode: textOf(parameters, "mode") as RowMode,
    episodeWeight: numberOf(parameters, "episodeWeight"),
    stepWeight: numberOf(parameters, "stepWeight"),
    epsilon: numberOf(parameters, "epsilon"),
  });
  const notes =
    guessed > 0
      ? [
          `${guessed} steps do not record whether they match; a score of ${numberOf(parameters, "matchScore")} or more is taken as a match.`,
        ]
      : [];
  return {
    steps,
    scores,
    returns,
    stepGroups: numberKeys(stepKeys(tasks, stepIds)).groups,
    result,
    notes: [...steps.notes, ...notes],
  };
}

export const uis1: Signal = {
  id: "uis1",
  title: "UI-S1 advantage",
  family: "agentic",
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["group", "rewards"],
  parameters: [
    gammaParameter(0.5),
    {
      name: "episodeWeight",
      description: "Weight of the part over all steps of the task.",
      type: "number",
      default: 1,
    },
    {
      name: "stepWeight",
      description: "Weight of the part over equal step numbers.",
      type: "number",
      default: 1,
    },
    {
      name: "mode",
      description: "Subtract the mean, or divide by the deviation (n-1) as well.",
      type: "choice",
      choices: ["mean_norm", "mean_std_norm"],
      default: "mean_std_norm",
    },
    { name: "epsilon", description: "Added to the deviation.", type: "number", minimum: 0, default: 1e-6 },
    matchScoreParameter,
  ],
  presets: [
    {
      id: "script",
      title: "UI-S1, released script",
      values: { mode: "mean_std_norm", gamma: 0.5 },
      source: "X-PLUG/MobileAgent, UI-S1/scripts/train_example.sh",
    },
    {
      id: "function",
      title: "UI-S1, function defaults",
      values: { mode: "mean_norm", gamma: 0.5 },
      source: "X-PLUG/MobileAgent, UI-S1/uis1/core_uis1.py, compute_uis1_outcome_advantage",
    },
  ],
  source: "Lu et al. 2025, UI-S1; X-PLUG/MobileAgent, UI-S1/uis1/core_uis1.py",
  description:
    "Step scores are summed backwards with a discount, but not across steps that miss the recording; the advantage adds a part over all steps of the task and a part over the same step number. As released the first part uses step scores, although it is called episode advantage.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    return twoLevelResult(context, prepared.steps, prepared.result, prepared.returns, prepared.notes);
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const lines = twoLevelLines(prepared.steps, prepared.result, index, {
      episodeScores: prepared.scores,
      episodeOver: "rows",
      stepValues: prepared.returns,
      stepGroups: prepared.stepGroups,
      mode: textOf(parameters, "mode") as RowMode,
      epsilon: numberOf(parameters, "epsilon"),
      stepMeaning: "step return, cut at mismatches,",
    });
    return (
      lines && {
        title: "UI-S1 advantage",
        convention: `${textOf(parameters, "mode")}, eps ${numberOf(parameters, "epsilon")}, gamma ${numberOf(parameters, "gamma")}`,
        lines,
        source: uis1.source,
        notes: prepared.notes,
      }
    );
  },
};
