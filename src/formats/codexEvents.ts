import type { JsonObject, JsonValue } from "../model/json";
import { isObject, textOf, without } from "./jsonFields";

/** An event of Codex's own protocol, as the program prints and logs it, as an item of the Responses API. */
export function itemOfEvent(event: JsonObject): JsonObject | undefined {
  const id = event["call_id"] ?? null;
  switch (event["type"]) {
    case "user_message":
      return { type: "message", role: "user", content: event["message"] ?? "" };
    case "agent_message":
      return { type: "message", role: "assistant", content: event["message"] ?? "" };
    case "agent_reasoning":
    case "agent_reasoning_raw_content":
      return { type: "reasoning", summary: event["text"] ?? "" };
    case "exec_command_begin":
      return {
        type: "function_call",
        call_id: id,
        name: "shell",
        arguments: without(event, new Set(["type", "call_id", "parsed_cmd"])),
      };
    case "patch_apply_begin":
      return { type: "function_call", call_id: id, name: "apply_patch", arguments: event["changes"] ?? null };
    case "mcp_tool_call_begin": {
      const invocation = isObject(event["invocation"]) ? event["invocation"] : event;
      return {
        type: "function_call",
        call_id: id,
        name: invocation["tool"] ?? "mcp",
        arguments: invocation["arguments"] ?? null,
      };
    }
    case "exec_command_end":
    case "patch_apply_end":
    case "mcp_tool_call_end": {
      const said = ["formatted_output", "aggregated_output", "stdout", "stderr"]
        .map((name) => textOf(event[name]))
        .find((text) => text !== undefined && text !== "");
      return {
        type: "function_call_output",
        call_id: id,
        output: said ?? event["result"] ?? "",
        ...without(
          event,
          new Set([
            "type",
            "call_id",
            "formatted_output",
            "aggregated_output",
            "stdout",
            "result",
            "parsed_cmd",
          ]),
        ),
      };
    }
    default:
      return undefined;
  }
}

/** What an item of `codex exec --json` holds besides what it did. */
const ITEM_MAPPED = new Set([
  "id",
  "type",
  "item_type",
  "command",
  "aggregated_output",
  "changes",
  "arguments",
  "result",
  "text",
]);

/** Items of the stream of `codex exec --json` as items of the Responses API: a tool's item is the call and what it gave. */
export function itemsOfThreadItem(item: JsonObject): JsonObject[] {
  const id = item["id"] ?? null;
  const more = without(item, ITEM_MAPPED);
  const both = (
    name: JsonValue,
    input: JsonValue | undefined,
    output: JsonValue | undefined,
  ): JsonObject[] => [
    { type: "function_call", call_id: id, name, arguments: input ?? null },
    ...(output === undefined ? [] : [{ type: "function_call_output", call_id: id, output, ...more }]),
  ];
  switch (textOf(item["type"]) ?? textOf(item["item_type"])) {
    case "agent_message":
    case "assistant_message":
      return [{ type: "message", role: "assistant", content: item["text"] ?? "", ...more }];
    case "reasoning":
      return [{ type: "reasoning", summary: item["text"] ?? "", ...more }];
    case "command_execution":
      return both("shell", { command: item["command"] ?? null }, item["aggregated_output"] ?? "");
    case "file_change":
      return both("apply_patch", item["changes"], item["status"] ?? "");
    case "mcp_tool_call": {
      const result = isObject(item["result"])
        ? (item["result"]["content"] ?? item["result"])
        : item["result"];
      const failed = isObject(item["error"]) ? item["error"]["message"] : item["error"];
      return both(item["tool"] ?? "mcp", item["arguments"], result ?? failed ?? "");
    }
    case "web_search":
      return both("web_search", { query: item["query"] ?? null }, undefined);
    default:
      return [{ ...item, type: textOf(item["type"]) ?? textOf(item["item_type"]) ?? "item" }];
  }
}
