import type { JsonObject } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { marksOf, picture } from "./guiActions";
import {
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";

const MAPPED = new Set(["step_num", "action", "response", "reward", "done", "screenshot_file"]);
const RESULT = "result.txt";
const INSTRUCTION = "instruction.txt";

const rowsOf = (record: FormatRecord): readonly JsonObject[] => {
  const value = record.kind === "value" ? record.value : null;
  return (isList(value) ? value : [value]).filter(isObject);
};

/** The point of a `pyautogui` call, in the numbers it was written with. */
function clickOf(code: string): JsonObject {
  const found =
    /\b(?:click|doubleClick|rightClick|moveTo)\(\s*(?:x\s*=\s*)?(-?[\d.]+)\s*,\s*(?:y\s*=\s*)?(-?[\d.]+)/.exec(
      code,
    );
  return found === null ? {} : { coordinate: [Number(found[1]), Number(found[2])], action: "click" };
}

/** Example folders of OSWorld: the lines of traj.jsonl are one trajectory, its outcome is in result.txt. */
export const osWorld = draftedFormat({
  id: "osworld",
  title: "OSWorld example",
  source:
    "xlang-ai/OSWorld and its copies (Agent-S), results/{action}/{observation}/{model}/{domain}/{id}/traj.jsonl",
  containers: ["jsonl"],
  grouping: "none",
  nativeTree: false,
  wholeDocument: true,
  episodeColumns: [],

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if ("step_num" in row && ("action_timestamp" in row || "screenshot_file" in row))
      return { confidence: 0.95, reason: "step_num, action_timestamp and screenshot_file" };
    return "Error" in row && head.siblings.includes(RESULT)
      ? { confidence: 0.5, reason: "an Error row beside result.txt" }
      : undefined;
  },

  companions: () => [RESULT, INSTRUCTION],

  drafts(record, context) {
    const rows = rowsOf(record);
    const told = context.companions?.get(RESULT);
    const result = recordedNumber(typeof told === "string" ? told.trim() : told);
    const instruction = textOf(context.companions?.get(INSTRUCTION)) ?? textOf(rows[0]?.["instruction"]);
    const steps: Step[] = [];
    if (instruction !== undefined)
      steps.push({ index: 0, role: "user", kind: "prompt", observation: instruction });
    let before: number | undefined;
    let error: string | undefined;
    for (const row of rows) {
      error = textOf(row["Error"]) ?? error;
      if (row["step_num"] === undefined && row["Error"] !== undefined) continue;
      const action = row["action"];
      const code = textOf(action) ?? (action === undefined ? "" : JSON.stringify(action));
      const number = wholeNumber(row["step_num"]);
      const shot = textOf(row["screenshot_file"]);
      const reward = recordedNumber(row["reward"]);
      const marks = marksOf(isObject(action) ? action : clickOf(code), "action");
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: recordedFlag(row["done"]) === true ? "answer" : "act",
        // Several actions of one turn repeat its words.
        ...(number !== undefined && number === before ? {} : given("thought", textOf(row["response"]))),
        action: code,
        // Intermediate rewards are always written as 0; only the last row can hold one.
        ...(reward === 0 ? {} : given("reward", reward)),
        ...(recordedFlag(row["done"]) === true ? { terminated: true } : {}),
        ...(shot === undefined ? {} : { media: [picture(shot, marks)] }),
        extra: without(row, MAPPED),
      });
      before = number;
    }
    const parts = context.path.replace(/[\\]/g, "/").split("/");
    const id = parts.at(-2) ?? "example";
    const notes: Note[] = [];
    if (result === undefined)
      notes.push({
        code: "no-result",
        message: "There is no result.txt beside the trajectory: it is written when an example ends.",
      });
    if (error !== undefined)
      notes.push({ code: "run-error", message: `The run recorded an error: ${error.slice(0, 300)}` });
    return [
      {
        ownId: id,
        ...(parts.length > 2 ? { groupKey: `${parts.at(-3) ?? ""}/${id}` } : {}),
        title: titleOf(instruction ?? `${parts.at(-3) ?? ""} ${id}`.trim()),
        task: { id, ...given("prompt", instruction) },
        steps,
        outcome: {
          ...(result === undefined ? {} : { reward: result, rewardSource: RESULT }),
          ...(result === 1 ? { success: true } : result === 0 ? { success: false } : {}),
          ...(error === undefined ? {} : { stopReason: "error" }),
          components: {},
        },
        extra: {},
        notes,
      },
    ];
  },
});
