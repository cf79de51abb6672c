import { median } from "d3-array";
import { numberOf } from "../series/parameters";
import type { DatasetRow } from "../signal";
import { diagnostic, percentOf, plain, type Finding } from "./diagnostic";
import { isNumber, rowsByStep, stepsText } from "./trainingSteps";

const stepOf = (trainingStep: number | undefined): { trainingStep?: number } =>
  trainingStep === undefined ? {} : { trainingStep };

/** Members of the groups of two and more, by group. */
function groupsOf(rows: readonly DatasetRow[]): readonly (readonly DatasetRow[])[] {
  const groups = new Map<string, DatasetRow[]>();
  for (const row of rows) {
    if (row.groupId === undefined) continue;
    const members = groups.get(row.groupId);
    if (members) members.push(row);
    else groups.set(row.groupId, [row]);
  }
  return [...groups.values()].filter((members) => members.length > 1);
}

/** Groups in which everybody failed or everybody passed, per training step. */
export const groupOutcomes = diagnostic({
  id: "group-outcomes",
  scope: "dataset",
  title: "All fail, all pass",
  unit: "share",
  needs: ["dataset", "outcomeReward"],
  parameters: [
    {
      name: "share",
      description: "Share of groups without a mixed outcome from which on a training step is a finding.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
    },
    {
      name: "pass",
      description: "Reward from which on a rollout counts as passed, where the file records no success.",
      type: "number",
      default: 1,
    },
  ],
  source: "Yu et al. 2025, DAPO: groups whose accuracy is 0 or 1 give no gradient",
  description:
    "Share of groups in which all members failed or all passed, one number per training step, with both shares beside it. Only mixed groups teach a group-relative estimator anything about success.",
  inspect(context, parameters) {
    const steps = rowsByStep(context);
    if ("missing" in steps) return steps;
    const pass = numberOf(parameters, "pass");
    const outcome = (row: DatasetRow): boolean | undefined =>
      typeof row.success === "boolean" ? row.success : isNumber(row.reward) ? row.reward >= pass : undefined;
    const [values, fail, allPass] = [[], [], []] as [number[], number[], number[]];
    const stepNumbers: number[] = [];
    const findings: Finding[] = [];
    for (const { trainingStep, rows } of steps) {
      const judged = groupsOf(rows).filter((members) => members.every((row) => outcome(row) !== undefined));
      const failed = judged.filter((members) => members.every((row) => outcome(row) === false));
      const passed = judged.filter((members) => members.every((row) => outcome(row) === true));
      const share = (failed.length + passed.length) / judged.length;
      values.push(share);
      fail.push(failed.length / judged.length);
      allPass.push(passed.length / judged.length);
      stepNumbers.push(trainingStep ?? NaN);
      if (judged.length === 0 || share < numberOf(parameters, "share")) continue;
      findings.push({
        diagnosticId: "group-outcomes",
        severity: failed.length >= passed.length ? "warning" : "information",
        message: `${trainingStep === undefined ? "In the run" : `At step ${trainingStep}`} ${percentOf(share)} of ${judged.length} groups are not mixed: ${failed.length} all failed, ${passed.length} all passed.`,
        trajectoryIds: [...failed, ...passed].flat().map((row) => row.trajectoryId),
        ...stepOf(trainingStep),
        value: share,
      });
    }
    if (values.every(Number.isNaN))
      return {
        missing: ["outcomeReward"],
        how: "Needs groups of two or more rollouts with a recorded success or reward.",
      };
    return {
      values: Float64Array.from(values),
      parts: {
        "training step": Float64Array.from(stepNumbers),
        "all fail": Float64Array.from(fail),
        "all pass": Float64Array.from(allPass),
      },
      findings,
    };
  },
});

/** Rollouts that were cut, and lengths that pile up at a cap. */
export const truncation = diagnostic({
  id: "truncation",
  scope: "dataset",
  title: "Truncation",
  unit: "share",
  needs: ["dataset"],
  parameters: [
    {
      name: "share",
      description: "Share of truncated rollouts from which on a training step is a finding.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.1,
    },
    {
      name: "pile",
      description:
        "Rollouts of exactly the greatest length that make a cap, where truncation is not recorded.",
      type: "integer",
      minimum: 2,
      default: 4,
    },
  ],
  source:
    "Rollouts cut by a token limit are scored as if they had ended; see DAPO's overlong filtering and shaping",
  description:
    "Share of rollouts per training step that were cut by a limit. Where the file does not say, rollouts that share exactly the greatest token count are taken for cut, when there are several of them.",
  inspect(context, parameters) {
    const steps = rowsByStep(context);
    if ("missing" in steps) return steps;
    const all = steps.flatMap(({ rows }) => rows);
    const recorded = all.some((row) => row.truncated !== undefined);
    const tokens = all.map((row) => row.tokenCount).filter(isNumber);
    const cap = tokens.reduce((a, b) => Math.max(a, b), -Infinity);
    const piled = all.filter((row) => row.tokenCount === cap).length;
    if (!recorded && tokens.length === 0)
      return { missing: ["dataset"], how: "The file records neither truncation nor token counts." };
    const capped = !recorded && piled >= numberOf(parameters, "pile") && new Set(tokens).size > 1;
    const cut = (row: DatasetRow): boolean =>
      recorded ? row.truncated === true : capped && row.tokenCount === cap;
    // Episodes of a task without an end are all cut by its time limit: that is the task, not a fault of the run.
    const told = all.filter((row) => row.truncated !== undefined);
    const endless = recorded && told.length > 1 && told.every((row) => row.truncated === true);
    const findings: Finding[] = [];
    const values = steps.map(({ trainingStep, rows }) => {
      const judged = recorded ? rows.filter((row) => row.truncated !== undefined) : rows;
      const found = judged.filter(cut);
      const share = judged.length === 0 ? NaN : found.length / judged.length;
      if (!endless && share >= numberOf(parameters, "share") && found.length > 0) {
        const rewarded = found.filter((row) => isNumber(row.reward) && row.reward > 0).length;
        findings.push({
          diagnosticId: "truncation",
          severity: "warning",
          message: `${trainingStep === undefined ? "In the run" : `At step ${trainingStep}`} ${found.length} of ${judged.length} rollouts (${percentOf(share)}) ${recorded ? "were truncated" : `have exactly ${cap} tokens, the greatest length of the run`}; ${rewarded} of them have a reward above 0.`,
          trajectoryIds: found.map((row) => row.trajectoryId),
          ...stepOf(trainingStep),
          value: share,
        });
      }
      return share;
    });
    return {
      values: Float64Array.from(values),
      parts: { "training step": Float64Array.from(steps, (step) => step.trainingStep ?? NaN) },
      findings,
      notes: endless
        ? [`All ${told.length} rollouts were cut by a limit: a task without an end of its own.`]
        : recorded
          ? []
          : [
              capped
                ? `Truncation is not recorded; ${piled} rollouts have exactly ${cap} tokens.`
                : "Truncation is not recorded, and no length piles up at a cap.",
            ],
    };
  },
});

/** Rewards far from the others of their training step, and rewards that are no numbers. */
export const rewardOutliers = diagnostic({
  id: "reward-outliers",
  scope: "dataset",
  title: "Reward outliers",
  unit: "robust z",
  needs: ["dataset", "outcomeReward"],
  parameters: [
    {
      name: "limit",
      description:
        "Distance from the median, in 1.4826 median absolute deviations, from which on it is a finding.",
      type: "number",
      minimum: 0,
      default: 6,
    },
    {
      name: "leastValues",
      description: "Different rewards that a training step must have: pass and fail have no outliers.",
      type: "integer",
      minimum: 2,
      default: 6,
    },
  ],
  source:
    "Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers: distances from the median in median absolute deviations",
  description:
    "Largest distance of a reward from the median of its training step, in robust standard deviations, one number per training step. NaN and infinite rewards are reported whatever the others are.",
  inspect(context, parameters) {
    const steps = rowsByStep(context);
    if ("missing" in steps) return steps;
    const findings: Finding[] = [];
    const values = steps.map(({ trainingStep, rows }) => {
      const odd = rows.filter((row) => typeof row.reward === "number" && !Number.isFinite(row.reward));
      const where = trainingStep === undefined ? "In the run" : `At step ${trainingStep}`;
      if (odd.length > 0)
        findings.push({
          diagnosticId: "reward-outliers",
          severity: "warning",
          message: `${where} ${odd.length} rewards are no finite numbers (the first is ${String(odd[0]!.reward)}).`,
          trajectoryIds: odd.map((row) => row.trajectoryId),
          ...stepOf(trainingStep),
          value: odd[0]!.reward!,
        });
      const rewards = rows.map((row) => row.reward).filter(isNumber);
      if (new Set(rewards).size < numberOf(parameters, "leastValues")) return NaN;
      const middle = median(rewards)!;
      const spread = 1.4826 * median(rewards, (reward) => Math.abs(reward - middle))!;
      if (spread === 0) return NaN;
      const distance = (row: DatasetRow): number => Math.abs((row.reward as number) - middle) / spread;
      const far = rows
        .filter((row) => isNumber(row.reward) && distance(row) > numberOf(parameters, "limit"))
        .sort((a, b) => distance(b) - distance(a));
      const [worst] = far;
      if (worst)
        findings.push({
          diagnosticId: "reward-outliers",
          severity: "warning",
          message: `${where} ${far.length} of ${rewards.length} rewards lie far from the median ${plain(middle)}; the farthest is ${plain(worst.reward as number)}, ${plain(distance(worst))} robust deviations away.`,
          trajectoryIds: far.map((row) => row.trajectoryId),
          ...stepOf(trainingStep),
          value: distance(worst),
        });
      return rewards.reduce((most, reward) => Math.max(most, Math.abs(reward - middle) / spread), 0);
    });
    if (!context.dataset!.some((row) => typeof row.reward === "number"))
      return { missing: ["outcomeReward"], how: `No row of ${stepsText(steps)} records a reward.` };
    return {
      values: Float64Array.from(values),
      parts: { "training step": Float64Array.from(steps, (step) => step.trainingStep ?? NaN) },
      findings,
    };
  },
});
