import { binary, call, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { groupMembers, memberContexts, missing, wholeReplies } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { gradeProportions, trajectoryGrade } from "./judgeReply";

interface Grade {
  readonly grade: number;
  readonly reason: string | undefined;
  /** Replies that were read until one was accepted; 0 = the file records the grade. */
  readonly tries: number;
}

function gradeOf(context: SignalContext, tries: number): Grade | "refused" | undefined {
  const { extra } = context.trajectory;
  const [grade, reason] = [extra["reward"], extra["reward_reason"]];
  // Any trainer may call a number "reward": it is a grade when a reason stands beside it.
  if (typeof grade === "number" && typeof reason === "string") return { grade, reason, tries: 0 };
  const replies = wholeReplies(context).slice(0, tries);
  for (const [k, reply] of replies.entries()) {
    const { accepted, score, reason } = trajectoryGrade(reply);
    if (accepted) return { grade: score!, reason: reason!, tries: k + 1 };
  }
  return replies.length > 0 ? "refused" : undefined;
}

/** Longest run of equal actions of the policy. */
function repeatedActions(context: SignalContext): number {
  let longest = 0;
  let run = 0;
  let last: string | undefined;
  for (const { role, action } of context.trajectory.steps) {
    if (role !== "assistant") continue;
    run = action !== undefined && action === last ? run + 1 : 1;
    last = action;
    longest = Math.max(longest, run);
  }
  return longest;
}

export const trajectoryGradeSignal = derivedSignal({
  id: "trajectory-grade",
  title: "Trajectory grade (OS-Genesis)",
  family: "reward",
  level: "trajectory",
  unit: "grade",
  signed: false,
  needs: ["judge", "group"],
  inputs: [
    { kind: "judge", name: "", meaning: "replies about the whole trajectory, tried in order" },
    { kind: "trajectory", name: "reward", meaning: "recorded grade, with reward_reason" },
  ],
  parameters: [
    {
      name: "show",
      description: "The grade 1 to 5, or the probability that the trajectory is sampled for training.",
      type: "choice",
      choices: ["grade", "probability"],
      default: "grade",
    },
    {
      name: "tries",
      description: "Replies that are read until one is accepted.",
      type: "integer",
      minimum: 1,
      default: 5,
    },
  ],
  presets: [
    {
      id: "released",
      title: "OS-Genesis, as released",
      values: {},
      source: "OS-Copilot/OS-Genesis, collection/genesis_rm.py",
    },
    {
      id: "sampling",
      title: "OS-Genesis, sampling (paper)",
      values: { show: "probability" },
      source: "Sun et al. 2024, OS-Genesis, paper, algorithm 1 (P = R / sum R); no code",
      asDescribed: true,
    },
  ],
  source: "Sun et al. 2024, OS-Genesis; OS-Copilot/OS-Genesis, collection/genesis_rm.py",
  description:
    'Grade 1 to 5 that a judge gives a whole trajectory, read as released: the first integer after "Score:", so 4.5 is 4, and only with a reason before it. Refused replies are asked again up to five times; then there is no grade.',
  derive(context, parameters) {
    const tries = numberOf(parameters, "tries");
    const own = gradeOf(context, tries);
    if (own === undefined)
      return missing("judge", "Needs a judge's reply about the whole trajectory: choose a judge model.");
    if (own === "refused")
      return missing(
        "judge",
        `No reply of ${tries} has "Reason: ... Score: n" with n from 1 to 5: ask the judge again.`,
      );
    const notes = [
      ...(own.tries > 1 ? [`${own.tries - 1} replies were refused before this one.`] : []),
      ...(repeatedActions(context) >= 3
        ? ["Three equal actions in a row: the collector would have stopped the episode there."]
        : []),
      ...(own.reason === undefined ? [] : [`Reason: ${own.reason}`]),
    ];
    if (textOf(parameters, "show") === "grade")
      return {
        values: Float64Array.of(own.grade),
        notes,
        convention: "first integer after Score:",
        lines: () => [
          { name: "R", expression: symbol("grade", own.grade, "the judge's grade"), value: own.grade },
        ],
      };
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const grades = members.map((member) => gradeOf(member, tries));
    const known = grades.map((grade) => (grade === undefined || grade === "refused" ? NaN : grade.grade));
    const graded = known.filter((grade) => !Number.isNaN(grade));
    const place = known.slice(0, members.indexOf(context)).filter((grade) => !Number.isNaN(grade)).length;
    const value = gradeProportions(graded)[place]!;
    return {
      values: Float64Array.of(value),
      parts: { grade: Float64Array.of(own.grade) },
      group: groupMembers(context),
      notes: [
        ...notes,
        ...(graded.length < known.length
          ? [`${known.length - graded.length} members have no grade and cannot be sampled.`]
          : []),
      ],
      convention: "grade over the sum of grades",
      lines: () => [
        {
          name: "P",
          expression: binary(
            "/",
            symbol("R", own.grade, "own grade"),
            call("sum", ...graded.map((grade, k) => symbol(`R_${k + 1}`, grade, "grade of a member"))),
          ),
          value,
        },
      ],
    };
  },
});
