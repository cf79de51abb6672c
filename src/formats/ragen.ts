import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
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
  wholeNumber,
  without,
} from "./jsonFields";
import { messageList, messageSteps } from "./messages";
import { numbersOf } from "./outcomeFields";

const TURN = new Set(["state", "llm_response", "llm_raw_response", "actions", "reward"]);

function turnSteps(turns: readonly JsonObject[]): Step[] {
  const steps: Step[] = [];
  for (const turn of turns) {
    const state = textOf(turn["state"]);
    if (state !== undefined)
      steps.push({
        index: steps.length,
        role: "environment",
        kind: steps.length === 0 ? "prompt" : "observe",
        observation: state,
        stateKey: state,
      });
    const said = textOf(turn["llm_raw_response"]) ?? textOf(turn["llm_response"]);
    // The last turn holds the state that was reached, and nothing was said to it.
    if (said === undefined && turn["reward"] === undefined) continue;
    const actions = listOf(turn["actions"]) ?? [];
    const thought = /<think>([\s\S]*?)<\/think>/.exec(said ?? "");
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "act",
      ...(thought === null ? {} : { thought: thought[0] }),
      action: thought === null ? (said ?? "") : (said ?? "").replace(thought[0], ""),
      ...(actions.length === 0
        ? {}
        : { toolCalls: actions.map((action) => ({ name: "action", arguments: action })) }),
      ...given("reward", recordedNumber(turn["reward"])),
      extra: {
        ...without(turn, TURN),
        ...(turn["llm_raw_response"] === undefined ? {} : given("llm_response", turn["llm_response"])),
      },
    });
  }
  return steps;
}

/** RAGEN's rollouts as JSON: an environment's history of states, responses, actions and rewards. */
export const ragen = draftedFormat({
  id: "ragen",
  title: "RAGEN rollouts",
  source: "RAGEN-AI/RAGEN: {env_id, group_id, history[{state, llm_response, actions, reward}]} as JSON",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const turn = isObject(row) && isList(row["history"]) ? row["history"].find(isObject) : undefined;
    return isObject(row) &&
      turn !== undefined &&
      "state" in turn &&
      ("llm_response" in turn || "actions_left" in turn)
      ? { confidence: 0.95, reason: "a history of {state, llm_response, actions, reward}" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const history = listOf(row["history"])?.filter(isObject);
    if (history === undefined)
      throw new Failure("missing-field", "The row has no `history`.", "Check that the file is RAGEN's.");
    const messages = messageList(row["messages_list"] ?? row["messages"]);
    const asked = messages === undefined ? [] : messageSteps(messages.slice(0, 1), 1);
    const steps = [...(asked[0]?.role === "system" ? asked : []), ...turnSteps(history)].map(
      (step, index) => ({ ...step, index }),
    );
    const rewards = history.flatMap((turn) => {
      const number = recordedNumber(turn["reward"]);
      return typeof number === "number" && !Number.isNaN(number) ? [number] : [];
    });
    const metrics = isObject(row["metrics"]) ? row["metrics"] : {};
    const success = Object.entries(metrics).find(([key]) => /(?:^|[/_])success$/.test(key))?.[1];
    const group = row["group_id"];
    const last = history.findLast((turn) => "reward" in turn);
    const info = isObject(last?.["info"]) ? recordedFlag(last["info"]["success"]) : undefined;
    const solved = recordedFlag(isList(success) ? success.at(-1) : success) ?? info;
    const tag = textOf(row["tag"]) ?? textOf(row["env_tag"]);
    return [
      {
        ...given("ownId", row["env_id"] === undefined ? undefined : String(row["env_id"])),
        ...(group === undefined || group === null ? {} : { groupKey: `${tag ?? ""}/${String(group)}` }),
        title: titleOf(`${tag ?? "environment"} ${textOf(history[0]?.["state"]) ?? ""}`),
        task: {},
        ...given("trainingStep", wholeNumber(row["step"]) ?? wholeNumber(row["global_step"])),
        steps,
        outcome: {
          ...(rewards.length === 0
            ? {}
            : {
                reward: rewards.reduce((sum, reward) => sum + reward, 0),
                rewardSource: "sum of the turns' rewards",
              }),
          ...given("success", solved),
          components: numbersOf(metrics, new Set()),
        },
        extra: without(row, new Set(["history"])),
        notes: [],
      },
    ];
  },
});
