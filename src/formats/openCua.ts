import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { marksOf, picture } from "./guiActions";
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

const VALUE = new Set([
  "observation",
  "thought",
  "action",
  "code",
  "last_step_correct",
  "last_step_redundant",
]);

/** Coordinates of AgentNet's code are parts of the screen: x=0.97 is at 97 % of its width. */
function relativePoint(code: string): { readonly x: number; readonly y: number } | undefined {
  const x = /\bx\s*=\s*(-?[\d.]+)/.exec(code)?.[1];
  const y = /\by\s*=\s*(-?[\d.]+)/.exec(code)?.[1];
  return x === undefined || y === undefined ? undefined : { x: Number(x), y: Number(y) };
}

/**
 * Steps as AgentNet has them: a picture and a value. AgentNetBench names the parts otherwise, and its code is the recorded
 * action of the expert.
 */
function stepsIn(row: JsonObject): readonly JsonObject[] {
  if (isList(row["traj"])) return row["traj"].filter(isObject);
  return (isList(row["steps"]) ? row["steps"].filter(isObject) : []).map((step) => {
    const inner = isObject(step["inner_monologue"]) ? step["inner_monologue"] : {};
    return {
      ...without(step, new Set(["inner_monologue", "action"])),
      value: {
        ...without(inner, new Set(["low_level_instruction"])),
        ...given("action", inner["low_level_instruction"]),
        ...given("code", step["action"]),
      },
    };
  });
}

const TASKS = ["instruction", "user_task_description", "high_level_task_description"] as const;

/** AgentNet trajectories of OpenCUA, with a verdict on each step where the annotation has one. */
export const openCua = draftedFormat({
  id: "opencua",
  title: "AgentNet trajectory (OpenCUA)",
  source:
    "xlang-ai/OpenCUA, AgentNet: task_id, instruction, traj[].value; AgentNetBench: steps[].inner_monologue",
  containers: ["jsonl", "json"],
  grouping: "none",
  needs: [["traj"], ["steps"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const listed = isObject(row) ? (listOf(row["traj"]) ?? listOf(row["steps"])) : undefined;
    const step = listed?.find(isObject);
    if (
      isObject(row) &&
      isList(row["steps"]) &&
      step !== undefined &&
      isObject(step["inner_monologue"]) &&
      "image" in step
    )
      return { confidence: 0.9, reason: "steps of image, action and inner_monologue" };
    return isObject(row) &&
      "instruction" in row &&
      step !== undefined &&
      isObject(step["value"]) &&
      "image" in step
      ? { confidence: 0.95, reason: "instruction and traj[] of image and value" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = TASKS.map((name) => textOf(row[name])).find((text) => text !== undefined) ?? "";
    const listed = stepsIn(row);
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
    const values = listed.map((step) => (isObject(step["value"]) ? step["value"] : {}));
    for (const [index, step] of listed.entries()) {
      const value = values[index] ?? {};
      // The verdict is shown at the step that carries it, as the file has it.
      const correct = recordedFlag(value["last_step_correct"]);
      const code = textOf(value["code"]) ?? "";
      const point = relativePoint(code);
      const relative = point !== undefined && Math.abs(point.x) <= 1 && Math.abs(point.y) <= 1;
      const shot = textOf(step["image"]);
      const marks =
        point === undefined
          ? []
          : marksOf(
              { coordinate: [point.x, point.y], action: /\.(\w+)\(/.exec(code)?.[1] ?? "action" },
              "action",
            );
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: index === listed.length - 1 ? "answer" : "act",
        ...given("observation", textOf(value["observation"])),
        ...given("thought", textOf(value["thought"])),
        action: [textOf(value["action"]), code]
          .filter((part) => part !== undefined && part !== "")
          .join("\n"),
        ...(correct === undefined || correct === null ? {} : { reward: correct ? 1 : 0 }),
        ...(shot === undefined
          ? {}
          : { media: [picture(shot, marks, relative ? { width: 1, height: 1 } : undefined)] }),
        extra: {
          ...without(step, new Set(["image", "value"])),
          ...without(value, VALUE),
          ...given("redundant", value["last_step_redundant"]),
        },
      });
    }
    const success = recordedFlag(row["task_completed"]);
    const score = recordedNumber(row["alignment_score"]);
    return [
      {
        ...given("ownId", textOf(row["task_id"])),
        title: titleOf(prompt),
        task: { prompt, ...given("id", textOf(row["task_id"])) },
        steps,
        outcome: {
          ...(success === undefined ? {} : { success }),
          components: {
            ...(score === undefined ? {} : { alignment_score: score }),
            ...Object.fromEntries(
              ["efficiency_score", "task_difficulty"].flatMap((key) => {
                const number = recordedNumber(row[key]);
                return number === undefined ? [] : [[key, number]];
              }),
            ),
          },
        },
        extra: without(row, new Set(["instruction", "traj", "steps"])),
        notes: steps.some((step) => step.reward !== undefined)
          ? [
              {
                code: "step-labels",
                message: "Step rewards are the annotation's last_step_correct: 1 correct, 0 not.",
              },
            ]
          : [],
      },
    ];
  },
});
