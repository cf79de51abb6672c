import { binary, number, symbol, type Expression } from "../expression";
import { deviationLine, meanLine } from "../group/groupExplanation";
import type { GroupResult } from "../kernels/groupNormalisation";
import type { ExplanationLine, SignalContext, SignalResult } from "../signal";
import type { GroupSteps } from "./groupSteps";
import { firstRows, type RowMode } from "./twoLevelAdvantage";

/** Episode and step parts of an advantage, one entry per row of the group. */
export interface TwoLevel {
  readonly episode: GroupResult;
  readonly step: GroupResult;
  readonly episodeWeight: number;
  readonly stepWeight: number;
  readonly advantages: Float64Array;
}

/** The trajectory's own rows as a step series with its parts. */
export function twoLevelResult(
  context: SignalContext,
  steps: GroupSteps,
  result: TwoLevel,
  stepValues: Float64Array,
  notes: readonly string[],
): SignalResult {
  const place = (values: Float64Array): Float64Array => {
    const out = new Float64Array(context.trajectory.steps.length).fill(NaN);
    for (const row of steps.own) out[steps.rows[row]!.step.index] = values[row]!;
    return out;
  };
  return {
    level: "step",
    values: place(result.advantages),
    parts: {
      "episode advantage": place(result.episode.advantages),
      "step advantage": place(result.step.advantages),
      "step value": place(stepValues),
    },
    group: { groupId: steps.groupId, memberIds: steps.memberIds, rewards: steps.rewards },
    notes,
  };
}

export interface TwoLevelInputs {
  readonly episodeScores: Float64Array;
  readonly episodeOver: "rows" | "trajectories";
  readonly stepValues: Float64Array;
  readonly stepGroups: Int32Array;
  readonly mode: RowMode;
  readonly epsilon: number;
  readonly stepMeaning: string;
}

/** Lines for one step: the sum, then each part with its mean and deviation. Undefined when the step has no number. */
export function twoLevelLines(
  steps: GroupSteps,
  result: TwoLevel,
  index: number,
  inputs: TwoLevelInputs,
): readonly ExplanationLine[] | undefined {
  const row = steps.own.find((candidate) => steps.rows[candidate]!.step.index === index);
  if (row === undefined || Number.isNaN(result.advantages[row]!)) return undefined;
  const all = [...steps.rows.keys()];
  const first =
    inputs.episodeOver === "rows"
      ? undefined
      : firstRows({
          tasks: all.map(() => steps.groupId),
          trajectories: all.map((r) => steps.rows[r]!.trajectoryId),
        });
  const episodeRows = all.filter((r) => first === undefined || first[r] === 1);
  const stepRows = all.filter((r) => inputs.stepGroups[r] === inputs.stepGroups[row]);
  const episodePart = symbol("A_episode", result.episode.advantages[row]!, "advantage of the episode");
  const stepPart = symbol("A_step", result.step.advantages[row]!, "advantage among steps of the same group");
  const episodeTerm =
    result.episodeWeight === 1
      ? episodePart
      : binary("*", symbol("w_episode", result.episodeWeight), episodePart);
  return [
    {
      name: `A_${index}`,
      expression: binary(
        "+",
        episodeTerm,
        binary("*", symbol("w", result.stepWeight, "weight of the step part"), stepPart),
      ),
      value: result.advantages[row]!,
    },
    ...partLines(
      "A_episode",
      "s",
      steps,
      result.episode,
      inputs.episodeScores,
      row,
      episodeRows,
      inputs,
      "score",
      "reward",
    ),
    ...partLines(
      "A_step",
      "R",
      steps,
      result.step,
      inputs.stepValues,
      row,
      stepRows,
      inputs,
      inputs.stepMeaning,
      "zero",
    ),
  ];
}

function partLines(
  name: string,
  letter: string,
  steps: GroupSteps,
  part: GroupResult,
  values: Float64Array,
  row: number,
  rows: readonly number[],
  { mode, epsilon }: TwoLevelInputs,
  meaning: string,
  alone: "reward" | "zero",
): readonly ExplanationLine[] {
  const value = part.advantages[row]!;
  const at = (r: number, label: string): Expression => {
    const { trajectoryId, step } = steps.rows[r]!;
    return symbol(label, values[r]!, `${meaning} at step ${step.index} of ${trajectoryId}`, {
      trajectoryId,
      stepIndex: step.index,
    });
  };
  const own = at(row, `${letter}_i`);
  const eps = symbol("eps", epsilon, "keeps the division away from 0");
  if (rows.length === 1) {
    const expression =
      alone === "zero"
        ? number(0)
        : mode === "mean_norm"
          ? own
          : binary("/", own, binary("+", number(1), eps));
    return [{ name, expression, value }];
  }
  const mean = symbol(`mean(${letter})`, part.baselines[row]!, "mean of the group");
  const difference = binary("-", own, mean);
  const spread = symbol(`std(${letter})`, part.spreads[row]!, "deviation of the group");
  const members = rows.map((r, k) => at(r, `${letter}_${k + 1}`));
  const lines: ExplanationLine[] = [
    {
      name,
      expression: mode === "mean_norm" ? difference : binary("/", difference, binary("+", spread, eps)),
      value,
    },
    meanLine(`mean(${letter})`, members, part.baselines[row]!),
  ];
  if (mode === "mean_std_norm")
    lines.push(deviationLine(`std(${letter})`, members, mean, "sample", part.spreads[row]!));
  return lines;
}
