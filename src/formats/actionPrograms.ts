import { Failure } from "../model/failure";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isList, isObject, listOf, objectOf, recordedFlag, textOf, titleOf, without } from "./jsonFields";

/** VirtualHome programs that were executed: each action with what was observed, and whether it could be done. */
export const virtualHome = draftedFormat({
  id: "virtualhome",
  title: "VirtualHome programs",
  source:
    "VirtualHome data as SPA-RL keeps it: {task, action_list, ObserANDState, SuccessOrFail, FailReasons}",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && isList(row["action_list"]) && isList(row["SuccessOrFail"])
      ? { confidence: 0.95, reason: "lists action_list, SuccessOrFail" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const actions = listOf(row["action_list"]);
    if (actions === undefined)
      throw new Failure("missing-field", "The row has no action_list.", "Check the row's fields.");
    const task = textOf(row["task"]);
    const asked = [task, textOf(row["description"])]
      .filter((part) => part !== undefined && part !== "")
      .join("\n");
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: asked }];
    const flags = actions.map((_, index) => recordedFlag(listOf(row["SuccessOrFail"])?.[index]));
    for (const [index, action] of actions.entries()) {
      const done = flags[index];
      const reason = textOf(listOf(row["FailReasons"])?.[index]);
      const observed = textOf(listOf(row["ObserANDState"])?.[index]);
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        action: textOf(action) ?? JSON.stringify(action),
        extra: {
          ...given("executable", done),
          ...(reason === undefined || reason === "" ? {} : { fail_reason: reason }),
          ...given("program_line", listOf(row["new_program_lines"])?.[index]),
        },
      });
      if (observed !== undefined && observed !== "")
        steps.push({ index: steps.length, role: "environment", kind: "observe", observation: observed });
    }
    const known = flags.filter((flag) => flag === true || flag === false);
    return [
      {
        ...given("ownId", row["id"] === undefined ? undefined : String(row["id"])),
        ...given("groupKey", task),
        ...(task === undefined ? {} : { groupGuess: "programs of the same task" }),
        title: titleOf(task ?? ""),
        task: { prompt: asked },
        steps,
        outcome: {
          components:
            known.length === 0 ? {} : { executable_actions: known.filter(Boolean).length / known.length },
        },
        extra: without(
          row,
          new Set(["action_list", "ObserANDState", "SuccessOrFail", "FailReasons", "new_program_lines"]),
        ),
        notes: [],
      },
    ];
  },
});
