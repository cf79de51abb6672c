import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FileHead, FormatRecord } from "./format";
import { isList, isObject, textOf, without } from "./jsonFields";
import { contentOf, isMessage, messageList, messageSteps, promptOfMessages, roleOf } from "./messages";
import { outcomeOfRow } from "./outcomeFields";
import { PLACES, rewardParts, rewardTotal, rolloutFieldsOf, truthName } from "./rolloutFields";

/** Names that people give to a list of messages, the commonest first. */
const CONVERSATIONS = [
  "messages",
  "conversation",
  "trajectory",
  "history",
  "dialogue",
  "dialog",
  "turns",
  "chat",
  "chat_history",
  "transcript",
  "traj",
  // Gemini's requests.
  "contents",
] as const;
/** The system's words beside the conversation, as requests of Anthropic and Gemini hold them. */
const SYSTEMS = ["system", "systemInstruction", "system_instruction"] as const;
const ANSWERS = ["completion", "response", "output"] as const;
/** Fields that hold one side of an exchange. */
const SIDES = new Set<string>([...ANSWERS, "prompt", "input", "chosen", "rejected"]);
const MAPPED = new Set<string>([...CONVERSATIONS, ...ANSWERS, "prompt", "input", "tools"]);

interface Conversation {
  readonly messages: readonly JsonObject[];
  /** Messages that belong to the prompt, where the row says so. */
  readonly prompt?: number;
  /** Fields that the messages come from. */
  readonly fields: readonly string[];
}

function conversationOf(value: JsonValue | undefined): Conversation | undefined {
  const bare = messageList(value);
  if (bare !== undefined) return { messages: bare, fields: [] };
  if (!isObject(value)) return undefined;
  for (const field of CONVERSATIONS) {
    const whole = messageList(value[field]);
    if (whole !== undefined) return withSystem(value, whole, field);
  }
  const unnamed = unnamedConversation(value);
  if (unnamed !== undefined) return withSystem(value, unnamed.messages, unnamed.field);
  const asked = ["prompt", "input"].find((field) => messageList(value[field]) !== undefined);
  const answer = ANSWERS.find((field) => saidIn(value[field]) !== undefined);
  const prompt = asked === undefined ? undefined : messageList(value[asked]);
  const said = answer === undefined ? undefined : saidIn(value[answer]);
  return asked === undefined || answer === undefined || prompt === undefined || said === undefined
    ? undefined
    : { messages: [...prompt, ...said], prompt: prompt.length, fields: [asked, answer] };
}

/** A conversation under a name of its own: the only list of messages, in which an assistant answers. */
function unnamedConversation(
  row: JsonObject,
): { readonly field: string; readonly messages: readonly JsonObject[] } | undefined {
  const found = Object.keys(row).flatMap((field) => {
    const messages = isList(row[field]) ? messageList(row[field]) : undefined;
    return messages === undefined ? [] : [{ field, messages }];
  });
  const [one] = found;
  if (one === undefined || found.length > 1 || SIDES.has(one.field)) return undefined;
  return one.messages.length > 1 && one.messages.some((message) => roleOf(message) === "assistant")
    ? one
    : undefined;
}

function withSystem(row: JsonObject, messages: readonly JsonObject[], field: string): Conversation {
  const own = SYSTEMS.find((key) => systemText(row[key]) !== "");
  if (own === undefined || messages.some((message) => roleOf(message) === "system"))
    return { messages, fields: [field] };
  return { messages: [{ role: "system", content: systemText(row[own]) }, ...messages], fields: [field, own] };
}

function systemText(value: JsonValue | undefined): string {
  const parts = isObject(value) ? value["parts"] : value;
  return typeof parts === "string" || isList(parts) ? contentOf(parts).text : "";
}

/** The policy's answer to a prompt of messages: messages, one message, or a text. */
function saidIn(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (typeof value === "string" && messageList(value) === undefined)
    return value === "" ? undefined : [{ role: "assistant", content: value }];
  return messageList(value) ?? (isMessage(value) ? [value] : undefined);
}

/** SWE sets call a resolved task `target`; elsewhere a target is an answer, so only a flag counts. */
function outcomeOf(row: JsonObject): Outcome {
  const own = outcomeOfRow(row, new Set([...MAPPED, ...PLACES]));
  const outcome: Outcome = {
    ...own,
    ...(own.reward === undefined ? rewardTotal(row) : {}),
    components: { ...own.components, ...rewardParts(row) },
  };
  const target = row["target"];
  const { target: _target, ...components } = outcome.components;
  return typeof target === "boolean" && outcome.success === undefined
    ? { ...outcome, success: target, components }
    : outcome;
}

function draftOf(value: JsonValue): TrajectoryDraft {
  const conversation = conversationOf(value);
  if (conversation === undefined)
    throw new Failure(
      "missing-field",
      "The record holds no list of messages with roles.",
      "Check that it is a conversation.",
    );
  const { messages, prompt, fields } = conversation;
  const row = isObject(value) ? value : {};
  const task = promptOfMessages(messages);
  const known = truthName(row);
  // Labels and targets of conversations are classes and flags as often as answers.
  const truth = known !== undefined && /truth|^gt|gold|answer|expected/.test(known) ? known : undefined;
  return {
    task: { ...given("prompt", task), ...(truth === undefined ? {} : given("groundTruth", row[truth])) },
    ...rolloutFieldsOf(row),
    ...given("ownId", textOf(row["id"]) ?? textOf(row["instance_id"]) ?? textOf(row["traj_id"])),
    steps: messageSteps(messages, prompt),
    outcome: outcomeOf(row),
    extra: without(row, new Set(fields)),
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
  source:
    "OpenAI-style chat: messages, conversation, or prompt and completion as lists of {role, content}; SWE-smith, SWE-Gym and nebius' sets of agent trajectories",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
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
    if (messageList(value) !== undefined) return [draftOf(value)];
    // Logs begin with a line about the session, or hold other entries between the messages.
    const spoken = value.filter((entry) => messageList([entry]) !== undefined);
    const others = value.filter((entry) => messageList([entry]) === undefined);
    const draft = draftOf(spoken);
    return [{ ...draft, extra: { ...draft.extra, other_entries: others } }];
  },
});
