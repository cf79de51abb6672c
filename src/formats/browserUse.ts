import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, ToolCall } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";

const STATE_MAPPED = new Set(["screenshot", "screenshot_path", "url", "title"]);
const RESULT_TEXTS = ["extracted_content", "error", "long_term_memory"] as const;

const itemsOf = (row: JsonObject): readonly JsonObject[] =>
  isList(row["history"]) ? row["history"].filter(isObject) : [];
const isItem = (item: JsonObject): boolean =>
  "model_output" in item && isList(item["result"]) && isObject(item["state"]);

/** What the model thought before it acted: the fields of its state, in the order of versions. */
function thoughtOf(output: JsonObject): string | undefined {
  const brain = isObject(output["current_state"]) ? output["current_state"] : output;
  const said = ["thinking", "evaluation_previous_goal", "memory", "next_goal"].flatMap((name) => {
    const text = textOf(brain[name]);
    return text === undefined || text === "" ? [] : [`${name}: ${text}`];
  });
  return said.length === 0 ? undefined : said.join("\n");
}

/** Actions are objects of one field, the action's name; fields that are null were not chosen. */
function callsOf(value: JsonValue | undefined): ToolCall[] {
  return (isList(value) ? value : [value ?? null]).filter(isObject).flatMap((action) =>
    Object.entries(action)
      .filter(([, input]) => input !== null && input !== undefined)
      .map(([name, input]) => ({ name, arguments: input ?? null })),
  );
}

/** A screenshot is a file's path, or the picture itself as base64, of which its size is told. */
function screenshotOf(state: JsonObject): { readonly media?: Step["media"]; readonly extra?: JsonObject } {
  const path = textOf(state["screenshot_path"]);
  if (path !== undefined && path !== "") return { media: [{ kind: "image", path }] };
  const own = textOf(state["screenshot"]);
  if (own === undefined || own === "") return {};
  return own.length < 512 && /\.\w{3,4}$/.test(own)
    ? { media: [{ kind: "image", path: own }] }
    : { extra: { screenshot: `an embedded picture of ${own.length} characters` } };
}

function stepsOf(item: JsonObject, first: number): Step[] {
  const state = isObject(item["state"]) ? item["state"] : {};
  const output = isObject(item["model_output"]) ? item["model_output"] : undefined;
  const results = isList(item["result"]) ? item["result"].filter(isObject) : [];
  const { media, extra: picture } = screenshotOf(state);
  const seen = [textOf(state["title"]), textOf(state["url"])].filter(
    (text) => text !== undefined && text !== "",
  );
  const steps: Step[] = [];
  const add = (step: Omit<Step, "index">): void => void steps.push({ index: first + steps.length, ...step });
  add({
    role: "environment",
    kind: "observe",
    observation: [
      ...seen,
      ...((textOf(item["state_message"]) ?? "") ? [textOf(item["state_message"]) ?? ""] : []),
    ].join("\n"),
    ...given("media", media),
    extra: { ...without(state, STATE_MAPPED), ...picture },
  });
  if (output !== undefined)
    add({
      role: "assistant",
      kind: "act",
      ...given("thought", thoughtOf(output)),
      action: "",
      toolCalls: callsOf(output["action"]),
      extra: { ...given("metadata", item["metadata"]) },
    });
  for (const result of results) {
    const said = RESULT_TEXTS.map((name) => textOf(result[name])).filter(
      (text) => text !== undefined && text !== "",
    );
    add({
      role: "tool",
      kind: "observe",
      observation: said[0] ?? "",
      ...(recordedFlag(result["is_done"]) === true ? { terminated: true } : {}),
      extra: without(
        result,
        new Set(
          said.length === 0 ? [] : [RESULT_TEXTS.find((name) => textOf(result[name]) === said[0]) ?? ""],
        ),
      ),
    });
  }
  return steps;
}

/** Histories of browser-use's agent: what it saw, thought and did at each step, and what came of it. */
export const browserUse = draftedFormat({
  id: "browser-use",
  title: "browser-use histories",
  source: "browser-use AgentHistoryList.save_to_file (AgentHistory.json)",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const first = isObject(row) ? itemsOf(row)[0] : undefined;
    return first !== undefined && isItem(first)
      ? { confidence: 0.9, reason: "a history of model_output, result and state" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const items = itemsOf(row);
    if (!items.some(isItem))
      throw new Failure(
        "missing-field",
        "The document has no `history` of browser-use's steps.",
        "Check the file.",
      );
    const steps: Step[] = [];
    const components: Record<string, number | null> = {};
    for (const item of items) {
      steps.push(...stepsOf(item, steps.length));
      const tokens = isObject(item["metadata"])
        ? recordedNumber(item["metadata"]["input_tokens"])
        : undefined;
      if (typeof tokens === "number") components["input_tokens"] = (components["input_tokens"] ?? 0) + tokens;
    }
    const results = isList(items.at(-1)?.["result"])
      ? (items.at(-1)?.["result"] as readonly JsonValue[])
      : [];
    const last = results.filter(isObject).at(-1) ?? {};
    const done = recordedFlag(last["is_done"]) === true;
    const success = recordedFlag(last["success"]);
    const goal = items
      .map((item) => item["model_output"])
      .filter(isObject)
      .map(thoughtOf)
      .find((text) => text !== undefined);
    return [
      {
        ...given("ownId", textOf(row["id"]) ?? textOf(row["task_id"])),
        title: titleOf(textOf(row["task"]) ?? goal ?? ""),
        task: { ...given("prompt", textOf(row["task"])) },
        steps,
        outcome: {
          ...(done ? given("success", success) : {}),
          stopReason: done ? "done" : "not done",
          truncated: !done,
          components,
        },
        extra: without(row, new Set(["history"])),
        notes: done
          ? [{ code: "own-verdict", message: "Success is what the agent itself says of its work." }]
          : [
              {
                code: "not-done",
                message:
                  "The agent never said that it was done: the history was cut, or it ran out of steps.",
              },
            ],
      },
    ];
  },
});
