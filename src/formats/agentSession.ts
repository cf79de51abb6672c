import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Outcome } from "../model/trajectory";
import { given, type TrajectoryDraft } from "./draft";
import type { FileHead } from "./format";
import { isList, isObject, recordedNumber, textOf, titleOf } from "./jsonFields";
import { parseJson } from "./jsonText";
import { contentOf, messageSteps, roleOf, spokenOf } from "./messages";

/** Session logs of coding agents hold what was said and done, never how it was graded. */
export const UNGRADED_SESSION: Note = {
  code: "no-reward",
  message: "The session's log records no reward: whether the task was solved is not in it.",
};

/** What a terminal puts into a user's turn by itself: commands, their output, and remarks for the model. */
const INJECTED =
  /^\s*<(?:command-|local-command|bash-|system-reminder|environment_context|user_instructions|session_context)|^Caveat: The messages below/;

/** What is known of a session from outside its log: how the trial that it was run in ended. */
export interface GradedBy {
  readonly outcome: Outcome;
  readonly extra: JsonObject;
  readonly notes: readonly Note[];
}

export interface Session {
  readonly messages: readonly JsonObject[];
  readonly id?: string | undefined;
  /** Says what kind of session it is where it is not the main one. */
  readonly label?: string | undefined;
  readonly parentId?: string | undefined;
  readonly groupKey?: string | undefined;
  readonly outcome: Outcome;
  readonly extra: JsonObject;
  readonly notes?: readonly Note[];
  readonly graded?: GradedBy | undefined;
}

/** The first words of the user that no program put there. */
function promptOf(messages: readonly JsonObject[]): string | undefined {
  const texts = messages
    .filter((message) => roleOf(message) === "user")
    .map((message) => contentOf(spokenOf(message)).text)
    .filter((text) => text.trim() !== "");
  return texts.find((text) => !INJECTED.test(text)) ?? texts[0];
}

/** One session of a coding agent as a trajectory. */
export function sessionDraft(session: Session): TrajectoryDraft {
  const { messages, id, label, parentId, groupKey, outcome, extra, graded } = session;
  const notes = [...(graded?.notes ?? [UNGRADED_SESSION]), ...(session.notes ?? [])];
  const prompt = promptOf(messages);
  const trial = graded?.extra["trial"];
  const task = isObject(trial) ? textOf(trial["task_name"]) : undefined;
  return {
    ...given("ownId", id),
    ...given("parentId", parentId),
    ...given("groupKey", groupKey ?? task),
    title: titleOf([label, prompt].filter((part) => part !== undefined).join(": ")),
    task: { ...given("id", task), ...given("prompt", prompt) },
    steps: messageSteps(messages),
    outcome: {
      ...outcome,
      ...graded?.outcome,
      components: { ...outcome.components, ...graded?.outcome.components },
    },
    extra: { ...extra, ...graded?.extra },
    notes,
  };
}

/** Adds up numbers by name; names whose numbers are missing everywhere stay absent. */
export function addNumbers(
  sums: Record<string, number | null>,
  values: JsonValue | undefined,
  names: Readonly<Record<string, string>>,
): void {
  if (!isObject(values)) return;
  for (const [field, name] of Object.entries(names)) {
    const number = recordedNumber(values[field]);
    if (typeof number === "number") sums[name] = (sums[name] ?? 0) + number;
  }
}

/** Lines of JSON in a text that holds other lines too, such as what a shell printed before the agent began. */
function loggedLines(text: string): JsonValue[] {
  return text.split("\n").flatMap((line): JsonValue[] => {
    if (!line.startsWith("{")) return [];
    try {
      return [parseJson(line)];
    } catch {
      return [];
    }
  });
}

/**
 * The first line of a log: the first record of a file of lines, or the first object in a text that begins with other words.
 * Undefined for documents.
 */
export function firstLineOf(head: FileHead): JsonObject | undefined {
  const first = head.text === undefined ? head.firstRecord : loggedLines(head.text)[0];
  return isObject(first) && (head.array === true || head.text !== undefined) ? first : undefined;
}

/** The objects of a record that is a list of lines, or a text with such lines, and what else stands among them. */
export function linesOf(value: JsonValue): {
  readonly lines: readonly JsonObject[];
  readonly others: readonly JsonValue[];
} {
  const list = isList(value) ? value : typeof value === "string" ? loggedLines(value) : [value];
  return { lines: list.filter(isObject), others: list.filter((line) => !isObject(line)) };
}

/** The fields that all lines which have them share with the first: they are the session's and not the step's. */
export function sharedFields(lines: readonly JsonObject[], names: readonly string[]): JsonObject {
  const shared: Record<string, JsonValue> = {};
  for (const name of names) {
    const values = new Set<string>();
    let first: JsonValue | undefined;
    for (const line of lines) {
      const value = line[name];
      if (value === undefined) continue;
      first ??= value;
      values.add(JSON.stringify(value));
      if (values.size > 1) break;
    }
    if (values.size === 1 && first !== undefined) shared[name] = first;
  }
  return shared;
}
