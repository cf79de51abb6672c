import type { JsonObject, JsonValue } from "../model/json";
import { isList, isObject, recordedNumber, textOf, without } from "./jsonFields";
import { messagesFrom, unpacked } from "./spanMessages";
import type { Span } from "./spanTrace";

/** A span whose attributes are a flat map, as OTLP has it. */
export interface RawSpan {
  readonly id: string;
  readonly parent: string | undefined;
  readonly trace: string;
  readonly name: string;
  readonly start: string;
  readonly end: string;
  readonly error: string | undefined;
  readonly attributes: JsonObject;
  readonly events: readonly { readonly name: string; readonly attributes: JsonObject }[];
  readonly resource: JsonObject;
}

/** Values under `prefix.N.rest`, as the list of the nested objects: `a.0.b.c = 1` under `a` gives `[{b: {c: 1}}]`. */
export function indexed(attributes: JsonObject, prefix: string): readonly JsonObject[] {
  const list: Record<string, JsonValue | undefined>[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const [index, ...path] = key.slice(prefix.length + 1).split(".");
    const at = Number(index);
    if (!/^\d+$/.test(index ?? "") || at > 100_000 || path.length === 0) continue;
    let target = (list[at] ??= {});
    for (const name of path.slice(0, -1)) {
      const next = target[name];
      target = (isObject(next) ? next : (target[name] = {})) as Record<string, JsonValue | undefined>;
    }
    target[path.at(-1) ?? ""] = value;
  }
  return list.filter((item) => item !== undefined);
}

/** Elements that were keyed by their number: `{"0": a, "1": b}`. */
function numbered(value: JsonValue | undefined): readonly JsonValue[] {
  if (isList(value)) return value;
  return isObject(value)
    ? Object.entries(value)
        .filter(([key]) => /^\d+$/.test(key))
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, item]) => item ?? null)
    : [];
}

/** OpenInference: `llm.input_messages.0.message.role`, flat or nested. */
function openInferenceMessages(items: readonly JsonValue[]): JsonObject[] {
  return items.filter(isObject).flatMap((item) => {
    const message = isObject(item["message"]) ? item["message"] : item;
    const contents = numbered(message["contents"]).flatMap((part): JsonValue[] => {
      const inner = isObject(part) && isObject(part["message_content"]) ? part["message_content"] : part;
      const image = isObject(inner) && isObject(inner["image"]) ? inner["image"]["image"] : undefined;
      return [isObject(image) ? { type: "image_url", image_url: image } : inner];
    });
    const calls = numbered(message["tool_calls"]).flatMap((call): JsonValue[] => {
      const inner = isObject(call) && isObject(call["tool_call"]) ? call["tool_call"] : call;
      return isObject(inner) ? [inner] : [];
    });
    return [
      {
        ...without(message, new Set(["contents", "tool_calls"])),
        role: textOf(message["role"]) ?? "user",
        content: message["content"] ?? contents,
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
    ];
  });
}

/** OpenLLMetry: `gen_ai.prompt.0.role`, with calls as `tool_calls.0.name`. */
function openLlmetryMessages(items: readonly JsonObject[], role: "user" | "assistant"): JsonObject[] {
  return items.flatMap((item) => {
    const calls = numbered(item["tool_calls"]).filter(isObject);
    const [message, ...rest] = messagesFrom(
      {
        ...without(item, new Set(["tool_calls", "finish_reason"])),
        role: textOf(item["role"]) ?? role,
        content: unpackedContent(item["content"]),
      },
      role,
    );
    return message === undefined
      ? rest
      : [calls.length === 0 ? message : { ...message, tool_calls: calls }, ...rest];
  });
}

/** Contents that are lists of parts are stored as JSON text; other JSON is what was really said. */
function unpackedContent(value: JsonValue | undefined): JsonValue {
  const known = unpacked(value);
  return isList(known) ? known : (value ?? null);
}

const EVENT_ROLE = /^gen_ai\.(system|user|assistant|tool)\.message$/;

function eventMessages(span: RawSpan): { readonly input: JsonObject[]; readonly output: JsonObject[] } {
  const input: JsonObject[] = [];
  const output: JsonObject[] = [];
  for (const { name, attributes } of span.events) {
    const role = EVENT_ROLE.exec(name)?.[1];
    const body = unpacked(attributes["gen_ai.event.content"] ?? attributes["body"] ?? attributes["content"]);
    if (role !== undefined)
      input.push(
        ...messagesFrom(isObject(body) ? { role, ...body } : { role, content: body ?? null }, "user"),
      );
    else if (name === "gen_ai.choice")
      output.push(...messagesFrom(body ?? attributes["message"], "assistant"));
    else if (name === "gen_ai.content.prompt")
      input.push(...messagesFrom(attributes["gen_ai.prompt"], "user"));
    else if (name === "gen_ai.content.completion")
      output.push(...messagesFrom(attributes["gen_ai.completion"], "assistant"));
    else if (name.startsWith("gen_ai.client.inference.operation.details")) {
      input.push(
        ...messagesFrom(attributes["gen_ai.system_instructions"], "user").map((message) => ({
          ...message,
          role: "system",
        })),
        ...messagesFrom(attributes["gen_ai.input.messages"], "user"),
      );
      output.push(...messagesFrom(attributes["gen_ai.output.messages"], "assistant"));
    }
  }
  return { input, output };
}

const MESSAGE_KEY =
  /^(?:llm\.(?:input|output)_messages\.|gen_ai\.(?:prompt|completion)(?:\.|$)|gen_ai\.(?:input|output)\.messages$|gen_ai\.system_instructions$|langfuse\.observation\.(?:input|output)$|ai\.(?:prompt|response)\.(?:messages|text|toolCalls)$|input\.value$|output\.value$)/;

function messagesOf(span: RawSpan): { readonly input: JsonObject[]; readonly output: JsonObject[] } {
  const own = span.attributes;
  const pick = (...lists: readonly (() => JsonObject[])[]): JsonObject[] => {
    for (const list of lists) {
      const messages = list();
      if (messages.length > 0) return messages;
    }
    return [];
  };
  const events = eventMessages(span);
  const system = messagesFrom(own["gen_ai.system_instructions"], "user").map((message) => ({
    ...message,
    role: "system",
  }));
  const nested = isObject(own["llm"]) ? own["llm"] : {};
  return {
    input: pick(
      () => {
        const messages = messagesFrom(own["gen_ai.input.messages"], "user");
        return messages.length === 0 ? [] : [...system, ...messages];
      },
      () => openInferenceMessages(indexed(own, "llm.input_messages")),
      () => openInferenceMessages(numbered(own["llm.input_messages"] ?? nested["input_messages"])),
      () => openLlmetryMessages(indexed(own, "gen_ai.prompt"), "user"),
      () => messagesFrom(own["gen_ai.prompt"] ?? own["ai.prompt.messages"] ?? own["ai.prompt"], "user"),
      () => events.input,
      () =>
        messagesFrom(
          own["input.value"] ?? own["langfuse.observation.input"] ?? nestedValue(own["input"]),
          "user",
        ),
    ),
    output: pick(
      () => messagesFrom(own["gen_ai.output.messages"], "assistant"),
      () => openInferenceMessages(indexed(own, "llm.output_messages")),
      () => openInferenceMessages(numbered(own["llm.output_messages"] ?? nested["output_messages"])),
      () => openLlmetryMessages(indexed(own, "gen_ai.completion"), "assistant"),
      () => messagesFrom(own["gen_ai.completion"], "assistant"),
      () => vercelOutput(own),
      () => events.output,
      () =>
        messagesFrom(
          own["output.value"] ?? own["langfuse.observation.output"] ?? nestedValue(own["output"]),
          "assistant",
        ),
    ),
  };
}

const nestedValue = (value: JsonValue | undefined): JsonValue | undefined =>
  isObject(value) ? value["value"] : undefined;

function vercelOutput(own: JsonObject): JsonObject[] {
  const text = textOf(own["ai.response.text"]);
  const calls = unpacked(own["ai.response.toolCalls"]);
  if (text === undefined && !isList(calls)) return [];
  return [
    {
      role: "assistant",
      content: text ?? "",
      ...(isList(calls)
        ? {
            tool_calls: calls.filter(isObject).map((call) => ({
              id: call["toolCallId"] ?? null,
              name: call["toolName"] ?? "",
              arguments: call["args"] ?? call["input"] ?? null,
            })),
          }
        : {}),
    },
  ];
}

/** Types of Langfuse's observations that say more than that there is one, by the kinds of the others. */
const LANGFUSE: Readonly<Record<string, string>> = {
  generation: "llm",
  tool: "tool",
  retriever: "tool",
  agent: "agent",
  chain: "chain",
  evaluator: "evaluator",
  guardrail: "guardrail",
  embedding: "embedding",
};

function kindOf(own: JsonObject, messages: { readonly output: readonly JsonObject[] }): Span["kind"] {
  const nested =
    isObject(own["openinference"]) && isObject(own["openinference"]["span"])
      ? own["openinference"]["span"]["kind"]
      : undefined;
  const kind = (
    textOf(own["openinference.span.kind"]) ??
    textOf(nested) ??
    textOf(own["traceloop.span.kind"]) ??
    LANGFUSE[textOf(own["langfuse.observation.type"]) ?? ""] ??
    ""
  ).toLowerCase();
  if (kind === "llm") return "model";
  if (kind === "tool" || kind === "retriever") return "tool";
  if (kind !== "" && kind !== "unknown") return "other";
  const operation = textOf(own["gen_ai.operation.name"]);
  if (operation === "execute_tool") return "tool";
  if (operation === "chat" || operation === "text_completion" || operation === "generate_content")
    return "model";
  if (operation !== undefined) return "other";
  const request = "gen_ai.request.model" in own || "llm.request.type" in own || "gen_ai.system" in own;
  return request && messages.output.length > 0 ? "model" : "other";
}

/** A model's attributes without the messages, which its steps show: flat, or nested under `llm`. */
function withoutMessages(own: JsonObject): JsonObject {
  const rest = Object.entries(own).filter(([key]) => !MESSAGE_KEY.test(key));
  return Object.fromEntries(
    rest.map(([key, value]) => [
      key,
      key === "llm" && isObject(value)
        ? without(value, new Set(["input_messages", "output_messages"]))
        : value,
    ]),
  );
}

/** Evaluation results: events of the GenAI conventions. */
function scoresOf(span: RawSpan): Readonly<Record<string, number | null>> {
  const scores: Record<string, number | null> = {};
  for (const { name, attributes } of span.events) {
    if (name !== "gen_ai.evaluation.result") continue;
    const number = recordedNumber(attributes["gen_ai.evaluation.score.value"]);
    if (number !== undefined) scores[textOf(attributes["gen_ai.evaluation.name"]) ?? "evaluation"] = number;
  }
  return scores;
}

/** Reads a span of any of the known conventions: which kind it is, what went in, and what came out. */
export function spanOfAttributes(raw: RawSpan): Span {
  const own = raw.attributes;
  const messages = messagesOf(raw);
  const kind = kindOf(own, messages);
  const exception = raw.events.find(({ name }) => name === "exception")?.attributes["exception.message"];
  const error = raw.error ?? textOf(exception);
  const scores = scoresOf(raw);
  const base = {
    id: raw.id,
    parent: raw.parent,
    trace: raw.trace,
    name: raw.name,
    kind,
    start: raw.start,
    end: raw.end,
    ...(error === undefined ? {} : { error }),
    ...(Object.keys(scores).length === 0 ? {} : { scores }),
  };
  if (kind === "tool") {
    const tool =
      textOf(own["tool.name"]) ?? textOf(own["gen_ai.tool.name"]) ?? textOf(own["traceloop.entity.name"]);
    return {
      ...base,
      input: [],
      output: [],
      tool: tool ?? raw.name,
      arguments:
        unpacked(
          own["tool.parameters"] ??
            own["gen_ai.tool.call.arguments"] ??
            own["traceloop.entity.input"] ??
            own["input.value"] ??
            own["langfuse.observation.input"] ??
            nestedValue(own["input"]),
        ) ?? null,
      result:
        own["gen_ai.tool.call.result"] ??
        own["traceloop.entity.output"] ??
        own["output.value"] ??
        own["langfuse.observation.output"] ??
        nestedValue(own["output"]) ??
        null,
      attributes: own,
    };
  }
  return {
    ...base,
    ...messages,
    attributes: kind === "model" ? withoutMessages(own) : own,
  };
}
