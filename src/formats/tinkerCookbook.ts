import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { numbersOf } from "./outcomeFields";

function stepOf(step: JsonObject, index: number): Step {
  const done = recordedFlag(step["episode_done"]);
  const observed = wholeNumber(step["ob_len"]);
  const acted = wholeNumber(step["ac_len"]);
  return {
    index,
    role: "assistant",
    kind: "act",
    action: "",
    ...given("reward", recordedNumber(step["reward"])),
    ...(typeof done === "boolean" ? { terminated: done } : {}),
    extra: {
      ...given("observation_tokens", observed),
      ...given("action_tokens", acted),
      ...without(step, new Set(["step_idx", "ob_len", "ac_len", "reward", "episode_done"])),
    },
  };
}

/** tinker-cookbook's summaries of rollouts: rewards and lengths by step; the texts are in the logtree beside it. */
export const tinkerCookbook = draftedFormat({
  id: "tinker-cookbook",
  title: "tinker-cookbook rollouts",
  source: "thinking-machines-lab/tinker-cookbook, {log_path}/train_rollout_summaries.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !("group_idx" in row) || !("traj_idx" in row)) return undefined;
    return isList(row["steps"]) && ("total_reward" in row || "final_reward" in row)
      ? { confidence: 0.95, reason: "keys group_idx, traj_idx, total_reward, steps" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    if (!isList(row["steps"]))
      throw new Failure(
        "missing-field",
        "The row has no `steps`.",
        "Check that it is a tinker-cookbook summary.",
      );
    const steps = row["steps"].filter(isObject).map(stepOf);
    const reward = recordedNumber(row["total_reward"]);
    const final = recordedNumber(row["final_reward"]);
    const group = String(row["group_idx"]);
    const tags = isList(row["tags"]) ? row["tags"].map(String).join(", ") : "";
    return [
      {
        ownId: `${group}:${String(row["traj_idx"])}`,
        groupKey: `${textOf(row["split"]) ?? ""}/${group}`,
        title: `group ${group}, trajectory ${String(row["traj_idx"])}${tags === "" ? "" : ` · ${tags}`}`,
        task: {},
        ...given("trainingStep", wholeNumber(row["iteration"])),
        ...given("split", textOf(row["split"])),
        steps,
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "total_reward" }),
          components: {
            ...given("final_reward", final),
            ...numbersOf(
              row,
              new Set([
                "total_reward",
                "final_reward",
                "group_idx",
                "traj_idx",
                "iteration",
                "schema_version",
              ]),
            ),
          },
        },
        extra: without(row, new Set(["steps", "total_reward", "final_reward"])),
        notes: [
          {
            code: "no-text",
            message: "A summary holds rewards and lengths, no text: the text is in the run's logtree.",
          },
        ],
      },
    ];
  },
});
