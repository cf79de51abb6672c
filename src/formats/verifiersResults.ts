import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedFlag, recordedNumber, textOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set(["prompt", "completion", "answer", "reward", "example_id", "id"]);
/** Columns that are times, counts or bookkeeping rather than what a reward function or metric gave. */
const NOT_MEASURES = new Set([
  ...MAPPED,
  "task",
  "info",
  "generation_ms",
  "scoring_ms",
  "total_ms",
  "timing",
  "is_completed",
  "is_truncated",
  "metrics",
  "token_usage",
  "rollout_id",
]);

function rowOf(record: FormatRecord): JsonObject {
  if (record.kind !== "value" || !isObject(record.value) || !("completion" in record.value)) {
    throw new Failure(
      "missing-field",
      "The row has no `completion`.",
      "Check that the file is a verifiers results.jsonl.",
    );
  }
  return record.value;
}

/** A side of a rollout: a list of messages, of which a rollout that failed has none, or plain text. */
function isSide(value: JsonValue | undefined): boolean {
  return (
    typeof value === "string" || messageList(value) !== undefined || (isList(value) && value.length === 0)
  );
}

/** Prompt and completion are lists of messages, or plain text in completion mode. */
function messagesOf(value: JsonValue | undefined, role: "user" | "assistant"): readonly JsonObject[] {
  const list = messageList(value);
  if (list !== undefined) return list;
  return typeof value === "string" ? [{ role, content: value }] : [];
}

const idText = (value: JsonValue | undefined): string | undefined =>
  typeof value === "number" ? String(value) : textOf(value);

/** verifiers evaluation results before v1: one row a rollout, one column a reward function or metric. */
export const verifiersResults = draftedFormat({
  id: "verifiers-results",
  title: "verifiers results",
  source: "PrimeIntellect-ai/verifiers before v1, outputs/evals/{env}--{model}/{run}/results.jsonl",
  containers: ["jsonl", "parquet"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !("reward" in row) || !isSide(row["prompt"]) || !isSide(row["completion"]))
      return undefined;
    const identified = "example_id" in row || "id" in row;
    const sure =
      "generation_ms" in row ||
      "timing" in row ||
      "stop_condition" in row ||
      ("task" in row && "answer" in row);
    // `save_results` of the first versions kept the columns of the dataset alone.
    if (!identified)
      return sure && isList(row["completion"])
        ? { confidence: 0.55, reason: "keys prompt, completion, answer, task, reward" }
        : undefined;
    return sure
      ? { confidence: 0.85, reason: "keys example_id, prompt, completion, reward" }
      : { confidence: 0.4, reason: "keys id, prompt, completion, reward" };
  },

  drafts(record) {
    const row = rowOf(record);
    const prompt = messagesOf(row["prompt"], "user");
    const said = messagesOf(row["completion"], "assistant");
    const id = idText(row["example_id"]) ?? idText(row["id"]);
    const reward = recordedNumber(row["reward"]);
    const metrics = isObject(row["metrics"]) ? numbersOf(row["metrics"], new Set()) : {};
    const truncated = recordedFlag(row["is_truncated"]);
    return [
      {
        ...(id === undefined
          ? { groupKey: JSON.stringify(row["prompt"] ?? null), groupGuess: "rows with the same prompt" }
          : { groupKey: `${textOf(row["task"]) ?? ""}:${id}`, ownId: id }),
        task: {
          ...given("id", id),
          ...given("prompt", promptOfMessages(prompt)),
          ...given("groundTruth", row["answer"]),
        },
        steps: messageSteps([...prompt, ...said], prompt.length),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          ...given("stopReason", textOf(row["stop_condition"])),
          ...(typeof truncated === "boolean" ? { truncated } : {}),
          components: { ...metrics, ...numbersOf(row, NOT_MEASURES) },
        },
        extra: without(row, MAPPED),
        notes: [],
      },
    ];
  },
});
