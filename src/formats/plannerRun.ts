import type { JsonObject, JsonValue } from "../model/json";
import type { Step, ToolCall } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { picture } from "./guiActions";
import { isList, isObject, recordedFlag, recordedNumber, textOf, titleOf, without } from "./jsonFields";

const EXECUTOR = "executor_sessions.json";
const METADATA = "metadata.json";
const STEP = new Set([
  "step_number",
  "thinking",
  "tool_calls",
  "tool_results",
  "screenshot_path",
  "user_input",
  "query",
]);

const objects = (value: JsonValue | undefined): readonly JsonObject[] =>
  isList(value) ? value.filter(isObject) : [];

function calls(step: JsonObject): readonly ToolCall[] {
  return objects(step["tool_calls"]).map((call) => {
    const called = isObject(call["function"]) ? call["function"] : {};
    const given = textOf(called["arguments"]);
    let parsed: JsonValue = given ?? called["arguments"] ?? null;
    try {
      if (given !== undefined) parsed = JSON.parse(given) as JsonValue;
    } catch {
      // Shown as the text that it is.
    }
    return {
      ...(typeof call["id"] === "string" ? { id: call["id"] } : {}),
      name: textOf(called["name"]) ?? "tool",
      arguments: parsed,
    };
  });
}

function results(step: JsonObject): string | undefined {
  const texts = objects(step["tool_results"]).map((one) => {
    const result = one["result"];
    return textOf(result) ?? JSON.stringify(result ?? null);
  });
  return texts.length === 0 ? undefined : texts.join("\n");
}

/** Run folders of planner-and-executor phone agents: the planner's steps, and under each the executor's session. */
export const plannerRun = draftedFormat({
  id: "planner-run",
  title: "Planner and executor run",
  source: "agents on AndroidWorld that write planner_steps.json and executor_sessions.json",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,
  wholeDocument: true,
  episodeColumns: [],

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      "step_number" in row &&
      "tool_calls" in row &&
      ("todo_list_state" in row || head.siblings.includes(EXECUTOR))
      ? { confidence: 0.9, reason: "numbered planner steps with tool_calls" }
      : undefined;
  },

  companions: () => [EXECUTOR, METADATA],

  drafts(record, context) {
    const told = context.companions?.get(METADATA);
    const metadata: JsonObject = isObject(told) ? told : {};
    const sessions = context.companions?.get(EXECUTOR);
    const executors = isObject(sessions)
      ? Object.entries(sessions).map(([name, list]) => [name, objects(list)] as const)
      : [];
    const planner = objects(record.kind === "value" ? record.value : undefined);
    const goal = textOf(metadata["goal"]) ?? textOf(planner[0]?.["user_input"]) ?? "";
    const timed: { readonly at: string; readonly who: string; readonly step: JsonObject }[] = [
      ...planner.map((step) => ({ at: textOf(step["timestamp"]) ?? "", who: "planner", step })),
      ...executors.flatMap(([name, list]) =>
        list.map((step) => ({ at: textOf(step["timestamp"]) ?? "", who: name, step })),
      ),
    ].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: goal }];
    for (const { who, step } of timed) {
      const shot = textOf(step["screenshot_path"]);
      const size = isObject(step["dimensions"]) ? step["dimensions"] : {};
      const [width, height] = [recordedNumber(size["width"]), recordedNumber(size["height"])];
      const frame = typeof width === "number" && typeof height === "number" ? { width, height } : undefined;
      const toolCalls = calls(step);
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        ...given("observation", who === "planner" ? undefined : textOf(step["query"])),
        ...given("thought", textOf(step["thinking"])),
        action: toolCalls.map((call) => call.name).join(", "),
        ...(toolCalls.length > 0 ? { toolCalls } : {}),
        ...(shot === undefined ? {} : { media: [picture(shot, [], frame)] }),
        extra: { agent: who, ...without(step, STEP) },
      });
      const result = results(step);
      if (result !== undefined)
        steps.push({ index: steps.length, role: "tool", kind: "observe", observation: result });
    }
    const success = recordedFlag(metadata["success"]);
    return [
      {
        ...given("ownId", textOf(metadata["run_id"])),
        title: titleOf(goal),
        task: { prompt: goal, ...given("id", textOf(metadata["task_name"])) },
        steps,
        outcome: {
          ...(success === undefined ? {} : { success }),
          ...given("stopReason", textOf(metadata["final_status"])),
          components: {},
        },
        extra: without(metadata, new Set(["goal"])),
        notes: [
          {
            code: "by-time",
            message: "The planner's and the executor's steps are put in the order of their times.",
          },
        ],
      },
    ];
  },
});
