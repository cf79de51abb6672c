import type { JsonObject, JsonValue } from "../model/json";
import type { MediaReference, Step, StepRole, ToolCall } from "../model/trajectory";
import { parseJson } from "./jsonText";
import { isList, isObject, textOf, without } from "./jsonFields";
import { inOneShape } from "./messageShapes";

/** Names that chat formats give to who speaks. */
const ROLES: Readonly<Record<string, StepRole>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  ai: "assistant",
  model: "assistant",
  agent: "assistant",
  bot: "assistant",
  chatgpt: "assistant",
  policy: "assistant",
  prompter: "user",
  function_call: "assistant",
  tool: "tool",
  tool_response: "tool",
  function: "tool",
  observation: "tool",
  ipython: "tool",
  tool_result: "tool",
  tool_output: "tool",
  // smolagents writes a call and what it gave as messages of their own.
  "tool-call": "assistant",
  "tool-response": "tool",
  function_response: "tool",
  environment: "environment",
  env: "environment",
  // mini-swe-agent's last message says how the run ended.
  exit: "environment",
};

const MAPPED = new Set([
  "role",
  "from",
  "content",
  "value",
  "text",
  "tool_calls",
  "function_call",
  "reasoning_content",
  "reasoning",
  "thinking",
  "message_type",
  "thought",
]);

/** LangChain's dumps name who speaks by the class of the message. */
const TYPES: ReadonlySet<string> = new Set(["human", "ai", "system", "tool", "function"]);

export function roleOf(message: JsonObject): StepRole | undefined {
  const role = textOf(message["role"]) ?? textOf(message["from"]);
  if (role !== undefined) return ROLES[role.toLowerCase()];
  const type = textOf(message["type"]);
  return type !== undefined && TYPES.has(type) && "content" in message ? ROLES[type] : undefined;
}

/** Fields by which an object with a role is a message. */
const SPOKEN = [
  "content",
  "value",
  "text",
  "system_prompt",
  "tool_calls",
  "function_call",
  "reasoning_content",
] as const;

/** What a message says: its content, under the name that its writer gives it. */
export function spokenOf(message: JsonObject): JsonValue | undefined {
  const said = message["content"] ?? message["value"] ?? message["text"];
  // nebius' SWE-agent trajectories keep the system's words in a field of their own.
  return said ?? (roleOf(message) === "system" ? message["system_prompt"] : undefined) ?? undefined;
}

/** True for `{role, content}` and `{from, value}`, with the roles that people use. */
export function isMessage(value: JsonValue | undefined): value is JsonObject {
  return isObject(value) && roleOf(value) !== undefined && SPOKEN.some((key) => key in value);
}

/** An object with a role that nobody knows, or one that says nothing: a message only among others. */
function isLooseMessage(value: JsonValue): boolean {
  return isObject(value) && (typeof value["role"] === "string" || typeof value["from"] === "string");
}

/**
 * A list of messages, also where it was stored as JSON text. Empty lists are no conversation. Beside messages of known roles
 * others may stand: an evaluator's, or one without words. Messages in parts, and those of other libraries, come in OpenAI's
 * shape: what a tool gave is a message of its own then, so that the list may be longer.
 */
export function messageList(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  let list = value;
  if (typeof value === "string" && value.startsWith("[")) {
    try {
      list = parseJson(value);
    } catch {
      return undefined;
    }
  }
  if (!isList(list)) return undefined;
  const messages = inOneShape(list);
  return messages.some(isMessage) && messages.every((one) => isMessage(one) || isLooseMessage(one))
    ? (messages as readonly JsonObject[])
    : undefined;
}

/** Text of a content that is text, a list of parts, or an object; pictures and other parts are told apart. */
export function contentOf(content: JsonValue | undefined): {
  readonly text: string;
  readonly media: readonly MediaReference[];
  readonly other: readonly JsonValue[];
} {
  if (content === null || content === undefined) return { text: "", media: [], other: [] };
  if (typeof content === "string") return { text: content, media: [], other: [] };
  if (!isList(content)) {
    const text = isObject(content) ? (textOf(content["text"]) ?? textOf(content["content"])) : undefined;
    return { text: text ?? JSON.stringify(content, null, 2), media: [], other: [] };
  }
  const texts: string[] = [];
  const media: MediaReference[] = [];
  const other: JsonValue[] = [];
  for (const part of content) {
    if (typeof part === "string") texts.push(part);
    else if (isObject(part)) {
      const text =
        textOf(part["text"]) ??
        textOf(part["input_text"]) ??
        textOf(part["output_text"]) ??
        textOf(part["content"]);
      if (text !== undefined) texts.push(text);
      else {
        const picture = pictureOf(part);
        if (picture === undefined) other.push(part);
        else if (/^(?:[a-z]+:|\/|[A-Za-z]:\\)/.test(picture))
          other.push({
            type: textOf(part["type"]) ?? "image",
            url: picture.startsWith("data:")
              ? `${picture.slice(0, 40)}… (${picture.length} characters)`
              : picture,
          });
        else media.push({ kind: "image", path: picture });
      }
    }
  }
  return { text: texts.join("\n"), media, other };
}

function pictureOf(part: JsonObject): string | undefined {
  const image = part["image_url"] ?? part["image"] ?? part["path"];
  return isObject(image) ? textOf(image["url"]) : textOf(image);
}

/** Tool calls of a message: OpenAI's nested form, the flat form, or either as JSON text. Broken arguments stay text. */
export function toolCallsOf(value: JsonValue | undefined): readonly ToolCall[] {
  const list = isList(value) ? value : value === null || value === undefined ? [] : [value];
  return list.flatMap((item): readonly ToolCall[] => {
    let call = item;
    if (typeof item === "string") {
      try {
        call = parseJson(item);
      } catch {
        return [{ name: "", arguments: item }];
      }
      // ART's tables hold the whole list as one text.
      if (isList(call)) return toolCallsOf(call);
    }
    if (!isObject(call)) return [];
    const inner = isObject(call["function"]) ? call["function"] : call;
    const name = textOf(inner["name"]) ?? textOf(call["function_name"]) ?? textOf(call["tool_name"]) ?? "";
    const id = textOf(call["id"]) ?? textOf(call["tool_call_id"]) ?? textOf(call["call_id"]);
    return [
      {
        name,
        arguments: argumentsOf(inner["arguments"] ?? inner["args"] ?? inner["input"]),
        ...(id === undefined ? {} : { id }),
      },
    ];
  });
}

function argumentsOf(value: JsonValue | undefined): JsonValue {
  if (typeof value !== "string") return value ?? null;
  try {
    const parsed = parseJson(value);
    return typeof parsed === "object" && parsed !== null ? parsed : value;
  } catch {
    return value;
  }
}

/** What a tool gave as parts of which none is words or a picture, such as found pages: their JSON. */
function structuredText({ text, media, other }: ReturnType<typeof contentOf>): string | undefined {
  const plain = other.every(
    (part) =>
      isObject(part) && !("source" in part) && !/image|audio|video|file/.test(textOf(part["type"]) ?? ""),
  );
  return text === "" && media.length === 0 && other.length > 0 && plain
    ? JSON.stringify(other, null, 2)
    : undefined;
}

/** The step of one message. Reasoning that stands in its own field or in leading think tags is the thought. */
export function messageStep(message: JsonObject, index: number, kind?: "prompt"): Step {
  const known = roleOf(message);
  const role = known ?? "environment";
  const said = contentOf(spokenOf(message));
  const structured = role === "tool" ? structuredText(said) : undefined;
  const { text, media, other } = structured === undefined ? said : { ...said, text: structured, other: [] };
  const calls = toolCallsOf(message["tool_calls"] ?? message["function_call"]);
  const speaker = textOf(message["role"]) ?? textOf(message["from"]);
  const extra = {
    ...(known === undefined && speaker !== undefined ? { role: speaker } : {}),
    ...without(message, MAPPED),
    ...(other.length === 0 ? {} : { content_parts: other }),
  };
  const base = {
    index,
    role,
    ...(calls.length === 0 ? {} : { toolCalls: calls }),
    ...(media.length === 0 ? {} : { media }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  if (role !== "assistant") return { ...base, kind: kind ?? "observe", observation: text };
  const reasoning = contentOf(
    message["reasoning_content"] ?? message["reasoning"] ?? message["thinking"],
  ).text;
  const leading = reasoning === "" ? /^\s*<think>.*?<\/think>/s.exec(text)?.[0] : undefined;
  const thought = reasoning !== "" ? reasoning : leading;
  return {
    ...base,
    kind: kind ?? "act",
    ...(thought === undefined ? {} : { thought }),
    action: leading === undefined ? text : text.slice(leading.length),
  };
}

/**
 * Steps of a conversation. What comes before the policy's first word is the prompt; the policy's last words are the answer.
 * @param prompt number of leading messages that are the prompt; default: up to the first assistant message
 */
export function messageSteps(messages: readonly JsonObject[], prompt?: number): Step[] {
  const firstWord = messages.findIndex((message) => roleOf(message) === "assistant");
  const promptEnd = prompt ?? (firstWord < 0 ? messages.length : firstWord);
  const steps = messages.map((message, index) =>
    messageStep(message, index, index < promptEnd ? "prompt" : undefined),
  );
  const last = steps.findLastIndex((step) => step.role === "assistant" && step.kind === "act");
  const answer = steps[last];
  if (answer !== undefined && answer.toolCalls === undefined) steps[last] = { ...answer, kind: "answer" };
  return steps;
}

/** The task of a conversation: the first thing that a user says. */
export function promptOfMessages(messages: readonly JsonObject[]): string | undefined {
  const first = messages.find((message) => roleOf(message) === "user") ?? messages[0];
  return first === undefined ? undefined : contentOf(spokenOf(first)).text;
}
