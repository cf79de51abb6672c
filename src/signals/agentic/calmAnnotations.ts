import { decisionIndices, wholeReplies } from "../series/modelInputs";
import type { SignalContext } from "../signal";
import { answerDictionary, subgoalTimes, type SubgoalTime } from "./calm";

/** What judges' answers about an episode say. */
export interface Annotation {
  readonly times: readonly SubgoalTime[];
  readonly answers: number;
  readonly unread: number;
}

/** Times at which the answers about an episode put subgoals, all answers together. */
export function annotated(context: SignalContext, form: "fenced" | "bare"): Annotation | undefined {
  const recorded = context.trajectory.extra["annotations"];
  const answers = [
    ...wholeReplies(context),
    ...(Array.isArray(recorded)
      ? recorded.filter((entry): entry is string => typeof entry === "string")
      : []),
  ];
  if (answers.length === 0) return undefined;
  const times: SubgoalTime[] = [];
  let unread = 0;
  for (const answer of answers) {
    const dictionary = answerDictionary(answer, form);
    if (dictionary) times.push(...subgoalTimes(dictionary, form === "bare"));
    else unread++;
  }
  return { times, answers: answers.length, unread };
}

/**
 * Subgoals that the file itself pins to its steps (subgoals_reached), by policy step: the action that led to what was
 * seen. Undefined where no step has any.
 */
export function recordedSubgoals({ trajectory }: SignalContext): readonly string[][] | undefined {
  const indices = decisionIndices(trajectory);
  const reasons = indices.map((): string[] => []);
  let any = false;
  for (const step of trajectory.steps) {
    const reached = step.extra?.["subgoals_reached"];
    if (!Array.isArray(reached)) continue;
    const decision = indices.findLastIndex((index) => index <= step.index);
    for (const name of reached) {
      if (typeof name !== "string") continue;
      any = true;
      reasons[decision]?.push(name);
    }
  }
  return any ? reasons : undefined;
}
