import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isObject, recordedFlag, textOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { outcomeOfRow } from "./outcomeFields";

const MAPPED = new Set(["conversations", "id", "item_id", "system"]);

function rowOf(record: FormatRecord): { readonly row: JsonObject; readonly messages: readonly JsonObject[] } {
  const row = record.kind === "value" && isObject(record.value) ? record.value : undefined;
  const messages = messageList(row?.["conversations"]);
  if (row === undefined || messages === undefined)
    throw new Failure(
      "missing-field",
      "The row has no list `conversations` of {from, value}.",
      "Check that the file is in ShareGPT's format.",
    );
  return { row, messages };
}

/** ShareGPT conversations, and AgentGym's with their `loss` flag a turn, reward and success. */
export const shareGpt = draftedFormat({
  id: "sharegpt",
  title: "ShareGPT conversations",
  source: "FastChat and LLaMA-Factory data, AgentGym trajectories: conversations[].{from, value, loss?}",
  containers: ["jsonl", "json", "parquet"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const column = head.columns?.find(
        ({ name, type }) => name === "conversations" && /\bfrom\b/.test(type) && /\bvalue\b/.test(type),
      );
      return column === undefined
        ? undefined
        : { confidence: 0.6, reason: "a column conversations of {from, value}" };
    }
    const row = head.firstRecord;
    const messages = isObject(row) ? messageList(row["conversations"]) : undefined;
    if (messages === undefined || !isObject(row) || "chosen" in row || "rejected" in row) return undefined;
    return {
      confidence: "from" in (messages[0] ?? {}) ? 0.6 : 0.25,
      reason: "conversations of {from, value}",
    };
  },

  drafts(record) {
    const { row, messages } = rowOf(record);
    const system = textOf(row["system"]);
    const steps = messageSteps(
      system === undefined || system === "" ? messages : [{ from: "system", value: system }, ...messages],
    ).map((step) => {
      const loss = recordedFlag(step.extra?.["loss"]);
      return loss === undefined || loss === null
        ? step
        : { ...step, extra: { ...step.extra, trained: loss } };
    });
    return [
      {
        ...given("ownId", textOf(row["item_id"]) ?? textOf(row["id"])),
        task: { ...given("prompt", promptOfMessages(messages)) },
        steps,
        outcome: outcomeOfRow(row, MAPPED),
        extra: without(row, MAPPED),
        notes: [],
      },
    ];
  },
});
