import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FileHead, FormatRecord } from "./format";
import { isList, isObject, textOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { outcomeOfRow } from "./outcomeFields";

const MAPPED = new Set(["messages", "conversation", "prompt", "completion", "response", "tools"]);

interface Conversation {
  readonly messages: readonly JsonObject[];
  /** Messages that belong to the prompt, where the row says so. */
  readonly prompt?: number;
}

function conversationOf(value: JsonValue | undefined): Conversation | undefined {
  const bare = messageList(value);
  if (bare !== undefined) return { messages: bare };
  if (!isObject(value)) return undefined;
  const whole = messageList(value["messages"]) ?? messageList(value["conversation"]);
  if (whole !== undefined) return { messages: whole };
  const prompt = messageList(value["prompt"]);
  const said = messageList(value["completion"]) ?? messageList(value["response"]);
  return prompt === undefined || said === undefined
    ? undefined
    : { messages: [...prompt, ...said], prompt: prompt.length };
}

function draftOf(value: JsonValue): TrajectoryDraft {
  const conversation = conversationOf(value);
  if (conversation === undefined)
    throw new Failure(
      "missing-field",
      "The record holds no list of messages with roles.",
      "Check that it is a conversation.",
    );
  const { messages, prompt } = conversation;
  const row = isObject(value) ? value : {};
  const task = promptOfMessages(messages);
  return {
    task: { ...given("prompt", task) },
    ...given("ownId", textOf(row["id"]) ?? textOf(row["instance_id"]) ?? textOf(row["traj_id"])),
    steps: messageSteps(messages, prompt),
    outcome: outcomeOfRow(row, MAPPED),
    extra: without(
      row,
      new Set(
        [...MAPPED].filter(
          (key) => key !== "tools" && !(key === "response" && messageList(row["response"]) === undefined),
        ),
      ),
    ),
    notes: [],
  };
}

const only = (record: FormatRecord): JsonValue => {
  if (record.kind !== "value")
    throw new Failure("unfit-record", "The record is not a JSON value.", "Check the file.");
  return record.value;
};

/** Conversations in OpenAI's style, one a record: the fallback of fallbacks, with a reward only where a field says so. */
export const chatMessages = draftedFormat({
  id: "chat",
  title: "Chat messages",
  source: "OpenAI-style chat: messages, conversation, or prompt and completion as lists of {role, content}",
  containers: ["jsonl", "json", "parquet"],
  grouping: "none",
  nativeTree: false,

  detect(head: FileHead) {
    if (head.container === "parquet") {
      const column = head.columns?.find(
        ({ name, type }) =>
          name === "messages" && /^STRUCT\(.*\brole\b.*\)\[\]$/s.test(type.replace(/"/g, "")),
      );
      return column === undefined
        ? undefined
        : { confidence: 0.2, reason: "a column of messages with roles" };
    }
    // A list of messages by itself is one conversation, read as a whole by its own entry.
    if (head.array === true && messageList([head.firstRecord ?? null]) !== undefined) return undefined;
    return conversationOf(head.firstRecord) === undefined
      ? undefined
      : { confidence: 0.2, reason: "lists of messages with roles" };
  },

  drafts: (record) => [draftOf(only(record))],
});

/** One conversation as one JSON list of messages. */
export const chatList = draftedFormat({
  id: "chat-list",
  title: "Chat messages (one list)",
  source: "a JSON list of {role, content}",
  containers: ["json"],
  wholeDocument: true,
  grouping: "none",
  nativeTree: false,

  detect(head: FileHead) {
    if (head.array !== true || messageList([head.firstRecord ?? null]) === undefined) return undefined;
    return { confidence: 0.2, reason: "a list of messages with roles" };
  },

  drafts(record) {
    const value = only(record);
    if (!isList(value))
      throw new Failure("unfit-record", "The document is not a list of messages.", "Check the file.");
    return [draftOf(value)];
  },
});
