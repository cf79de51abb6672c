import type { JsonObject, JsonValue } from "../model/json";
import { parseJson } from "./jsonText";
import { isList, isObject, textOf, without } from "./jsonFields";

/** Roles by the class or `type` that LangChain writes. */
const LANGCHAIN: readonly (readonly [RegExp, string])[] = [
  [/^(?:HumanMessage|human)/, "user"],
  [/^(?:AIMessage|ai$)/i, "assistant"],
  [/^(?:SystemMessage|system)/, "system"],
  [/^(?:ToolMessage|FunctionMessage|tool$|function$)/, "tool"],
];

/** Text that is JSON, parsed; other text as it is. */
export function unpacked(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value !== "string" || !/^\s*[[{"]/.test(value)) return value;
  try {
    return parseJson(value);
  } catch {
    return value;
  }
}

function langChainRole(name: string | undefined): string | undefined {
  return name === undefined ? undefined : LANGCHAIN.find(([pattern]) => pattern.test(name))?.[1];
}

/** Parts of a message as GenAI conventions and Anthropic have them: text, thoughts, calls, and results. */
function fromParts(message: JsonObject, role: string, parts: readonly JsonValue[]): JsonObject[] {
  const content: JsonValue[] = [];
  const thoughts: string[] = [];
  const calls: JsonObject[] = [];
  const results: JsonObject[] = [];
  for (const part of parts) {
    const type = isObject(part) ? textOf(part["type"]) : undefined;
    if (!isObject(part) || type === undefined) content.push(part);
    else if (type === "tool_call" || type === "tool_use")
      calls.push({
        id: part["id"] ?? null,
        name: part["name"] ?? "",
        arguments: part["arguments"] ?? part["input"] ?? null,
      });
    else if (type === "tool_call_response" || type === "tool_result")
      results.push({
        role: "tool",
        content: part["response"] ?? part["result"] ?? part["content"] ?? null,
        ...(part["id"] === undefined && part["tool_use_id"] === undefined
          ? {}
          : { tool_call_id: part["id"] ?? part["tool_use_id"] ?? null }),
      });
    else if (type === "reasoning" || type === "thinking")
      thoughts.push(textOf(part["content"]) ?? textOf(part["thinking"]) ?? textOf(part["text"]) ?? "");
    else if (type === "text") content.push({ type, text: part["content"] ?? part["text"] ?? "" });
    else content.push(part);
  }
  const said = content.length > 0 || calls.length > 0 || thoughts.length > 0 || results.length === 0;
  return [
    ...results,
    ...(said
      ? [
          {
            ...without(message, new Set(["parts", "content", "type"])),
            role,
            content,
            ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join("\n") }),
            ...(calls.length === 0 ? {} : { tool_calls: calls }),
          },
        ]
      : []),
  ];
}

/** An item of the Responses API that is no message. */
function fromItem(item: JsonObject, type: string): JsonObject[] | undefined {
  if (type === "function_call")
    return [
      {
        role: "assistant",
        content: "",
        tool_calls: [
          {
            id: item["call_id"] ?? item["id"] ?? null,
            name: item["name"] ?? "",
            arguments: item["arguments"] ?? null,
          },
        ],
      },
    ];
  if (type === "function_call_output")
    return [{ role: "tool", content: item["output"] ?? null, tool_call_id: item["call_id"] ?? null }];
  return undefined;
}

function fromLangChain(value: JsonObject, role: string): JsonObject[] {
  const kwargs = isObject(value["kwargs"]) ? value["kwargs"] : value;
  const more = isObject(kwargs["additional_kwargs"]) ? kwargs["additional_kwargs"] : {};
  const own =
    isList(kwargs["tool_calls"]) && kwargs["tool_calls"].length > 0
      ? kwargs["tool_calls"]
      : more["tool_calls"];
  const calls = isList(own) && own.length > 0 ? own : undefined;
  const parts = isList(kwargs["content"]) ? kwargs["content"] : undefined;
  const base: JsonObject = {
    role,
    content: kwargs["content"] ?? "",
    ...(calls === undefined ? {} : { tool_calls: calls }),
    ...(kwargs["tool_call_id"] === undefined ? {} : { tool_call_id: kwargs["tool_call_id"] }),
    ...(kwargs["name"] === undefined || kwargs["name"] === null ? {} : { name: kwargs["name"] }),
  };
  if (parts === undefined) return [base];
  return fromParts(calls === undefined ? base : { ...base, content: "" }, role, parts).map((message) =>
    calls === undefined || message["role"] !== role ? message : { ...message, tool_calls: calls },
  );
}

function fromObject(value: JsonObject, role: string): JsonObject[] {
  const id = isList(value["id"]) ? textOf(value["id"].at(-1)) : undefined;
  const type = textOf(value["type"]);
  const langChain =
    langChainRole(id) ??
    (isObject(value["additional_kwargs"]) ? textOf(value["role"]) : undefined) ??
    ("content" in value && !("role" in value) ? langChainRole(type) : undefined);
  if (langChain !== undefined) return fromLangChain(value, langChain);
  const item = type === undefined ? undefined : fromItem(value, type);
  if (item !== undefined) return item;
  const own = textOf(value["role"]) ?? role;
  const parts = isList(value["parts"])
    ? value["parts"]
    : isList(value["content"])
      ? value["content"]
      : undefined;
  if (parts !== undefined) return fromParts(value, own, parts);
  if ("role" in value || "tool_calls" in value)
    return [{ ...value, role: own, content: value["content"] ?? value["text"] ?? null }];
  const system = value["system"] ?? value["instructions"];
  const before = typeof system === "string" ? [{ role: "system", content: system }] : [];
  for (const key of [
    "messages",
    "generations",
    "choices",
    "output",
    "message",
    "input",
    "prompt",
    "question",
  ]) {
    const inner = value[key];
    if (
      inner !== undefined &&
      inner !== null &&
      (isList(inner) || isObject(inner) || typeof inner === "string")
    )
      return [...before, ...messagesFrom(inner, role)];
  }
  const text = textOf(value["content"]) ?? textOf(value["text"]);
  return [{ role, content: text ?? JSON.stringify(value, null, 2) }];
}

/**
 * Messages of whatever a tracer recorded as a model's input or output: OpenAI, Anthropic, LangChain, the GenAI conventions'
 * parts, the Responses API's items, all of them also as JSON text. What is none of these is one message of the given role.
 */
export function messagesFrom(value: JsonValue | undefined, role: string): JsonObject[] {
  const known = unpacked(value);
  if (known === undefined || known === null || known === "") return [];
  if (isList(known)) return known.flatMap((item) => messagesFrom(item, role));
  if (isObject(known)) return fromObject(known, role);
  return [{ role, content: String(known) }];
}
