import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { addNumbers } from "./agentSession";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedFlag, textOf, titleOf, without } from "./jsonFields";
import { contentOf, toolCallsOf } from "./messages";
import { outcomeOfRow } from "./outcomeFields";

const TOKENS = { input_tokens: "input_tokens", output_tokens: "output_tokens" };
const ACTION_MAPPED = new Set([
  "model_input_messages",
  "model_output_message",
  "model_output",
  "tool_calls",
  "observations",
  "error",
]);
/** Names of lists of steps in rows that people write around a run. */
const LISTS = ["steps", "agent_memory", "memory", "intermediate_steps", "full_steps", "trajectory"] as const;

const isAction = (step: JsonValue): step is JsonObject =>
  isObject(step) &&
  "step_number" in step &&
  "model_output" in step &&
  ("observations" in step || "action_output" in step);
const isPlan = (step: JsonValue): step is JsonObject =>
  isObject(step) && "plan" in step && "model_output_message" in step;
const isTask = (step: JsonValue): step is JsonObject => isObject(step) && typeof step["task"] === "string";
const isSystem = (step: JsonValue): step is JsonObject =>
  isObject(step) && typeof step["system_prompt"] === "string";

function listOf(
  value: JsonValue,
): { readonly list: readonly JsonValue[]; readonly field?: string } | undefined {
  if (isList(value)) return value.some(isAction) ? { list: value } : undefined;
  if (!isObject(value)) return undefined;
  for (const field of LISTS) {
    const own = value[field];
    if (isList(own) && own.some(isAction)) return { list: own, field };
  }
  return undefined;
}

/** Code is what a code agent's only call holds; of it the call is the readable form. */
function actionSteps(step: JsonObject, first: number): Step[] {
  const calls = toolCallsOf(step["tool_calls"]);
  const error = isObject(step["error"])
    ? (textOf(step["error"]["message"]) ?? JSON.stringify(step["error"]))
    : textOf(step["error"]);
  const said = contentOf(step["model_output"]).text;
  const { media } = contentOf(isList(step["observations_images"]) ? step["observations_images"] : undefined);
  const shown = contentOf(step["observations"]).text;
  const final = recordedFlag(step["is_final_answer"]) === true;
  const steps: Step[] = [
    {
      index: first,
      role: "assistant",
      kind: final ? "answer" : "act",
      action: said,
      ...(calls.length === 0 ? {} : { toolCalls: calls }),
      ...(final ? { terminated: true } : {}),
      extra: without(step, ACTION_MAPPED),
    },
  ];
  const observed = [shown, ...(error === undefined ? [] : [`Error: ${error}`])]
    .filter((text) => text !== "")
    .join("\n");
  if (observed !== "" || media.length > 0)
    steps.push({
      index: first + 1,
      role: "tool",
      kind: "observe",
      observation: observed,
      ...(media.length === 0 ? {} : { media }),
      ...(error === undefined ? {} : { extra: { error: step["error"] ?? null } }),
    });
  return steps;
}

function draftOf(value: JsonValue): TrajectoryDraft {
  const found = listOf(value);
  if (found === undefined)
    throw new Failure(
      "missing-field",
      "The record holds no steps of smolagents.",
      "Check that it is a run's memory.",
    );
  const row = isObject(value) ? value : {};
  const steps: Step[] = [];
  const components: Record<string, number | null> = {};
  const other: JsonValue[] = [];
  let task = textOf(row["task"]) ?? textOf(row["question"]);
  for (const step of found.list) {
    if (isObject(step)) addNumbers(components, step["token_usage"], TOKENS);
    if (isAction(step)) steps.push(...actionSteps(step, steps.length));
    else if (isPlan(step))
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "think",
        thought: textOf(step["plan"]) ?? "",
        extra: without(step, new Set(["plan", "model_input_messages", "model_output_message"])),
      });
    else if (isTask(step)) {
      task ??= textOf(step["task"]);
      steps.push({
        index: steps.length,
        role: "user",
        kind: steps.length === 0 ? "prompt" : "observe",
        observation: textOf(step["task"]) ?? "",
      });
    } else if (isSystem(step))
      steps.push({
        index: steps.length,
        role: "system",
        kind: "prompt",
        observation: textOf(step["system_prompt"]) ?? "",
      });
    else other.push(step);
  }
  const state = textOf(row["state"]);
  const own = outcomeOfRow(row, new Set(LISTS));
  const truth = row["true_answer"] ?? row["ground_truth"];
  return {
    ...given("ownId", textOf(row["task_id"]) ?? textOf(row["id"])),
    title: titleOf(task ?? steps[0]?.action ?? ""),
    task: {
      ...given("id", textOf(row["task_id"])),
      ...given("prompt", task),
      ...given("groundTruth", truth),
    },
    steps,
    outcome: {
      ...own,
      ...given("stopReason", state),
      ...(state === undefined ? {} : { truncated: state === "max_steps_error" }),
      components: { ...own.components, ...components },
    },
    extra: {
      ...without(row, new Set(found.field === undefined ? [] : [found.field])),
      ...(other.length === 0 ? {} : { other_steps: other }),
    },
    notes: [],
  };
}

/** Runs of smolagents' agents, as their memory gives them, by themselves or in the rows of a benchmark. */
export const smolagents = draftedFormat({
  id: "smolagents",
  title: "smolagents runs",
  source:
    "huggingface/smolagents agent.memory.get_full_steps(), RunResult.dict(), and rows of benchmarks that hold them",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && listOf(row) !== undefined
      ? { confidence: 0.8, reason: "steps with step_number, model_output and observations" }
      : undefined;
  },

  drafts: (record) => [draftOf(record.kind === "value" ? record.value : null)],
});

/** One run as the bare list of its steps. */
export const smolagentsSteps = draftedFormat({
  id: "smolagents-steps",
  title: "smolagents steps (one list)",
  source: "huggingface/smolagents agent.memory.get_full_steps()",
  containers: ["json"],
  wholeDocument: true,
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (head.array !== true || row === undefined) return undefined;
    if (isAction(row))
      return { confidence: 0.8, reason: "steps with step_number, model_output and observations" };
    return isPlan(row) || (isSystem(row) && Object.keys(row).length === 1)
      ? { confidence: 0.6, reason: "the first step of a smolagents run" }
      : undefined;
  },

  drafts: (record) => [draftOf(record.kind === "value" ? record.value : null)],
});
