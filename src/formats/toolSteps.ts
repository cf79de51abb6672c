import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, ToolCall } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, listOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, isMessage, messageStep, messageSteps, toolCallsOf } from "./messages";

function rowsOf(record: FormatRecord): readonly JsonObject[] {
  const value = record.kind === "value" ? record.value : null;
  return (isList(value) ? value : [value]).filter(isObject);
}

/** The policy's own words inside the printed API object, where the row keeps them nowhere else. */
function saidIn(response: string | undefined): string | undefined {
  const match = /ChatCompletionMessage\(content=(['"])((?:\\.|(?!\1)[\s\S])*)\1/.exec(response ?? "");
  return match?.[2]?.replace(
    /\\(n|t|r|'|"|\\)/g,
    (_, code: string) => ({ n: "\n", t: "\t", r: "\r" })[code] ?? code,
  );
}

/** Pictures are named by `image_path` here. */
function observed(message: JsonObject): JsonObject {
  const content = message["content"];
  return isList(content)
    ? {
        ...message,
        content: content.map((part) =>
          isObject(part) && part["image_path"] !== undefined && part["image_url"] === undefined
            ? { type: "image", image: part["image_path"] }
            : part,
        ),
      }
    : message;
}

/** Calls as `[name, arguments]` pairs, or as the row's own list. */
function callsOf(row: JsonObject): readonly ToolCall[] {
  const action = isObject(row["action"]) ? toolCallsOf(row["action"]["tool_calls"]) : [];
  if (action.length > 0) return action;
  return (listOf(row["function_call"]) ?? []).flatMap((pair): ToolCall[] =>
    isList(pair) && typeof pair[0] === "string" ? [{ name: pair[0], arguments: pair[1] ?? null }] : [],
  );
}

/** Steps of an agent that logs at each step everything it saw so far, and what it did: the lines are one trajectory. */
export const agentSteps = draftedFormat({
  id: "agent-steps",
  title: "Agent steps with their observations",
  source:
    "AReaL geo_edit output.jsonl: {step, observation[messages], action{text, tool_calls}, function_call, extra_info}",
  containers: ["jsonl"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !("step" in row) || !isList(row["observation"]) || !isObject(row["action"]))
      return undefined;
    return row["observation"].every(isMessage)
      ? { confidence: 0.9, reason: "step, observation as messages, action" }
      : undefined;
  },

  drafts(record) {
    const rows = rowsOf(record);
    const steps: Step[] = [];
    let before = 0;
    for (const row of rows) {
      const all = (listOf(row["observation"]) ?? []).filter(isMessage);
      // Each observation repeats the earlier ones and the policy's own turn after them.
      const news = all
        .slice(Math.min(before, all.length))
        .filter((message, index) => index > 0 || before === 0 || message["role"] !== "assistant");
      for (const message of news) {
        const step = messageStep(observed(message), steps.length, before === 0 ? "prompt" : undefined);
        steps.push(step);
      }
      before = all.length;
      const info = isObject(row["extra_info"]) ? row["extra_info"] : {};
      const calls = callsOf(row);
      const own = isObject(row["action"]) ? textOf(row["action"]["text"]) : undefined;
      const thought = textOf(row["thinking_process"]);
      const text = own !== undefined && own !== "" ? own : (textOf(row["output_text"]) ?? "");
      const said = text !== "" ? text : (saidIn(textOf(info["original_response"])) ?? "");
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: calls.length === 0 ? "answer" : "act",
        ...(thought === undefined || thought === "" ? {} : { thought }),
        action: said,
        ...(calls.length === 0 ? {} : { toolCalls: calls }),
        ...given("reward", recordedNumber(row["reward"])),
        extra: without(
          row,
          new Set(["observation", "action", "thinking_process", "function_call", "reward"]),
        ),
      });
    }
    if (steps.length === 0)
      throw new Failure("missing-field", "The file holds no steps.", "Check the fields of its lines.");
    const prompt = steps.find((step) => step.role === "user")?.observation;
    return [
      {
        title: titleOf(prompt ?? ""),
        task: { ...given("prompt", prompt) },
        steps,
        outcome: { components: {} },
        extra: {},
        notes: [],
      },
    ];
  },
});

function toolResult(content: JsonValue | undefined): string {
  return typeof content === "string"
    ? content
    : isList(content) && content.every((part) => isObject(part) && "text" in part)
      ? contentOf(content).text
      : JSON.stringify(content ?? null, null, 2);
}

/** IGPO's requests to its tool server with the answers: one turn of a search agent each. */
export const searchAgentTurns = draftedFormat({
  id: "igpo-tool-turns",
  title: "Search agent turns",
  source: "GuoqingWang1/IGPO tool server, signal/data_*.json: {idx, question, think, tool_call, content}",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      typeof row["question"] === "string" &&
      typeof row["think"] === "string" &&
      isObject(row["tool_call"])
      ? { confidence: 0.9, reason: "keys question, think, tool_call" }
      : undefined;
  },

  drafts(record): TrajectoryDraft[] {
    const [row] = rowsOf(record);
    const question = textOf(row?.["question"]);
    if (row === undefined || question === undefined)
      throw new Failure("missing-field", "The record has no question.", "Check the record's fields.");
    const think = textOf(row["think"]);
    const steps = messageSteps([
      { role: "user", content: question },
      {
        role: "assistant",
        content: "",
        ...(think === undefined ? {} : { reasoning_content: think }),
        tool_calls: [row["tool_call"] ?? null],
      },
      ...(row["content"] === undefined ? [] : [{ role: "tool", content: toolResult(row["content"]) }]),
    ]);
    return [
      {
        ...given("ownId", row["idx"] === undefined ? undefined : String(row["idx"])),
        title: titleOf(question),
        task: { prompt: question },
        steps,
        outcome: { components: {} },
        extra: without(row, new Set(["question", "think", "tool_call", "content"])),
        notes: [],
      },
    ];
  },
});
