import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, isMessage, messageList, messageSteps, promptOfMessages, roleOf } from "./messages";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set([
  "prompt",
  "question",
  "instruction",
  "input",
  "conversations",
  "messages",
  "chosen",
  "rejected",
  "chosen_score",
  "rejected_score",
  "score_chosen",
  "score_rejected",
]);

/** A side of a pair: text, one message, or a conversation that may repeat the prompt. */
function messagesOf(side: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (typeof side === "string") return [{ role: "assistant", content: side }];
  if (isMessage(side)) return [side];
  const list = messageList(side);
  if (list !== undefined) return list;
  return isList(side) && side.length === 1 && typeof side[0] === "string"
    ? [{ role: "assistant", content: side[0] }]
    : undefined;
}

function promptOf(row: JsonObject): readonly JsonObject[] {
  const list =
    messageList(row["conversations"]) ?? messageList(row["messages"]) ?? messageList(row["prompt"]);
  if (list !== undefined) return list;
  for (const key of ["prompt", "question", "instruction", "input"]) {
    const value = row[key];
    const text = isList(value) && typeof value[0] === "string" ? value[0] : textOf(value);
    if (text !== undefined && text !== "") return [{ role: "user", content: text }];
  }
  return [];
}

/** Preference pairs: two answers to one prompt, the chosen one first. */
export const preferencePairs = draftedFormat({
  id: "preference-pairs",
  title: "Preference pairs",
  source: "DPO and reward-model data: prompt, chosen, rejected (RewardBench, LLaMA-Factory, TRL)",
  containers: ["jsonl", "json", "parquet"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const names = new Set(head.columns?.map((column) => column.name));
      return names.has("chosen") && names.has("rejected")
        ? { confidence: 0.6, reason: "columns chosen and rejected" }
        : undefined;
    }
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      messagesOf(row["chosen"]) === undefined ||
      messagesOf(row["rejected"]) === undefined ||
      isList(row["chosen_tokens"])
    )
      return undefined;
    return { confidence: 0.6, reason: "keys chosen and rejected" };
  },

  drafts(record) {
    const row = objectOf(record);
    const chosen = messagesOf(row["chosen"]);
    const rejected = messagesOf(row["rejected"]);
    if (chosen === undefined || rejected === undefined)
      throw new Failure(
        "missing-field",
        "The row lacks a chosen or a rejected answer.",
        "Check that the file holds preference pairs.",
      );
    const prompt = promptOf(row);
    return [chosen, rejected].map((said, index): TrajectoryDraft => {
      const name = index === 0 ? "chosen" : "rejected";
      const messages = said.length > 1 || roleOf(said[0] ?? {}) !== "assistant" ? said : [...prompt, ...said];
      const score = recordedNumber(row[`${name}_score`]) ?? recordedNumber(row[`score_${name}`]);
      const task = promptOfMessages(messages) ?? contentOf(prompt[0]?.["content"]).text;
      return {
        ownId: `${textOf(row["id"]) ?? (typeof row["id"] === "number" ? String(row["id"]) : "pair")} ${name}`,
        groupKey: "pair",
        title: titleOf(task),
        task: { prompt: task },
        steps: messageSteps(messages, messages.length - 1),
        outcome: {
          ...(score === undefined ? {} : { reward: score, rewardSource: `${name} score` }),
          success: index === 0,
          components: numbersOf(row, MAPPED),
        },
        extra: without(row, MAPPED),
        notes: [
          {
            code: "preference",
            message:
              index === 0
                ? "The chosen answer of a pair; success means that it was preferred."
                : "The rejected answer of a pair; no success means that the other was preferred.",
          },
        ],
      };
    });
  },
});
