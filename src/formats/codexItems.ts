import type { JsonObject, JsonValue } from "../model/json";
import type { CalledTools } from "./messageParts";
import { parseJson } from "./jsonText";
import { isList, isObject, textOf, without } from "./jsonFields";
import { contentOf } from "./messages";

const MESSAGE_MAPPED = new Set(["type", "content"]);
const REASONING_MAPPED = new Set(["type", "summary", "content", "id"]);
const OUTPUT_MAPPED = new Set(["type", "output", "call_id"]);
const CALL_MAPPED = new Set(["type", "name", "arguments", "input", "action", "call_id", "id"]);

/** What a call gave: Codex wraps an output's text with its metadata in JSON text, newer versions in an object. */
function outputOf(value: JsonValue | undefined): { readonly content: JsonValue; readonly more: JsonObject } {
  let own = value;
  if (typeof value === "string" && value.startsWith('{"')) {
    try {
      own = parseJson(value);
    } catch {
      own = value;
    }
  }
  if (isObject(own)) {
    const field = ["output", "content", "content_items"].find(
      (name) => typeof own[name] === "string" || isList(own[name]),
    );
    if (
      field !== undefined &&
      Object.keys(own).every((key) => [field, "metadata", "success", "body"].includes(key))
    )
      return { content: own[field] ?? null, more: without(own, new Set([field])) };
  }
  return { content: value ?? null, more: {} };
}

/** Name and arguments of a call, whatever the kind of tool: functions, free text, a shell, a search. */
function callOf(item: JsonObject, type: string): JsonObject {
  const id = item["call_id"] ?? item["id"] ?? null;
  const name = item["name"] ?? type.replace(/_call$/, "");
  return {
    id,
    name,
    arguments: item["arguments"] ?? item["input"] ?? item["action"] ?? item["query"] ?? null,
  };
}

const thoughtOf = (item: JsonObject): string =>
  [contentOf(item["summary"]).text, contentOf(item["content"]).text].filter((text) => text !== "").join("\n");

/**
 * Items of the Responses API as messages: a thought, the words after it and the calls made with them are one message; what a
 * call gave is one by itself, with the tool's name.
 * @param lines items, and messages that already have a `role` alone, in order; other fields stay with the message
 */
export function messagesOfItems(lines: readonly JsonObject[]): JsonObject[] {
  const tools: CalledTools = new Map();
  const out: JsonObject[] = [];
  let open: JsonObject | undefined;
  const close = (): void => {
    if (open !== undefined) out.push(open);
    open = undefined;
  };
  for (const item of lines) {
    const type = textOf(item["type"]) ?? "message";
    if (type === "reasoning") {
      if (open !== undefined && (open["content"] !== "" || "tool_calls" in open)) close();
      const thought = [textOf(open?.["reasoning_content"]), thoughtOf(item)].filter(
        (text) => text !== undefined && text !== "",
      );
      open = {
        role: "assistant",
        ...open,
        ...without(item, REASONING_MAPPED),
        content: "",
        reasoning_content: thought.join("\n"),
      };
    } else if (type.endsWith("_output")) {
      close();
      const { content, more } = outputOf(item["output"] ?? item["tools"]);
      const name = tools.get(textOf(item["call_id"]) ?? "");
      out.push({
        role: "tool",
        ...without(item, OUTPUT_MAPPED),
        ...more,
        content,
        ...(item["call_id"] === undefined ? {} : { tool_call_id: item["call_id"] }),
        ...(name === undefined ? {} : { name }),
      });
    } else if (type === "function_call" || type.endsWith("_call")) {
      const call = callOf(item, type);
      const [id, name] = [textOf(call["id"]), textOf(call["name"])];
      if (id !== undefined && name !== undefined) tools.set(id, name);
      const calls = isList(open?.["tool_calls"]) ? open["tool_calls"] : [];
      open = {
        role: "assistant",
        content: "",
        ...without(item, CALL_MAPPED),
        ...open,
        tool_calls: [...calls, call],
      };
    } else if (type === "message" && item["role"] === "assistant") {
      if (open !== undefined && (open["content"] !== "" || "tool_calls" in open)) close();
      const content = contentOf(item["content"]);
      open = {
        ...open,
        ...without(item, MESSAGE_MAPPED),
        content: content.other.length + content.media.length === 0 ? content.text : (item["content"] ?? ""),
      };
    } else if (type === "message") {
      close();
      out.push({ ...without(item, MESSAGE_MAPPED), content: item["content"] ?? "" });
    } else {
      close();
      out.push({
        role: "environment",
        ...item,
        content: textOf(item["text"]) ?? JSON.stringify(item, null, 2),
      });
    }
  }
  close();
  return out;
}
