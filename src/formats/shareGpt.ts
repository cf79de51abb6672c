import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedFlag, recordedNumber, textOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { outcomeOfRow } from "./outcomeFields";

const MAPPED = new Set(["conversations", "id", "item_id", "system"]);

function rowOf(record: FormatRecord): { readonly row: JsonObject; readonly messages: readonly JsonObject[] } {
  const row = record.kind === "value" && isObject(record.value) ? record.value : undefined;
  const messages = messageList(row?.["conversations"]);
  if (row === undefined || messages === undefined)
    throw new Failure(
      "missing-field",
      "The row has no list `conversations` of {from, value}.",
      "Check that the file is in ShareGPT's format.",
    );
  return { row, messages };
}

/** What ETO and SPA-RL say of an episode beside its turns: under `meta`, or as the agent's final reward. */
function outcomeOf(row: JsonObject): Outcome {
  const own = outcomeOfRow(row, MAPPED);
  const meta = isObject(row["meta"]) ? row["meta"] : undefined;
  const final = recordedNumber(row["agent_final_reward"]);
  const under = meta === undefined ? undefined : outcomeOfRow(meta, new Set());
  const stop = textOf(meta?.["terminate_reason"]);
  return {
    ...(own.reward === undefined && final !== undefined
      ? { reward: final, rewardSource: "agent_final_reward" }
      : under?.reward === undefined
        ? {}
        : { reward: under.reward, rewardSource: `meta.${under.rewardSource ?? "reward"}` }),
    ...given("success", under?.success),
    ...(stop === undefined ? {} : { stopReason: stop, truncated: /max|limit/i.test(stop) }),
    ...own,
    components: {
      ...under?.components,
      ...Object.fromEntries(Object.entries(own.components).filter(([name]) => name !== "agent_final_reward")),
    },
  };
}

/** ShareGPT conversations, and AgentGym's with their `loss` flag a turn, reward and success. */
export const shareGpt = draftedFormat({
  id: "sharegpt",
  title: "ShareGPT conversations",
  source:
    "FastChat and LLaMA-Factory data, AgentGym, ETO and SPA-RL trajectories: conversations[].{from, value, loss?}",
  containers: ["jsonl", "json", "parquet"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const column = head.columns?.find(
        ({ name, type }) => name === "conversations" && /\bfrom\b/.test(type) && /\bvalue\b/.test(type),
      );
      return column === undefined
        ? undefined
        : { confidence: 0.6, reason: "a column conversations of {from, value}" };
    }
    const row = head.firstRecord;
    const messages = isObject(row) ? messageList(row["conversations"]) : undefined;
    if (messages === undefined || !isObject(row) || "chosen" in row || "rejected" in row) return undefined;
    return {
      confidence: "from" in (messages[0] ?? {}) ? 0.6 : 0.25,
      reason: "conversations of {from, value}",
    };
  },

  drafts(record) {
    const { row, messages } = rowOf(record);
    const system = textOf(row["system"]);
    const steps = messageSteps(
      system === undefined || system === "" ? messages : [{ from: "system", value: system }, ...messages],
    ).map((step) => {
      const loss = recordedFlag(step.extra?.["loss"]);
      return loss === undefined || loss === null
        ? step
        : { ...step, extra: { ...step.extra, trained: loss } };
    });
    // SPA-RL's progress model gives one value a turn of the agent's.
    const values = isList(row["turn_values"]) ? row["turn_values"] : [];
    const turns = steps.flatMap((step, index) => (step.role === "assistant" ? [index] : []));
    if (values.length > 0 && values.length === turns.length)
      for (const [turn, index] of turns.entries()) {
        const step = steps[index];
        if (step !== undefined) steps[index] = { ...step, ...given("value", recordedNumber(values[turn])) };
      }
    return [
      {
        ...given("ownId", textOf(row["item_id"]) ?? textOf(row["id"])),
        task: { ...given("prompt", promptOfMessages(messages)) },
        steps,
        outcome: outcomeOf(row),
        extra: without(row, MAPPED),
        notes: [],
      },
    ];
  },
});
