import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps } from "./messages";
import { numbersOf } from "./outcomeFields";

const idOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** tau-bench results: an array of runs, several trials a task. */
export const tauBench = draftedFormat({
  id: "tau-bench",
  title: "tau-bench runs",
  source: "sierra-research/tau-bench, results JSON",
  containers: ["json", "jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !["task_id", "reward", "info", "traj", "trial"].every((key) => key in row))
      return undefined;
    return { confidence: 0.95, reason: "keys task_id, reward, info, traj, trial" };
  },

  drafts(record) {
    const row = objectOf(record);
    if (!isList(row["traj"]))
      throw new Failure(
        "missing-field",
        "The run has no `traj`.",
        "Check that the file is a tau-bench result.",
      );
    const info = isObject(row["info"]) ? row["info"] : {};
    const task = isObject(info["task"]) ? info["task"] : {};
    const reward = recordedNumber(row["reward"]);
    const id = idOf(row["task_id"]);
    const messages = messageList(row["traj"]) ?? [];
    const cost = recordedNumber(info["user_cost"]);
    const instruction = textOf(task["instruction"]);
    return [
      {
        ownId: `${id}:${idOf(row["trial"])}`,
        groupKey: id,
        title: titleOf(instruction ?? `task ${id}`),
        task: { id, ...given("prompt", instruction), ...given("groundTruth", task["actions"]) },
        steps: messageSteps(messages),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          ...(reward === 1 || reward === 0 ? { success: reward === 1 } : {}),
          components: { ...given("user_cost", cost) },
        },
        extra: without(row, new Set(["traj", "reward"])),
        notes:
          messages.length === 0
            ? [
                {
                  code: "empty-run",
                  message: `The run of task ${id} holds no messages${textOf(info["error"]) === undefined ? "" : ": it ended with an error"}.`,
                },
              ]
            : [],
      },
    ];
  },
});

/** tau2-bench results: one document with all simulations of an experiment. */
export const tau2Bench = draftedFormat({
  id: "tau2-bench",
  title: "tau2-bench simulations",
  source: "sierra-research/tau2-bench, simulations JSON",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["simulations"]) || !isList(row["tasks"])) return undefined;
    return {
      confidence: isObject(row["info"]) && "agent_info" in row["info"] ? 0.95 : 0.7,
      reason: "keys simulations, tasks, info.agent_info",
    };
  },

  drafts(record) {
    const document = objectOf(record);
    if (!isList(document["simulations"]))
      throw new Failure(
        "missing-field",
        "The document has no `simulations`.",
        "Check that the file is a tau2-bench result.",
      );
    const tasks = new Map(
      (isList(document["tasks"]) ? document["tasks"].filter(isObject) : []).map((task) => [
        idOf(task["id"]),
        task,
      ]),
    );
    return document["simulations"].filter(isObject).map((simulation) => {
      const id = idOf(simulation["task_id"]);
      const info: JsonObject = isObject(simulation["reward_info"]) ? simulation["reward_info"] : {};
      const breakdown = isObject(info["reward_breakdown"])
        ? numbersOf(info["reward_breakdown"], new Set())
        : {};
      const reward = recordedNumber(info["reward"]);
      const stopReason = textOf(simulation["termination_reason"]);
      const task = tasks.get(id) ?? {};
      const description = isObject(task["description"]) ? textOf(task["description"]["purpose"]) : undefined;
      const scenario = isObject(task["user_scenario"]) ? task["user_scenario"]["instructions"] : undefined;
      const reason = isObject(scenario) ? textOf(scenario["reason_for_call"]) : textOf(scenario);
      return {
        ...given("ownId", textOf(simulation["id"])),
        groupKey: id,
        title: titleOf(reason ?? description ?? textOf(task["ticket"]) ?? `task ${id}`),
        task: {
          id,
          ...given("prompt", reason ?? description),
          ...given("groundTruth", task["evaluation_criteria"]),
        },
        steps: messageSteps(messageList(simulation["messages"]) ?? []).map((step) =>
          step.extra === undefined ? step : { ...step, extra: without(step.extra, new Set(["raw_data"])) },
        ),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward_info.reward" }),
          ...(reward === 1 || reward === 0 ? { success: reward === 1 } : {}),
          ...given("stopReason", stopReason),
          ...(stopReason === undefined ? {} : { truncated: /max|too_many/i.test(stopReason) }),
          components: { ...breakdown, ...numbersOf(simulation, new Set(["trial"])) },
        },
        extra: without(simulation, new Set(["messages"])),
        notes: [],
      };
    });
  },
});
