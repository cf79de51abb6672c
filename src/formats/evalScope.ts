import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages, roleOf } from "./messages";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set(["messages", "target", "index"]);

const choicesOf = (row: JsonObject): readonly JsonObject[] => {
  const output = row["model_output"];
  return isObject(output) && isList(output["choices"]) ? output["choices"].filter(isObject) : [];
};

const scoreOf = (row: JsonObject | undefined): JsonObject | undefined => {
  const sample = row?.["sample_score"];
  return isObject(sample) && isObject(sample["score"]) ? sample["score"] : undefined;
};

/** Reviews of a file of predictions lie in the folder beside, under the same names. */
function reviewsPath(path: string): string | undefined {
  const match = /(?:^|[/\\])predictions[/\\]([^/\\]+)[/\\]([^/\\]+)$/.exec(path);
  return match === null ? undefined : `../../reviews/${match[1]}/${match[2]}`;
}

function outcomeOf(score: JsonObject | undefined, output: JsonObject): Outcome {
  const values = isObject(score?.["value"]) ? score["value"] : {};
  const main = textOf(score?.["main_score_name"]) ?? Object.keys(values)[0];
  const reward = main === undefined ? undefined : recordedNumber(values[main]);
  const usage = isObject(output["usage"]) ? output["usage"] : {};
  const stop = textOf(choicesOf({ model_output: output })[0]?.["stop_reason"]);
  return {
    ...(reward === undefined || main === undefined ? {} : { reward, rewardSource: main }),
    ...given("stopReason", stop),
    ...(stop === undefined ? {} : { truncated: stop === "max_tokens" || stop === "length" }),
    components: { ...numbersOf(values, new Set()), ...numbersOf(usage, new Set()) },
  };
}

/** Predictions of EvalScope, with the reviews beside them, or reviews alone. */
export const evalScope = draftedFormat({
  id: "evalscope",
  title: "EvalScope predictions and reviews",
  source:
    "modelscope/evalscope outputs/*/predictions/{model}/*.jsonl and reviews/{model}/*.jsonl (since 1.0)",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  companions(path) {
    const reviews = reviewsPath(path);
    return reviews === undefined ? [] : [reviews];
  },

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || messageList(row["messages"]) === undefined) return undefined;
    if (scoreOf(row) !== undefined) return { confidence: 0.9, reason: "messages and a sample_score" };
    return "index" in row && choicesOf(row).length > 0
      ? { confidence: 0.85, reason: "messages and a model_output of choices" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const messages = messageList(row["messages"]);
    if (messages === undefined)
      throw new Failure("missing-field", "The row has no `messages`.", "Check that it is of EvalScope.");
    const output = isObject(row["model_output"]) ? row["model_output"] : {};
    const path = reviewsPath(context.path);
    const reviews: JsonValue | undefined = path === undefined ? undefined : context.companions?.get(path);
    const review =
      scoreOf(row) === undefined && isList(reviews)
        ? reviews.filter(isObject).find((one) => one["index"] === row["index"])
        : row;
    const score = scoreOf(review);
    const sample = isObject(review?.["sample_score"]) ? review["sample_score"] : {};
    const choice = choicesOf(row)[0];
    // The messages hold the answer since the first versions did not.
    const answered = messages.at(-1) !== undefined && roleOf(messages.at(-1) ?? {}) === "assistant";
    const said = answered ? undefined : messageList([choice?.["message"] ?? null]);
    const whole = [...messages, ...(said ?? [])];
    const group = sample["group_id"];
    const prompt = promptOfMessages(messages);
    return [
      {
        ...given("ownId", row["index"] === undefined ? undefined : String(row["index"])),
        ...(group === undefined || group === null ? {} : { groupKey: String(group) }),
        task: { ...given("prompt", prompt), ...given("groundTruth", row["target"] ?? review?.["target"]) },
        steps: messageSteps(whole),
        outcome: outcomeOf(score, output),
        extra: {
          ...without(row, MAPPED),
          ...(review === row || review === undefined
            ? {}
            : { review: without(review, new Set(["messages"])) }),
        },
        notes: [],
      },
    ];
  },
});
