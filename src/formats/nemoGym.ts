import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  float64,
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { contentOf, roleOf, toolCallsOf } from "./messages";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set([
  "responses_create_params",
  "response",
  "reward",
  "_ng_task_index",
  "_ng_rollout_index",
  "terminated",
  "truncated",
]);

function itemsOf(value: JsonValue | undefined): readonly JsonObject[] {
  if (typeof value === "string") return [{ type: "message", role: "user", content: value }];
  return isList(value) ? value.filter(isObject) : [];
}

/** Items of OpenAI's Responses API as steps: neighbouring reasoning, text and calls of the model are one step. */
export function responseSteps(input: JsonValue | undefined, output: JsonValue | undefined): Step[] {
  const steps: Step[] = [];
  const add = (item: JsonObject, prompt: boolean): void => {
    const type = textOf(item["type"]) ?? "message";
    const last = steps.at(-1);
    const open = last?.role === "assistant" && !prompt && last.kind !== "prompt" ? last : undefined;
    if (type === "function_call_output" || type.endsWith("_call_output")) {
      steps.push({
        index: steps.length,
        role: "tool",
        kind: prompt ? "prompt" : "observe",
        observation: contentOf(item["output"]).text,
        ...given("extra", item["call_id"] === undefined ? undefined : { call_id: item["call_id"] }),
      });
      return;
    }
    const role = type === "message" ? (roleOf(item) ?? "user") : "assistant";
    if (role !== "assistant") {
      steps.push({
        index: steps.length,
        role,
        kind: prompt ? "prompt" : "observe",
        observation: contentOf(item["content"]).text,
      });
      return;
    }
    const calls = type === "function_call" ? toolCallsOf([item]) : [];
    const text = type === "message" ? contentOf(item["content"]).text : undefined;
    const thought =
      type === "reasoning"
        ? [contentOf(item["summary"]).text, contentOf(item["content"]).text]
            .filter((part) => part !== "")
            .join("\n")
        : undefined;
    // A thought after words or calls begins a step of its own.
    const joins =
      open !== undefined &&
      !(thought !== undefined && (open.action !== undefined || open.toolCalls !== undefined)) &&
      !(text !== undefined && open.action !== undefined);
    const step: Step = joins
      ? open
      : { index: steps.length, role: "assistant", kind: prompt ? "prompt" : "act" };
    const merged: Step = {
      ...step,
      ...(thought === undefined || thought === ""
        ? {}
        : { thought: [step.thought, thought].filter((part) => part !== undefined).join("\n") }),
      ...(text === undefined ? {} : { action: text }),
      ...(calls.length === 0 ? {} : { toolCalls: [...(step.toolCalls ?? []), ...calls] }),
    };
    if (joins) steps[steps.length - 1] = merged;
    else steps.push(merged);
  };
  for (const item of itemsOf(input)) add(item, true);
  for (const item of itemsOf(output)) add(item, false);
  const last = steps.findLastIndex((step) => step.role === "assistant" && step.kind === "act");
  const answer = steps[last];
  if (answer !== undefined && answer.toolCalls === undefined) steps[last] = { ...answer, kind: "answer" };
  return steps;
}

/** Tokens where the server returned ids: each generation's prompt goes on from what came before. */
function tokensOf(output: JsonValue | undefined): TokenColumns | undefined {
  const ids: number[] = [];
  const mask: number[] = [];
  const logprobs: number[] = [];
  for (const item of itemsOf(output)) {
    const prompt = item["prompt_token_ids"];
    const generated = item["generation_token_ids"];
    if (!isList(prompt) || !isList(generated)) continue;
    const before = prompt.map(Number);
    if (before.length < ids.length || ids.some((id, index) => before[index] !== id)) {
      // The context was rewritten: the last generation's own context is what can be shown.
      ids.length = mask.length = logprobs.length = 0;
    }
    for (const id of before.slice(ids.length)) {
      ids.push(id);
      mask.push(0);
      logprobs.push(Number.NaN);
    }
    const own = isList(item["generation_log_probs"])
      ? float64(item["generation_log_probs"])
      : new Float64Array(generated.length).fill(Number.NaN);
    for (const [index, id] of generated.entries()) {
      ids.push(Number(id));
      mask.push(1);
      logprobs.push(own[index] ?? Number.NaN);
    }
  }
  return ids.length === 0
    ? undefined
    : {
        count: ids.length,
        ids: Int32Array.from(ids),
        mask: Uint8Array.from(mask),
        series: { logprob: Float64Array.from(logprobs) },
      };
}

/** NeMo Gym rollouts: a request and response of the Responses API with the verifier's reward. */
export const nemoGym = draftedFormat({
  id: "nemo-gym",
  title: "NeMo Gym rollouts",
  source: "NVIDIA-NeMo/Gym, ng_collect_rollouts",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    // Task files share the first key; only rollouts have a response and a reward.
    if (!isObject(row) || !isObject(row["responses_create_params"]) || !isObject(row["response"]))
      return undefined;
    // A rollout whose verifier failed has no reward; then its response must be one.
    if (!("reward" in row) && !isList(row["response"]["output"])) return undefined;
    return { confidence: 0.95, reason: "keys responses_create_params, response, reward" };
  },

  drafts(record) {
    const row = objectOf(record);
    const request = row["responses_create_params"];
    const response = row["response"];
    if (!isObject(request) || !isObject(response))
      throw new Failure(
        "missing-field",
        "The row has no request and response.",
        "Check that the file is a NeMo Gym rollout file.",
      );
    const steps = responseSteps(request["input"], response["output"]);
    const reward = recordedNumber(row["reward"]);
    const task = wholeNumber(row["_ng_task_index"]);
    const rollout = wholeNumber(row["_ng_rollout_index"]);
    const prompt = steps.findLast((step) => step.role === "user" && step.kind === "prompt")?.observation;
    const truncated = recordedFlag(row["truncated"]);
    const incomplete = isObject(response["incomplete_details"])
      ? textOf(response["incomplete_details"]["reason"])
      : undefined;
    return [
      {
        ...(task === undefined
          ? { groupKey: JSON.stringify(request["input"] ?? null), groupGuess: "rows with the same input" }
          : { groupKey: String(task) }),
        ...(task === undefined ? {} : { ownId: rollout === undefined ? String(task) : `${task}:${rollout}` }),
        title: titleOf(prompt ?? ""),
        task: {
          ...given("id", task === undefined ? undefined : String(task)),
          ...given("prompt", prompt),
          ...given("groundTruth", row["expected_answer"]),
        },
        steps,
        ...given("tokens", tokensOf(response["output"])),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          ...given("stopReason", incomplete),
          ...(incomplete === "max_output_tokens"
            ? { truncated: true }
            : typeof truncated === "boolean"
              ? { truncated }
              : {}),
          components: numbersOf(row, MAPPED),
        },
        extra: {
          ...without(row, new Set(["responses_create_params", "response", "reward"])),
          ...given("model", response["model"]),
          ...given("usage", response["usage"]),
        },
        notes: [],
      },
    ];
  },
});
