import type { JsonObject } from "../model/json";
import { given } from "./draft";
import { recordedFlag, recordedNumber } from "./jsonFields";
import { messageList } from "./messages";

/**
 * What the columns of a table hold that people log to a tracker: its names are theirs ("User Query", "model/answer",
 * `sampledResponse`), so that words in the names and kinds of cells tell.
 */
export interface ColumnRoles {
  readonly prompt?: string;
  readonly response?: string;
  readonly truth?: string;
  readonly reward?: string;
  readonly success?: string;
  readonly step?: string;
  readonly id?: string;
}

const PROMPTS = new Set([
  "prompt",
  "prompts",
  "query",
  "queries",
  "question",
  "questions",
  "input",
  "inputs",
  "problem",
  "instruction",
  "task",
]);
const RESPONSES = new Set([
  "completion",
  "completions",
  "response",
  "responses",
  "output",
  "outputs",
  "generation",
  "generations",
  "generated",
  "rollout",
  "rollouts",
  "trajectory",
  "transcript",
  "conversation",
  "messages",
  "text",
  "texts",
]);
/** Words that name a response where a prompt stands beside it. */
const ANSWERS = new Set([
  "answer",
  "answers",
  "prediction",
  "predicted",
  "sample",
  "reply",
  "solution",
  "policy",
  "model",
  "chosen",
]);
const TRUTHS = new Set([
  "truth",
  "gt",
  "gts",
  "reference",
  "ref",
  "expected",
  "target",
  "label",
  "gold",
  "correct",
  "golden",
]);
const SUCCESSES = new Set(["success", "correct", "passed", "solved", "acc", "accuracy", "resolved", "won"]);
/** Columns of these words measure a text, and are none. */
const MEASURES = new Set([
  "length",
  "len",
  "tokens",
  "token",
  "count",
  "num",
  "chars",
  "words",
  "time",
  "type",
  "kind",
  "id",
  "ids",
  "mask",
  "idx",
  "index",
]);
const STEPS = /^(?:(?:global|training|train|trainer)?step|iteration|iter)$/;
const IDS = /^(?:id|uid|idx|index|(?:sample|example|task|prompt|problem|row)(?:id|idx|index))$/;
const WHOLE =
  /^(?:(?:total|final|overall|episode|mean|combined)?(?:reward|score|return)s?(?:sum|total|mean)?|r)$/;

/** Words of a name, in small letters. */
export const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");

/** Roles of columns, by the words of their names and by what the rows hold. */
export function rolesOf(names: readonly string[], rows: readonly JsonObject[]): ColumnRoles {
  const words = new Map(names.map((name) => [name, wordsOf(name)] as const));
  const has = (name: string, set: ReadonlySet<string>): boolean =>
    words.get(name)?.some((word) => set.has(word)) === true;
  const joined = (name: string): string => words.get(name)?.join("") ?? "";
  const step = names.find((name) => STEPS.test(joined(name)));
  const spoken = names.filter(
    (name) => name !== step && !has(name, MEASURES) && !/reward|score|advantage/.test(joined(name)),
  );
  const truth = spoken.find((name) => has(name, TRUTHS) && !holdsFlags(rows, name));
  const free = spoken.filter((name) => !has(name, TRUTHS));
  const prompt = free.find(
    (name) => has(name, PROMPTS) && !has(name, RESPONSES) && !has(name, ANSWERS) && isSaid(rows, name),
  );
  const others = free.filter((name) => name !== prompt);
  const response =
    others.find((name) => rows.some((row) => messageList(row[name]) !== undefined)) ??
    others.find((name) => has(name, RESPONSES) && isSaid(rows, name)) ??
    (prompt === undefined ? undefined : others.find((name) => has(name, ANSWERS) && isSaid(rows, name)));
  const scored = names.filter(
    (name) =>
      /reward|score|return/.test(joined(name)) &&
      !/advantage|normalized|std/.test(joined(name)) &&
      rows.some((row) => recordedNumber(row[name]) !== undefined),
  );
  // One reward among others that is not called the whole may be one function of several.
  const reward =
    scored.find((name) => WHOLE.test(joined(name))) ??
    (scored.length === 1 && !names.includes("advantage") ? scored[0] : undefined);
  const success = names.find(
    (name) => !scored.includes(name) && has(name, SUCCESSES) && holdsFlags(rows, name),
  );
  const id = names.find((name) => IDS.test(joined(name)));
  return {
    ...given("prompt", prompt),
    ...given("response", response),
    ...given("truth", truth),
    ...given("reward", reward),
    ...given("success", success),
    ...given("step", step),
    ...given("id", id),
  };
}

/** A column that may be a response: texts or messages, or short answers that look like numbers. */
const isSaid = (rows: readonly JsonObject[], name: string): boolean =>
  rows.every(
    (row) =>
      row[name] === null ||
      row[name] === undefined ||
      typeof row[name] === "string" ||
      messageList(row[name]) !== undefined,
  );

const holdsFlags = (rows: readonly JsonObject[], name: string): boolean =>
  rows.length > 0 && rows.every((row) => row[name] === null || recordedFlag(row[name]) !== undefined);
