import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { actionText, marksOf, picture } from "./guiActions";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";

const STEP = new Set(["screenshot", "thought"]);

/** Episodes of UI-S1: a goal, and the recorded action of each step with its screenshot. */
export const uiS1 = draftedFormat({
  id: "ui-s1",
  title: "UI-S1 episodes",
  source: "X-PLUG/MobileAgent, UI-S1/datasets/*.jsonl and UI-S1/evaluation/dataset/*.jsonl",
  containers: ["jsonl", "json"],
  grouping: "none",
  needs: [["goal", "steps"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const step = isObject(row) && isList(row["steps"]) ? row["steps"][0] : undefined;
    return isObject(row) && "goal" in row && isObject(step) && isObject(step["action_content"])
      ? { confidence: 0.95, reason: "goal and steps with action_content" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const goal = textOf(row["goal"]) ?? "";
    const listed = isList(row["steps"]) ? row["steps"].filter(isObject) : [];
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: goal }];
    for (const [index, step] of listed.entries()) {
      const action = isObject(step["action_content"]) ? step["action_content"] : {};
      const check = isObject(step["check_options"]) ? step["check_options"] : undefined;
      const shot = textOf(step["screenshot"]);
      const [width, height] = [recordedNumber(step["width"]), recordedNumber(step["height"])];
      const frame = typeof width === "number" && typeof height === "number" ? { width, height } : undefined;
      const marks = [...marksOf(action, "action"), ...(check ? marksOf(check, "truth") : [])];
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: index === listed.length - 1 ? "answer" : "act",
        ...given("thought", textOf(step["thought"])),
        action: actionText(action),
        ...(shot === undefined ? {} : { media: [picture(shot, marks, frame)] }),
        extra: without(step, STEP),
      });
    }
    const success = recordedFlag(row["is_successful"]);
    const id = row["episode_id"];
    return [
      {
        ownId: id === undefined || id === null ? `${context.relativePath}:${context.row}` : String(id),
        title: titleOf(goal),
        task: { prompt: goal },
        steps,
        outcome: { ...(success === undefined ? {} : { success }), components: {} },
        extra: without(row, new Set(["goal", "steps"])),
        notes: [
          {
            code: "recorded-actions",
            message: "The actions are the recorded ones (the truth of semi-online training), not a policy's.",
          },
        ],
      },
    ];
  },
});

/** Results of UI-S1's semi-online evaluation: how far each episode went, in the order in which they ended. */
export const uiS1Results = draftedFormat({
  id: "ui-s1-results",
  title: "UI-S1 evaluation results",
  source: "X-PLUG/MobileAgent, UI-S1/evaluation/eval_qwenvl.py, process_line",
  containers: ["jsonl"],
  grouping: "none",
  needs: [["goal", "num_steps"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && ["goal", "num_steps", "task_success", "final_step_id"].every((key) => key in row)
      ? { confidence: 0.95, reason: "goal, num_steps, task_success and final_step_id" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const goal = textOf(row["goal"]) ?? "";
    const success = recordedFlag(row["task_success"]);
    return [
      {
        title: titleOf(goal),
        task: { prompt: goal },
        steps: [{ index: 0, role: "user", kind: "prompt", observation: goal }],
        outcome: {
          ...(success === undefined ? {} : { success }),
          components: Object.fromEntries(
            ["num_steps", "final_step_id"].flatMap((key) => {
              const number = recordedNumber(row[key]);
              return number === undefined ? [] : [[key, number]];
            }),
          ),
        },
        extra: without(row, new Set(["goal"])),
        notes: [{ code: "results-only", message: "The file holds results without the steps." }],
      },
    ];
  },
});
