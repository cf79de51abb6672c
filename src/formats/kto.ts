import type { JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedFlag, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";

const MAPPED = new Set(["prompt", "completion", "label"]);

/** A side as messages: a conversation, or one text. */
function messagesOf(value: JsonValue | undefined, role: string) {
  return messageList(value) ?? (typeof value === "string" ? [{ role, content: value }] : undefined);
}

/** Unpaired preferences for KTO: a prompt, one completion, and whether it was wanted. */
export const kto = draftedFormat({
  id: "kto",
  title: "Unpaired preferences (KTO)",
  source: "TRL's unpaired preference type: prompt, completion, label",
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
    return isObject(row) &&
      typeof row["label"] === "boolean" &&
      messagesOf(row["prompt"], "user") !== undefined &&
      messagesOf(row["completion"], "assistant") !== undefined
      ? { confidence: 0.8, reason: "prompt, completion and a boolean label" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = messagesOf(row["prompt"], "user");
    const completion = messagesOf(row["completion"], "assistant");
    if (prompt === undefined || completion === undefined)
      throw new Failure(
        "missing-field",
        "The row lacks a prompt or a completion.",
        "Check that the file holds unpaired preferences.",
      );
    const messages = [...prompt, ...completion];
    const steps: readonly Step[] = messageSteps(messages, prompt.length);
    const asked = promptOfMessages(messages) ?? textOf(row["prompt"]) ?? "";
    const label = recordedFlag(row["label"]);
    return [
      {
        groupKey: JSON.stringify(row["prompt"]),
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
