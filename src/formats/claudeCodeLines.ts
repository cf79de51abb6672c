import type { JsonObject, JsonValue } from "../model/json";
import { isList, isObject, textOf, without } from "./jsonFields";
import { inOneShape } from "./messageShapes";

/** True for lines that are a turn of the user's or the model's, or what a tool gave. */
export const isTurn = (line: JsonObject): boolean =>
  isObject(line["message"]) && ["user", "assistant", "tool_result"].includes(textOf(line["type"]) ?? "");

/** Text of a content that no turn has: reminders, hooks and what else the terminal showed the model. */
export function asideMessage(line: JsonObject): JsonObject | undefined {
  const attached = line["attachment"];
  if (line["type"] === "attachment" && isObject(attached)) {
    const text = textOf(attached["content"]) ?? JSON.stringify(attached, null, 2);
    return { role: "environment", ...without(line, new Set(["message"])), content: text };
  }
  const content = textOf(line["content"]);
  return line["type"] === "system" && content !== undefined && content !== ""
    ? { role: "environment", ...line, content }
    : undefined;
}

/** What a call of Cursor's is, written as `{shellToolCall: {args, result}}`; one that failed repeats no arguments. */
function cursorCall(
  line: JsonObject,
):
  | { readonly id: JsonValue; readonly name: string; readonly input: JsonValue; readonly result?: JsonValue }
  | undefined {
  const call = isObject(line["tool_call"]) ? line["tool_call"] : {};
  const [kind, inner] = Object.entries(call).find(([, value]) => isObject(value)) ?? [];
  if (kind === undefined || !isObject(inner)) return undefined;
  const named = isObject(call["function"]) ? call["function"] : undefined;
  return {
    id: line["call_id"] ?? null,
    name: textOf(named?.["name"]) ?? kind.replace(/ToolCall$/, ""),
    input: named?.["arguments"] ?? inner["args"] ?? null,
    ...(inner["result"] === undefined ? {} : { result: inner["result"] }),
  };
}

/**
 * Reads Cursor's own lines in their order: a call where it began, together with the words before it and the calls that began
 * with it; what it gave where it ended; and thoughts, which come in pieces, with what comes after them.
 */
function cursorLines(): {
  take(line: JsonObject, messages: JsonObject[]): void;
  thought(): JsonObject;
} {
  const begun = new Set<string>();
  let thinking = "";
  const thought = (): JsonObject => {
    const said = thinking;
    thinking = "";
    return said.trim() === "" ? {} : { reasoning_content: said };
  };
  return {
    thought,
    take(line, messages) {
      if (line["type"] === "thinking") thinking += textOf(line["text"]) ?? "";
      const call = line["type"] === "tool_call" ? cursorCall(line) : undefined;
      if (call === undefined) return;
      const key = JSON.stringify(call.id);
      if (!begun.has(key)) {
        begun.add(key);
        const own = { id: call.id, name: call.name, arguments: call.input };
        const last = messages.at(-1);
        if (last?.["role"] === "assistant") {
          const before = isList(last["tool_calls"]) ? last["tool_calls"] : [];
          messages[messages.length - 1] = { ...last, ...thought(), tool_calls: [...before, own] };
        } else messages.push({ ...thought(), role: "assistant", content: "", tool_calls: [own] });
      }
      if (call.result !== undefined)
        messages.push({ role: "tool", content: call.result, tool_call_id: call.id, name: call.name });
    },
  };
}

/** The conversation of some lines in their order; the blocks of one answer, written one a line, are one message. */
export function messagesOfLines(lines: readonly JsonObject[], shared: JsonObject): readonly JsonObject[] {
  const skip = new Set(["message", "type", ...Object.keys(shared)]);
  const messages: JsonObject[] = [];
  let open: { id: string; blocks: Set<string>; at: number } | undefined;
  const cursor = cursorLines();
  for (const line of lines) {
    if (!isTurn(line)) {
      const aside = asideMessage(line);
      if (aside !== undefined) messages.push(without(aside, new Set(["type", ...Object.keys(shared)])));
      cursor.take(line, messages);
      open = undefined;
      continue;
    }
    const message = isObject(line["message"]) ? line["message"] : {};
    const id = textOf(message["id"]);
    const blocks = isList(message["content"]) ? message["content"] : undefined;
    const last = open === undefined ? undefined : messages[open.at];
    if (open !== undefined && last !== undefined && id === open.id && blocks !== undefined) {
      const known = open.blocks;
      const fresh = blocks.filter((block) => !known.has(JSON.stringify(block)));
      for (const block of fresh) known.add(JSON.stringify(block));
      const before = isList(last["content"]) ? last["content"] : [];
      messages[open.at] = {
        ...last,
        ...without(message, new Set(["content"])),
        content: [...before, ...fresh],
      };
      continue;
    }
    const { role: ownRole, ...said } = message;
    const role = textOf(ownRole) ?? textOf(line["type"]) ?? "user";
    messages.push({
      ...(role === "assistant" ? cursor.thought() : {}),
      ...without(line, skip),
      ...without(said, new Set(["type"])),
      role: role === "tool_result" ? "user" : role,
    });
    open =
      id === undefined || blocks === undefined
        ? undefined
        : { id, blocks: new Set(blocks.map((block) => JSON.stringify(block))), at: messages.length - 1 };
  }
  return inOneShape(
    messages.map((message) =>
      "content" in message || "parts" in message ? message : { ...message, content: "" },
    ),
  ) as readonly JsonObject[];
}
