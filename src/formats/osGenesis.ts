import type { JsonObject, JsonValue } from "../model/json";
import type { MediaReference, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FormatRecord } from "./format";
import { marksOf, picture } from "./guiActions";
import {
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

const STEP = new Set([
  "action_reason",
  "summary",
  "reason",
  "action_json",
  "action_output",
  "screen_before",
  "action_prompt",
  "summary_prompt",
]);

/** The collector writes `gpt_traj`, the reward script `steps`. */
function stepsOf(row: JsonObject): readonly JsonObject[] | undefined {
  const listed = [row["gpt_traj"], row["steps"]].find(isList);
  return listed?.filter(isObject);
}

function action(step: JsonObject): JsonObject | undefined {
  const value = step["action_json"];
  if (isObject(value)) return value;
  if (typeof value !== "string") return undefined;
  try {
    const parsed = JSON.parse(value) as JsonValue;
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Trajectories of OS-Genesis, with the grade of its reward model (1 to 5) where there is one. */
export const osGenesis = draftedFormat({
  id: "os-genesis",
  title: "OS-Genesis trajectories",
  source: "OS-Copilot/OS-Genesis, collection (gpt_traj) and collection/genesis_rm.py (steps, reward)",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,
  needs: [
    ["instruction", "gpt_traj"],
    ["instruction", "steps"],
  ],

  detect(head) {
    const row = head.firstRecord;
    const step = isObject(row) ? stepsOf(row)?.[0] : undefined;
    return isObject(row) &&
      "instruction" in row &&
      step !== undefined &&
      ("screen_before" in step || "action_json" in step || "summary_prompt" in step)
      ? { confidence: 0.95, reason: "instruction and steps with screen_before, action_json and summary" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["instruction"]) ?? "";
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
    const listed = stepsOf(row) ?? [];
    for (const [index, step] of listed.entries()) {
      const done = action(step);
      const shot = textOf(step["screen_before"]);
      const media: readonly MediaReference[] =
        shot === undefined ? [] : [picture(shot, done ? marksOf(done, "action") : [])];
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: index === listed.length - 1 ? "answer" : "act",
        ...given("thought", textOf(step["action_reason"]) ?? textOf(step["reason"])),
        action:
          textOf(step["action_output"]) ?? (done ? JSON.stringify(done) : (textOf(step["summary"]) ?? "")),
        ...(media.length > 0 ? { media } : {}),
        extra: {
          ...without(step, STEP),
          ...given("summary", step["summary"]),
          ...given("action_json", step["action_json"]),
        },
      });
    }
    const reward = recordedNumber(row["reward"]);
    const failed = recordedFlag(row["task_fail"]);
    return [
      {
        ...given("ownId", textOf(row["task_uuid"]) ?? textOf(row["episode_id"])),
        title: titleOf(prompt),
        task: { prompt },
        steps,
        outcome: {
          ...(reward === undefined
            ? {}
            : { reward, rewardSource: "the trajectory reward model's grade, 1 to 5" }),
          ...(failed === true ? { success: false } : {}),
          components: {},
        },
        extra: without(row, new Set(["instruction", "gpt_traj", "steps"])),
        notes: [],
      },
    ];
  },
});

/** Low-level instructions of OS-Genesis by episode and step; what was done is in another file. */
export const osGenesisInstructions = draftedFormat({
  id: "os-genesis-instructions",
  title: "OS-Genesis instructions",
  source: "OS-Copilot/OS-Genesis, collection/aw_instructions.json",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,
  wholeDocument: true,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && ["episode_id", "step_id", "app_name", "instruction"].every((key) => key in row)
      ? { confidence: 0.9, reason: "episode_id, step_id, app_name and instruction" }
      : undefined;
  },

  drafts(record: FormatRecord) {
    const rows = record.kind === "value" && isList(record.value) ? record.value.filter(isObject) : [];
    const episodes = new Map<string, JsonObject[]>();
    for (const row of rows) {
      const id = String(row["episode_id"] ?? "");
      episodes.set(id, [...(episodes.get(id) ?? []), row]);
    }
    return [...episodes].map(([id, listed]): TrajectoryDraft => {
      const ordered = [...listed].sort(
        (one, other) => (wholeNumber(one["step_id"]) ?? 0) - (wholeNumber(other["step_id"]) ?? 0),
      );
      return {
        ownId: id,
        title: titleOf(textOf(ordered[0]?.["instruction"]) ?? id),
        task: { id, ...given("prompt", textOf(ordered[0]?.["task_name"])) },
        steps: ordered.map((row, index) => ({
          index,
          role: "user" as const,
          kind: "prompt" as const,
          observation: textOf(row["instruction"]) ?? "",
          extra: without(row, new Set(["instruction", "episode_id"])),
        })),
        outcome: { components: {} },
        extra: {},
        notes: [{ code: "instructions-only", message: "The file holds instructions without actions." }],
      };
    });
  },
});
