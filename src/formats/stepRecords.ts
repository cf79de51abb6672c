import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  listOf,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { contentOf } from "./messages";
import { outcomeOfRow } from "./outcomeFields";

/** Names under which documents keep their steps. */
const LISTS = ["trajectory_steps", "steps", "trajectory", "transitions"] as const;
const OBSERVATIONS = ["observation", "obs", "state"] as const;
const ACTIONS = ["action", "act"] as const;
const STEP = new Set<string>([
  ...OBSERVATIONS,
  ...ACTIONS,
  "thought",
  "reward",
  "done",
  "value",
  "advantage",
]);
const TASKS = ["problem_statement", "instruction", "question", "goal", "task", "prompt", "query"] as const;
const IDS = [
  "instance_id",
  "episode_id",
  "task_id",
  "traj_id",
  "trajectory_id",
  "id",
  "docker_image",
] as const;

const textIn = (value: JsonValue | undefined): string | undefined =>
  value === undefined || value === null ? undefined : contentOf(value).text;

const named = (step: JsonObject, names: readonly string[]): JsonValue | undefined => {
  const name = names.find((one) => one in step);
  return name === undefined ? undefined : step[name];
};

/** Steps of an agent in a document: each an action, with what was observed. */
function stepsIn(
  row: JsonObject,
): { readonly name: string; readonly steps: readonly JsonObject[] } | undefined {
  for (const name of LISTS) {
    const steps = listOf(row[name]);
    if (steps === undefined || steps.length === 0 || !steps.every(isObject)) continue;
    const first = steps[0] as JsonObject;
    const told = ACTIONS.some((key) => key in first) && OBSERVATIONS.some((key) => key in first);
    if (told) return { name, steps: steps as readonly JsonObject[] };
  }
  return undefined;
}

const taskOf = (row: JsonObject): string | undefined => {
  for (const name of TASKS) {
    const value = row[name];
    const text = isObject(value)
      ? TASKS.map((inner) => textOf(value[inner])).find((one) => one !== undefined)
      : textOf(value);
    if (text !== undefined && text !== "") return text;
  }
  return isObject(row["ds"]) ? textOf(row["ds"]["problem_statement"]) : undefined;
};

/** Documents with a list of steps of observation and action: what agents' loops save where no harness has a format. */
export const stepRecords = draftedFormat({
  id: "step-records",
  title: "Agent steps",
  source:
    "R2E-Gym and DeepSWE trajectories (trajectory_steps); documents with steps of observation, action, reward, done",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const found = isObject(row) ? stepsIn(row) : undefined;
    if (found === undefined || !isObject(row)) return undefined;
    const [first] = found.steps;
    const judged =
      found.name === "trajectory_steps" ||
      "reward" in row ||
      (first !== undefined && ("reward" in first || "thought" in first || "done" in first));
    return {
      confidence: found.name === "trajectory_steps" ? 0.85 : judged ? 0.5 : 0.3,
      reason: `${found.name} of observation and action`,
    };
  },

  drafts(record) {
    const row = objectOf(record);
    const found = stepsIn(row);
    if (found === undefined)
      throw new Failure(
        "missing-field",
        "The record has no steps of observation and action.",
        "Check that the file holds trajectories.",
      );
    const task = taskOf(row);
    const steps: Step[] =
      task === undefined ? [] : [{ index: 0, role: "user", kind: "prompt", observation: task }];
    for (const item of found.steps) {
      const thought = textIn(item["thought"]);
      const done = recordedFlag(item["done"]);
      const extra = without(item, STEP);
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        ...given("observation", textIn(named(item, OBSERVATIONS))),
        ...(thought === undefined || thought === "" ? {} : { thought }),
        action: textIn(named(item, ACTIONS)) ?? "",
        ...given("reward", recordedNumber(item["reward"])),
        ...given("value", recordedNumber(item["value"])),
        ...given("advantage", isList(item["advantage"]) ? undefined : recordedNumber(item["advantage"])),
        ...(typeof done === "boolean" ? { terminated: done } : {}),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      });
    }
    const idName = IDS.find((name) => row[name] !== undefined && row[name] !== null);
    const ds = isObject(row["ds"]) ? row["ds"] : {};
    const id =
      idName === undefined ? (textOf(ds["instance_id"]) ?? textOf(ds["docker_image"])) : String(row[idName]);
    const stopReason = textOf(row["exit_reason"]) ?? textOf(row["exit_status"]) ?? textOf(row["stop_reason"]);
    const outcome = outcomeOfRow(row, new Set([found.name]));
    return [
      {
        ...given("ownId", id),
        groupKey: task ?? id ?? "",
        groupGuess: "records with the same task",
        title: titleOf(
          task ?? id ?? found.steps.map((step) => textIn(named(step, OBSERVATIONS)) ?? "")[0] ?? "",
        ),
        task: { ...given("id", id), ...given("prompt", task) },
        steps,
        outcome: {
          ...outcome,
          ...given("stopReason", stopReason),
          ...(stopReason === undefined
            ? {}
            : { truncated: /max|limit|token|context|timeout/i.test(stopReason) }),
        },
        extra: without(row, new Set([found.name])),
        notes: [],
      },
    ];
  },
});
