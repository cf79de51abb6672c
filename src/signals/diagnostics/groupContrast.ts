import { numberOf } from "../series/parameters";
import { needHow } from "../signal";
import { diagnostic, percentOf, plain, type Finding } from "./diagnostic";
import { isNumber, rowsByStep } from "./trainingSteps";

/** Groups whose rewards are all equal, or so close that dividing by the deviation blows their difference up. */
export const zeroVariance = diagnostic({
  id: "zero-variance",
  scope: "group",
  title: "Group without contrast",
  unit: "reward",
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "nearTie",
      description: "Largest difference of rewards that still counts as a near tie.",
      type: "number",
      minimum: 0,
      default: 0.01,
    },
  ],
  source:
    "Yu et al. 2025, DAPO (dynamic sampling); group-relative estimators divide by the deviation of the group",
  description:
    "Largest difference between the rewards of a group. Equal rewards give every member advantage 0; nearly equal ones are blown up to about plus and minus 1 by estimators that divide by the deviation.",
  inspect(context, parameters) {
    const { group } = context;
    if (!group) return { missing: ["group"], how: needHow.group };
    const rewards = group.members.map((member) => member.reward).filter(isNumber);
    if (rewards.length < 2)
      return {
        missing: ["outcomeReward"],
        how: `Needs two recorded rewards in the group; it has ${rewards.length}.`,
      };
    const low = rewards.reduce((a, b) => Math.min(a, b));
    const range = rewards.reduce((a, b) => Math.max(a, b)) - low;
    const limit = numberOf(parameters, "nearTie");
    const about = {
      diagnosticId: "zero-variance",
      trajectoryIds: group.members.map((member) => member.trajectoryId),
      groupId: group.groupId,
      ...(group.trainingStep === undefined ? {} : { trainingStep: group.trainingStep }),
      value: range,
    };
    const findings: Finding[] =
      range === 0
        ? [
            {
              ...about,
              severity: "information",
              message: `All ${rewards.length} rewards of the group are ${plain(low)}: it teaches nothing under a group-relative estimator.`,
            },
          ]
        : range <= limit
          ? [
              {
                ...about,
                severity: "warning",
                message: `The ${rewards.length} rewards of the group differ by at most ${plain(range)}: an estimator that divides by the deviation makes full-size advantages out of it.`,
              },
            ]
          : [];
    return { values: Float64Array.of(range), findings };
  },
});

/** Groups that are smaller than the others of the run, or whose members lack rewards. */
export const groupCompleteness = diagnostic({
  id: "group-completeness",
  scope: "group",
  title: "Incomplete group",
  unit: "rollouts",
  needs: ["group", "dataset"],
  parameters: [
    {
      name: "expected",
      description: "Members that a group should have; empty takes the most common size of the run.",
      type: "integer",
      minimum: 1,
      default: null,
    },
  ],
  source: "Rollouts that were overwritten, filtered or lost make group baselines wrong without a trace",
  description:
    "How many members, or rewards of members, a group lacks beside the usual size of the run's groups. The baseline of an incomplete group is that of fewer rollouts than the trainer sampled, or of others.",
  inspect(context, parameters) {
    const { group } = context;
    if (!group) return { missing: ["group"], how: needHow.group };
    let expected = parameters["expected"] as number | null;
    if (expected === null) {
      const steps = rowsByStep(context);
      if ("missing" in steps) return steps;
      expected = usualSize(context.dataset!);
    }
    const rewarded = group.members.filter((member) => typeof member.reward === "number").length;
    const absent = Math.max(0, expected - group.members.length);
    // A file that records no rewards at all is another matter than a group that lost some.
    const rewards = rewarded > 0 || (context.dataset ?? []).some((row) => typeof row.reward === "number");
    const unrewarded = rewards ? group.members.length - rewarded : 0;
    const extra = Math.max(0, group.members.length - expected);
    const parts = [
      ...(absent > 0 ? [`${absent} of ${expected} members are not in the data`] : []),
      ...(extra > 0
        ? [`it has ${group.members.length} members where groups of the run have ${expected}`]
        : []),
      ...(unrewarded > 0 ? [`${unrewarded} of ${group.members.length} members have no reward`] : []),
    ];
    return {
      values: Float64Array.of(absent + unrewarded),
      findings:
        parts.length === 0
          ? []
          : [
              {
                diagnosticId: "group-completeness",
                severity: "warning",
                message: `The group is not what was sampled: ${parts.join("; ")}.`,
                trajectoryIds: group.members.map((member) => member.trajectoryId),
                groupId: group.groupId,
                ...(group.trainingStep === undefined ? {} : { trainingStep: group.trainingStep }),
                value: absent + unrewarded,
              },
            ],
    };
  },
});

const sizes = new WeakMap<readonly { readonly groupId?: string }[], number>();

/** The most common size of groups, the larger one of a tie. */
function usualSize(rows: readonly { readonly groupId?: string }[]): number {
  const known = sizes.get(rows);
  if (known !== undefined) return known;
  const members = new Map<string, number>();
  for (const { groupId } of rows)
    if (groupId !== undefined) members.set(groupId, (members.get(groupId) ?? 0) + 1);
  const counts = new Map<number, number>();
  for (const size of members.values()) counts.set(size, (counts.get(size) ?? 0) + 1);
  const [usual] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  const size = usual?.[0] ?? 0;
  sizes.set(rows, size);
  return size;
}

/** Groups in which several members wrote the same. */
export const duplicateAnswers = diagnostic({
  id: "duplicate-answers",
  scope: "group",
  title: "Duplicate answers",
  unit: "share",
  needs: ["group", "text"],
  parameters: [
    {
      name: "share",
      description: "Share of members with the same text as an earlier one from which on it is a finding.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
    },
  ],
  source: "Mode collapse of the policy: sampled rollouts of one prompt that are the same text",
  description:
    "Share of a group's members whose text (white space aside) an earlier member has written already. Many duplicates mean that sampling is too cold or that the policy has collapsed; the group is smaller than it looks.",
  inspect(context, parameters) {
    const { group } = context;
    if (!group) return { missing: ["group"], how: needHow.group };
    const byText = new Map<string, string[]>();
    let told = 0;
    for (const { trajectory, trajectoryId } of group.members) {
      const text = trajectory?.steps
        .filter((step) => step.role === "assistant")
        .map((step) => `${step.thought ?? ""} ${step.action ?? ""} ${JSON.stringify(step.toolCalls ?? [])}`)
        .join("\n")
        .replace(/\s+/gu, " ")
        .trim();
      if (text === undefined || text === "" || text === "[]") continue;
      told++;
      const same = byText.get(text);
      if (same) same.push(trajectoryId);
      else byText.set(text, [trajectoryId]);
    }
    if (told < 2) return { missing: ["text"], how: "Needs the text of at least two members of the group." };
    const share = 1 - byText.size / told;
    const repeated = [...byText.values()].filter((ids) => ids.length > 1).sort((a, b) => b.length - a.length);
    return {
      values: Float64Array.of(share),
      findings:
        share < numberOf(parameters, "share") || repeated.length === 0
          ? []
          : [
              {
                diagnosticId: "duplicate-answers",
                severity: "warning",
                message: `${told} rollouts of the group are only ${byText.size} different texts (${percentOf(share)} duplicates; one text ${repeated[0]!.length} times).`,
                trajectoryIds: repeated.flat(),
                groupId: group.groupId,
                ...(group.trainingStep === undefined ? {} : { trainingStep: group.trainingStep }),
                value: share,
              },
            ],
    };
  },
});
