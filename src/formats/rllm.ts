import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { contentOf } from "./messages";
import { numbersOf } from "./outcomeFields";

const STEP_MAPPED = new Set([
  "observation",
  "thought",
  "action",
  "reward",
  "done",
  "advantage",
  "chat_completions",
  "prompt_ids",
  "response_ids",
  "logprobs",
]);

const plainText = (value: JsonValue | undefined): string | undefined =>
  value === undefined || value === null
    ? undefined
    : typeof value === "string"
      ? value
      : contentOf(value).text;

function stepOf(step: JsonObject, index: number): Step {
  const reward = recordedNumber(step["reward"]);
  const value = recordedNumber(step["mc_return"]);
  const advantage = isList(step["advantage"]) ? undefined : recordedNumber(step["advantage"]);
  const thought = textOf(step["thought"]);
  const action = plainText(step["action"]) ?? textOf(step["model_response"]);
  const done = recordedFlag(step["done"]);
  return {
    index,
    role: "assistant",
    kind: "act",
    ...given("observation", plainText(step["observation"])),
    ...(thought === undefined || thought === "" ? {} : { thought }),
    ...given("action", action),
    ...given("reward", reward),
    ...given("value", value),
    ...given("advantage", advantage),
    ...(typeof done === "boolean" ? { terminated: done } : {}),
    // chat_completions repeats the whole conversation at every step.
    extra: without(step, STEP_MAPPED),
  };
}

/** A trajectory that was saved by itself: the task, the reward and steps that carry their conversation. */
function isLone(value: JsonValue | undefined): value is JsonObject {
  const step = isObject(value) && isList(value["steps"]) ? value["steps"].find(isObject) : undefined;
  return (
    isObject(value) &&
    "task" in value &&
    "reward" in value &&
    step !== undefined &&
    "action" in step &&
    ("model_response" in step || "chat_completions" in step)
  );
}

const episodeOf = (value: JsonValue): JsonObject => {
  if (isLone(value)) return { task: value["task"], trajectories: [value] };
  if (!isObject(value) || !isList(value["trajectories"]))
    throw new Failure(
      "missing-field",
      "The document has no `trajectories`.",
      "Check that the file is an rLLM episode.",
    );
  return value;
};

/** rLLM episodes: one JSON document an episode, with one trajectory an agent (solver, judge, ...). */
export const rllm = draftedFormat({
  id: "rllm-episode",
  title: "rLLM episodes",
  source: "rllm-org/rllm, EpisodeLogger (episodes/{split}_step_{N}_epoch_{E}) and eval_results",
  containers: ["json", "jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "step",

  detect(head) {
    const row = head.firstRecord;
    if (isLone(row))
      return { confidence: 0.85, reason: "task, reward, and steps of observation, action, chat_completions" };
    if (
      !isObject(row) ||
      !isList(row["trajectories"]) ||
      !("is_correct" in row || "task_hash" in row || "eval_idx" in row)
    )
      return undefined;
    const known = ["episode_id", "task_hash", "eval_idx", "termination_reason", "is_correct"].filter(
      (key) => key in row,
    );
    return known.length >= 2
      ? { confidence: 0.9, reason: `keys ${known.join(", ")}, trajectories` }
      : undefined;
  },

  datasetPath(path) {
    // `episodes/train_step_1_epoch_0/episode_*.json`: all steps are one run.
    return path.replace(/[/\\](?:(?:train|val)_step_\d+_epoch_\d+[/\\])?[^/\\]+$/, "");
  },

  drafts(record, context) {
    const episode = episodeOf(record.kind === "value" ? record.value : null);
    const task = isObject(episode["task"]) ? episode["task"] : {};
    const question =
      textOf(task["question"]) ??
      textOf(task["problem"]) ??
      textOf(task["prompt"]) ??
      textOf(task["instruction"]) ??
      (typeof episode["task"] === "string" ? episode["task"] : undefined);
    const trainingStep = wholeNumber(episode["training_step"]);
    const split = /(?:^|[/\\])(train|val)_step_/.exec(context.path)?.[1];
    const metrics = isObject(episode["metrics"]) ? numbersOf(episode["metrics"], new Set()) : {};
    const success = recordedFlag(episode["is_correct"]);
    const stopReason = textOf(episode["termination_reason"]);
    const id = textOf(episode["episode_id"]) ?? textOf(episode["id"]);
    return (episode["trajectories"] as readonly JsonValue[]).filter(isObject).map((trajectory) => {
      const name = textOf(trajectory["name"]);
      const steps = (isList(trajectory["steps"]) ? trajectory["steps"].filter(isObject) : []).map(stepOf);
      const reward = recordedNumber(trajectory["reward"]);
      return {
        ...given(
          "ownId",
          id === undefined ? textOf(trajectory["uid"]) : name === undefined ? id : `${id} ${name}`,
        ),
        // The members of a group are the same agent's attempts at a task; other agents of an episode are not.
        groupKey: `${textOf(episode["task_hash"]) ?? id?.split(":")[0] ?? question ?? ""}/${name ?? ""}`,
        title: titleOf(question ?? steps[0]?.observation ?? ""),
        task: {
          ...given("prompt", question),
          ...given("groundTruth", task["ground_truth"] ?? task["answer"]),
        },
        ...given("trainingStep", trainingStep),
        ...given("split", split),
        steps,
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward of the trajectory" }),
          ...given("success", success),
          ...given("stopReason", stopReason),
          ...(stopReason === undefined ? {} : { truncated: /max|length|truncat|timeout/i.test(stopReason) }),
          components: metrics,
        },
        extra: {
          ...without(trajectory, new Set(["steps", "reward"])),
          episode: without(episode, new Set(["trajectories", "task"])),
        },
        notes: [],
      };
    });
  },
});
