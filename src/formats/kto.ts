import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedFlag, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";

const MAPPED = new Set(["prompt", "completion", "messages", "conversations", "label", "kto_tag"]);

/** A whole conversation that was judged, as LLaMA-Factory keeps it: its last message is the completion. */
const judgedIn = (row: JsonObject): readonly JsonObject[] | undefined =>
  messageList(row["messages"]) ?? messageList(row["conversations"]);
const labelIn = (row: JsonObject): JsonValue | undefined => row["label"] ?? row["kto_tag"];

/** A side as messages: a conversation, or one text. */
function messagesOf(value: JsonValue | undefined, role: string) {
  return messageList(value) ?? (typeof value === "string" ? [{ role, content: value }] : undefined);
}

/** Unpaired preferences for KTO: a prompt, one completion, and whether it was wanted. */
export const kto = draftedFormat({
  id: "kto",
  title: "Unpaired preferences (KTO)",
  source: "TRL's unpaired preference type: prompt, completion, label; LLaMA-Factory's messages, label",
  containers: ["jsonl", "json", "parquet", "arrow"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    if (head.columns !== undefined) {
      const types = new Map(head.columns.map((column) => [column.name, column.type]));
      return types.has("prompt") && types.has("completion") && /^bool/i.test(types.get("label") ?? "")
        ? { confidence: 0.8, reason: "columns prompt, completion and a boolean label" }
        : undefined;
    }
    const row = head.firstRecord;
    if (isObject(row) && typeof labelIn(row) === "boolean" && (judgedIn(row)?.length ?? 0) > 1)
      return { confidence: 0.7, reason: "a conversation and a boolean label" };
    return isObject(row) &&
      typeof row["label"] === "boolean" &&
      messagesOf(row["prompt"], "user") !== undefined &&
      messagesOf(row["completion"], "assistant") !== undefined
      ? { confidence: 0.8, reason: "prompt, completion and a boolean label" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const judged = row["completion"] === undefined ? judgedIn(row) : undefined;
    const prompt = judged?.slice(0, -1) ?? messagesOf(row["prompt"], "user");
    const completion = judged?.slice(-1) ?? messagesOf(row["completion"], "assistant");
    if (prompt === undefined || completion === undefined)
      throw new Failure(
        "missing-field",
        "The row lacks a prompt or a completion.",
        "Check that the file holds unpaired preferences.",
      );
    const messages = [...prompt, ...completion];
    const steps: readonly Step[] = messageSteps(messages, prompt.length);
    const asked = promptOfMessages(messages) ?? textOf(row["prompt"]) ?? "";
    const label = recordedFlag(labelIn(row));
    return [
      {
        groupKey: JSON.stringify(row["prompt"] ?? prompt),
        groupGuess: "rows with the same prompt",
        title: titleOf(asked),
        task: { prompt: asked },
        steps,
        outcome: { ...given("success", label), components: {} },
        extra: without(row, MAPPED),
        notes: [{ code: "preference", message: "Success means that the completion was labelled as wanted." }],
      },
    ];
  },
});
