import type { JsonObject, JsonValue } from "../model/json";
import { isList, isObject, textOf, without } from "./jsonFields";
import { holdsPieces, messagesOfParts, type CalledTools } from "./messageParts";

/** Who speaks, by LangChain's classes and their short names. */
const LANGCHAIN: readonly (readonly [RegExp, string])[] = [
  [/^(?:Human(?:Message(?:Chunk)?)?|human)$/, "user"],
  [/^(?:AI(?:Message(?:Chunk)?)?|ai)$/, "assistant"],
  [/^(?:System(?:Message(?:Chunk)?)?|system)$/, "system"],
  [/^(?:(?:Tool|Function)(?:Message(?:Chunk)?)?|tool|function)$/, "tool"],
];

const langChainRole = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : LANGCHAIN.find(([pattern]) => pattern.test(name))?.[1];

/** The fields of a message that LangChain dumped: `{type, data}` of `messages_to_dict`, or a constructor of its serialiser. */
function langChainDump(message: JsonObject): JsonObject | undefined {
  const { data, kwargs, id } = message;
  const fields = isObject(data) ? data : isObject(kwargs) && isList(id) ? kwargs : undefined;
  if (fields === undefined || !("content" in fields)) return undefined;
  const role =
    fields === data
      ? langChainRole(textOf(message["type"]))
      : langChainRole(textOf(isList(id) ? id.at(-1) : undefined));
  if (role === undefined) return undefined;
  const more = isObject(fields["additional_kwargs"]) ? fields["additional_kwargs"] : {};
  const own =
    isList(fields["tool_calls"]) && fields["tool_calls"].length > 0
      ? fields["tool_calls"]
      : more["tool_calls"];
  return {
    ...without(fields, new Set(["type", "tool_calls", "content"])),
    role,
    content: fields["content"] ?? "",
    ...(isList(own) && own.length > 0 ? { tool_calls: own } : {}),
  };
}

/** AutoGen's messages since 0.4, of chats and of a model's context, by their types. */
const AUTOGEN: Readonly<Record<string, string>> = {
  TextMessage: "said",
  MultiModalMessage: "said",
  StopMessage: "said",
  HandoffMessage: "said",
  ToolCallSummaryMessage: "said",
  StructuredMessage: "said",
  ThoughtEvent: "thought",
  ToolCallRequestEvent: "calls",
  ToolCallExecutionEvent: "results",
  ToolCallMessage: "calls",
  ToolCallResultMessage: "results",
  UserMessage: "user",
  SystemMessage: "system",
  AssistantMessage: "assistant",
  FunctionExecutionResultMessage: "results",
};

const AUTOGEN_MAPPED = new Set(["content", "type", "thought"]);

function autoGenMessages(message: JsonObject, tools: CalledTools): JsonObject[] | undefined {
  const type = textOf(message["type"]) ?? "";
  const kind = AUTOGEN[type];
  if (kind === undefined || !("content" in message)) return undefined;
  if (!("source" in message) && !["system", "results"].includes(kind)) return undefined;
  const source = textOf(message["source"]);
  const more = { ...without(message, AUTOGEN_MAPPED), type };
  const { content } = message;
  if (kind === "results")
    return (isList(content) ? content.filter(isObject) : []).map((result) => ({
      ...more,
      role: "tool",
      content: result["content"] ?? null,
      tool_call_id: result["call_id"] ?? null,
      ...without(result, new Set(["content", "call_id"])),
      ...(result["name"] === undefined ? { name: tools.get(textOf(result["call_id"]) ?? "") ?? null } : {}),
    }));
  const role = kind === "user" || kind === "system" ? kind : source === "user" ? "user" : "assistant";
  if (kind === "thought") return [{ ...more, role, content: "", reasoning_content: content ?? "" }];
  const calls = isList(content)
    ? content.filter((one) => isObject(one) && "name" in one && "arguments" in one)
    : [];
  for (const call of calls.filter(isObject)) {
    const [id, name] = [textOf(call["id"]), textOf(call["name"])];
    if (id !== undefined && name !== undefined) tools.set(id, name);
  }
  const thought = textOf(message["thought"]);
  return [
    {
      ...more,
      role,
      content: calls.length > 0 ? "" : (content ?? ""),
      ...(thought === undefined || thought === "" ? {} : { reasoning_content: thought }),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
  ];
}

/** Pydantic AI: a request's parts have roles of their own. */
const PYDANTIC: Readonly<Record<string, string>> = {
  "system-prompt": "system",
  "user-prompt": "user",
  "retry-prompt": "user",
};

function pydanticMessages(
  message: JsonObject,
  parts: readonly JsonValue[],
  tools: CalledTools,
): JsonObject[] {
  const more = without(message, new Set(["parts"]));
  if (message["kind"] === "response") return messagesOfParts(more, "assistant", parts, tools);
  return parts.flatMap((part, index) => {
    const role = isObject(part) ? PYDANTIC[textOf(part["part_kind"]) ?? ""] : undefined;
    return messagesOfParts(index === 0 ? more : {}, role ?? "user", [part], tools);
  });
}

/** One message of another shape as messages of `{role, content}`; undefined for those that need no change. */
function reshaped(message: JsonValue, tools: CalledTools): readonly JsonObject[] | undefined {
  if (!isObject(message)) return undefined;
  const { role, content, parts, info, kind } = message;
  if (typeof role === "string") {
    const own = isList(parts) ? parts : isList(content) && holdsPieces(content) ? content : undefined;
    if (own !== undefined) return messagesOfParts(message, role, own, tools);
    // AG2 gathers what several calls gave in one message, and repeats it as text.
    const given = message["tool_responses"];
    if (role === "tool" && isList(given) && given.length > 0)
      return given.filter(isObject).map((one, index) => ({
        ...(index === 0 ? without(message, new Set(["tool_responses", "content"])) : {}),
        role: "tool",
        ...one,
      }));
    return undefined;
  }
  // OpenCode keeps who speaks apart from what is said.
  if (isObject(info) && typeof info["role"] === "string" && isList(parts))
    return messagesOfParts({ ...without(message, new Set(["info"])), ...info }, info["role"], parts, tools);
  if (isList(parts) && (kind === "request" || kind === "response"))
    return pydanticMessages(message, parts, tools);
  const dump = langChainDump(message);
  if (dump !== undefined) {
    const said = dump["content"];
    return isList(said) && holdsPieces(said)
      ? messagesOfParts(dump, textOf(dump["role"]) ?? "user", said, tools)
      : [dump];
  }
  return autoGenMessages(message, tools);
}

/**
 * Messages of Anthropic, Gemini, LangChain's dumps, AutoGen, Pydantic AI, the AI SDK, OpenCode and Goose in OpenAI's shape
 * (`{role, content, tool_calls}`, thoughts under `reasoning_content`); a list that needs none of this is given back as it is.
 */
export function inOneShape(list: readonly JsonValue[]): readonly JsonValue[] {
  const tools: CalledTools = new Map();
  let changed: JsonValue[] | undefined;
  for (const [index, message] of list.entries()) {
    const own = reshaped(message, tools);
    if (own !== undefined && changed === undefined) changed = list.slice(0, index);
    if (own !== undefined) changed?.push(...own);
    else changed?.push(message);
  }
  return changed ?? list;
}
