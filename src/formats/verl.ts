import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { TrajectorySummary } from "../model/summary";
import type { Note, Outcome } from "../model/trajectory";
import type { FileHead, Format, FormatRecord, RecordContext } from "./format";
import {
  isList,
  isObject,
  listOf,
  recordedFlag,
  recordedNumber,
  stemNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import type { LongText } from "./longText";
import { measureFlatText, stepsOfFlatText, textOfPrompt, titleOfPrompt } from "./turns";

/** Keys that are mapped to a place of their own. */
const MAPPED = new Set(["input", "output", "gts", "score", "step", "uid", "request_id"]);

/** Keys that a reader sees elsewhere. A score that is more than a number stays visible as it is. */
const SHOWN = new Set(["input", "output", "gts", "score", "step"]);
const SHOWN_WITH_SCORE = new Set(["input", "output", "gts", "step"]);

/** Keys whose numbers are answers, labels or ids, not measurements of the trajectory. */
const NOT_MEASURES = new Set([
  "pred",
  "prediction",
  "answer",
  "extracted_answer",
  "ground_truth",
  "gt",
  "label",
  "target",
  "index",
  "id",
  "idx",
  "data_source",
]);

/** The trainer's uid of a row is `{sample}_{rollout}_{output}`: members of a group share what comes before. */
const ROW_UID = /^(.+)_\d+_\d+$/s;

export const SAME_PROMPT = "rows of one training step with the same input";

/** Reward of a row: a number, or, in forks, a dict that holds `score`, or one number per token. */
function rewardOf(score: JsonValue | undefined): {
  readonly reward: number | null | undefined;
  readonly source: string;
} {
  if (isObject(score))
    return {
      reward: recordedNumber(score["score"] ?? score["reward"]),
      source: "score" in score ? "score.score" : "score.reward",
    };
  if (isList(score)) {
    let sum = 0;
    for (const value of score) sum += recordedNumber(value) ?? Number.NaN;
    return { reward: score.length === 0 ? undefined : sum, source: "sum of score over tokens" };
  }
  return { reward: recordedNumber(score), source: "score" };
}

/** Numeric columns of a row under their own names; a dict-valued score adds its parts. */
function componentsOf(row: JsonObject): Record<string, number | null> {
  const components: Record<string, number | null> = {};
  for (const key in row) {
    const value = row[key];
    if (key === "score") {
      if (isObject(value))
        for (const part in value) if (part !== "score") addNumber(components, part, value[part]);
    } else if (!MAPPED.has(key)) addNumber(components, key, value);
  }
  return components;
}

function addNumber(
  components: Record<string, number | null>,
  key: string,
  value: JsonValue | undefined,
): void {
  if (typeof value === "string" && value.length > 40) return;
  const number = recordedNumber(value);
  if (number !== undefined && !NOT_MEASURES.has(key)) components[key] = number;
}

let lastFolder: { readonly path: string; readonly isValidation: boolean } = { path: "", isValidation: false };

/** Validation dumps carry `reward`, or lie in a folder that says so. */
function splitOf(row: JsonObject, context: RecordContext): string | undefined {
  if (lastFolder.path !== context.path) {
    const folders = context.path.split(/[/\\]/).slice(-3, -1).join("/");
    lastFolder = {
      path: context.path,
      isValidation: /(^|[/\\_-])(val|valid|validation|eval|test)([/\\_-]|$)/i.test(folders),
    };
  }
  return "reward" in row || lastFolder.isValidation ? "val" : undefined;
}

function rowOf(record: FormatRecord): JsonObject {
  if (record.kind !== "value" || !isObject(record.value))
    throw new Failure("unfit-record", "The row is not a JSON object.", "Check the line in a text editor.");
  if (typeof record.value["output"] !== "string")
    throw new Failure(
      "missing-field",
      "The row has no text `output`.",
      "A verl row needs input, output and score.",
    );
  return record.value;
}

function rewardOfRow(row: JsonObject): ReturnType<typeof rewardOf> {
  if (row["score"] !== undefined) return rewardOf(row["score"]);
  if (row["rewards"] === undefined && row["reward"] !== undefined)
    return { reward: recordedNumber(row["reward"]), source: "reward" };
  const { reward } = rewardOf(listOf(row["rewards"]));
  return { reward, source: "sum of rewards over tokens" };
}

function outcomeOf(row: JsonObject): Outcome {
  const { reward, source } = rewardOfRow(row);
  const success = successOf(row);
  return {
    ...(reward === undefined ? {} : { reward, rewardSource: source }),
    ...(success === undefined ? {} : { success }),
    components: componentsOf(row),
  };
}

const SUCCESS_KEYS = ["acc", "success", "correct", "is_correct"] as const;

function successOf(row: JsonObject): boolean | null | undefined {
  for (const key of SUCCESS_KEYS) {
    const flag = recordedFlag(row[key]);
    if (flag !== undefined) return flag;
  }
  return undefined;
}

function groupOf(
  row: JsonObject,
  input: string | LongText,
): { readonly groupKey: string; readonly groupGuess?: string } {
  const uid = textOf(row["uid"]);
  if (uid !== undefined && uid !== "") return { groupKey: `uid:${ROW_UID.exec(uid)?.[1] ?? uid}` };
  return { groupKey: textOfPrompt(input), groupGuess: SAME_PROMPT };
}

/** Fields that verl-agent adds to each environment step of its batches. */
const STEP_FIELDS = ["is_action_valid", "episode_lengths", "anchor_obs"] as const;
const STEP_ROW: Note = {
  code: "guessed-step-row",
  message:
    "The row looks like one environment step of an episode (verl-agent's fields, a guess); the file does not say which rows make an episode: log traj_uid to have them together.",
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** verl's rollout and validation dumps, v0.4 to v0.9: one row a response, one file a training step. */
export const verl: Format = {
  id: "verl",
  title: "verl rollouts",
  source: "verl-project/verl, trainer.rollout_data_dir and trainer.validation_data_dir",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
  longFields: ["input", "output"],
  nativeTree: false,

  detect(head: FileHead) {
    const row = head.firstRecord;
    if (head.container === "parquet") {
      const names = new Set(head.columns?.map((column) => column.name));
      if (["input", "output", "score", "step"].every((name) => names.has(name)))
        return { confidence: 0.7, reason: "columns input, output, score, step" };
      return undefined;
    }
    if (!isObject(row) || typeof row["input"] !== "string" || typeof row["output"] !== "string")
      return undefined;
    // Forks that reward tokens or turns write `rewards`, one number a token, in place of the score.
    if (!("score" in row))
      return isList(row["rewards"]) && "step" in row
        ? { confidence: 0.8, reason: "keys input, output, rewards, step" }
        : typeof row["reward"] === "number" && "step" in row
          ? { confidence: 0.6, reason: "keys input, output, reward, step" }
          : undefined;
    if ("input_prompt" in row || "messages" in row) return undefined;
    if (!isObject(row["score"]) && !isList(row["score"]) && recordedNumber(row["score"]) === undefined)
      return undefined;
    if ("step" in row) return { confidence: 0.9, reason: "keys input, output, score, step" };
    return {
      confidence: stemNumber(head.path) === undefined ? 0.5 : 0.8,
      reason: "keys input, output, score",
    };
  },

  summarise(record, context) {
    const row = rowOf(record);
    const [longInput, longOutput] = record.kind === "value" ? (record.long ?? []) : [];
    const input = longInput ?? textOf(row["input"]) ?? "";
    const { stepCount, responseCharacters } = measureFlatText(input, longOutput ?? (row["output"] as string));
    const { groupKey, groupGuess } = groupOf(row, input);
    const ownId = textOf(row["uid"]) ?? textOf(row["request_id"]);
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const split = splitOf(row, context);
    const { reward } = rewardOfRow(row);
    const success = successOf(row);
    // Assigned one by one: an index does this millions of times, and copies of objects would take most of its time.
    const summary: Mutable<TrajectorySummary> = {
      part: 0,
      groupKey,
      title: titleOfPrompt(input),
      stepCount,
      responseCharacters,
      components: componentsOf(row),
    };
    if (groupGuess !== undefined) summary.groupGuess = groupGuess;
    if (ownId !== undefined) summary.ownId = ownId;
    if (trainingStep !== undefined) summary.trainingStep = trainingStep;
    if (split !== undefined) summary.split = split;
    if (reward !== undefined) summary.reward = reward;
    if (success !== undefined) summary.success = success;
    return [summary];
  },

  read(record, place, context) {
    const row = rowOf(record);
    const input = textOf(row["input"]);
    const { steps, notes } = stepsOfFlatText(input ?? "", row["output"] as string);
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const split = splitOf(row, context);
    const { groupGuess } = groupOf(row, input ?? "");
    const guess: Note[] =
      groupGuess === undefined
        ? []
        : [{ code: "guessed-group", message: `The group is guessed: ${groupGuess}.` }];
    return {
      ...place,
      format: "verl",
      task: {
        ...(input === undefined ? {} : { prompt: input }),
        ...(row["gts"] === undefined ? {} : { groundTruth: row["gts"] }),
      },
      ...(trainingStep === undefined ? {} : { trainingStep }),
      ...(split === undefined ? {} : { split }),
      steps,
      flatText: { prompt: input ?? "", response: row["output"] as string },
      outcome: outcomeOf(row),
      extra: without(row, isObject(row["score"]) || isList(row["score"]) ? SHOWN_WITH_SCORE : SHOWN),
      notes: [...notes, ...guess, ...(STEP_FIELDS.some((name) => name in row) ? [STEP_ROW] : [])],
    };
  },
};
