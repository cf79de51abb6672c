import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
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
    if (!isObject(row) || !["task_id", "reward", "traj"].every((key) => key in row)) return undefined;
    if (!("info" in row || "trial" in row)) return undefined;
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
        ownId: row["trial"] === undefined ? id : `${id}:${idOf(row["trial"])}`,
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

/** A simulation by itself, as runs write them one a file or as a list. */
const isSimulation = (value: JsonValue | undefined): boolean =>
  isObject(value) &&
  "task_id" in value &&
  "termination_reason" in value &&
  (isList(value["messages"]) || isList(value["ticks"]));

/** Results of several tools are one message there; each of them is a step. */
function messagesOf(simulation: JsonObject): readonly JsonObject[] {
  const listed = isList(simulation["messages"]) ? simulation["messages"].filter(isObject) : [];
  return listed.flatMap((message) =>
    isList(message["tool_messages"]) ? message["tool_messages"].filter(isObject) : [message],
  );
}

/**
 * What was said in a voice simulation, where both sides speak at once: each tick holds a chunk of either side and the calls
 * of tools. Chunks of one speaker that follow each other are one message; silent ones are left out.
 */
function spokenTicks(ticks: readonly JsonObject[]): readonly JsonObject[] {
  const messages: { role: string; content: string; more: JsonObject }[] = [];
  const add = (role: string, chunk: JsonObject): void => {
    const content = textOf(chunk["content"]) ?? "";
    const calls = isList(chunk["tool_calls"]) && chunk["tool_calls"].length > 0;
    if (content === "" && !calls) return;
    const last = messages.at(-1);
    if (!calls && last?.role === role && !("tool_calls" in last.more)) last.content += content;
    else
      messages.push({
        role,
        content,
        more: without(chunk, new Set(["role", "content", ...(calls ? [] : ["tool_calls"])])),
      });
  };
  for (const tick of ticks)
    for (const [key, value] of Object.entries(tick))
      if (key.endsWith("_chunk") && isObject(value)) add(textOf(value["role"]) ?? "user", value);
      else if (key.endsWith("_tool_results"))
        for (const result of isList(value) ? value.filter(isObject) : [])
          messages.push({
            role: "tool",
            content: textOf(result["content"]) ?? "",
            more: without(result, new Set(["role", "content"])),
          });
  return messages.map(({ role, content, more }) => ({ ...more, role, content }));
}

/** tau2-bench results: one document with all simulations of an experiment, or simulations by themselves. */
export const tau2Bench = draftedFormat({
  id: "tau2-bench",
  title: "tau2-bench simulations",
  source: "sierra-research/tau2-bench, simulations JSON; results.json with simulations/{id}.json",
  containers: ["json", "jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isSimulation(row))
      return {
        confidence: isObject(row["reward_info"]) || "trial" in row ? 0.95 : 0.7,
        reason: "a simulation with task_id, termination_reason and messages",
      };
    if (!isList(row["simulations"])) return undefined;
    const first = row["simulations"].find(isObject);
    if (!isList(row["tasks"]))
      return isSimulation(first) ? { confidence: 0.9, reason: "a list of simulations" } : undefined;
    return {
      confidence: isObject(row["info"]) && "agent_info" in row["info"] ? 0.95 : 0.7,
      reason: "keys simulations, tasks, info.agent_info",
    };
  },

  companions: (path) => (/[/\\]simulations[/\\][^/\\]+$/.test(path) ? ["../results.json"] : []),

  datasetPath(path) {
    // `{experiment}/simulations/{id}.json`: the simulations of an experiment are one run.
    return /^(.*[/\\]simulations)[/\\][0-9a-f-]{36}\.json$/i.exec(path)?.[1] ?? path;
  },

  drafts(record, context) {
    const own = objectOf(record);
    const beside = context.companions?.get("../results.json");
    const document = isSimulation(own)
      ? { tasks: isObject(beside) ? beside["tasks"] : [], simulations: [own] }
      : own;
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
        steps: messageSteps(
          isList(simulation["ticks"]) && !isList(simulation["messages"])
            ? spokenTicks(simulation["ticks"].filter(isObject))
            : messagesOf(simulation),
        ).map((step) =>
          step.extra === undefined ? step : { ...step, extra: without(step.extra, new Set(["raw_data"])) },
        ),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward_info.reward" }),
          ...(reward === 1 || reward === 0 ? { success: reward === 1 } : {}),
          ...given("stopReason", stopReason),
          ...(stopReason === undefined ? {} : { truncated: /max|too_many/i.test(stopReason) }),
          components: { ...breakdown, ...numbersOf(simulation, new Set(["trial"])) },
        },
        extra: without(simulation, new Set(["messages", "ticks"])),
        notes: [],
      };
    });
  },
});
