import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  listOf,
  objectOf,
  recordedFlag,
  recordedNumber,
  titleOf,
  without,
} from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";

const PAIR = ["text_chosen", "text_rejected"] as const;
const BEST_OF = ["text", "scores", "target_model"] as const;

/** Rows of a document whose fields are lists side by side; fields of another length belong to all rows. */
function rowsOf(document: JsonObject, column: string): readonly JsonObject[] {
  const values = listOf(document[column]);
  // A conversation is a list as well.
  if (values === undefined || messageList(values) !== undefined) return [document];
  return values.map((_, index) =>
    Object.fromEntries(
      Object.entries(document).map(([key, value]) => [
        key,
        isList(value) && value.length === values.length ? (value[index] ?? null) : value,
      ]),
    ),
  );
}

/** A text that both sides begin with, up to the last line end or mark of a chat template in it. */
function sharedPrompt(left: string, right: string): string {
  let same = 0;
  while (same < left.length && left[same] === right[same]) same++;
  const shared = left.slice(0, same);
  // Answers may begin alike too: the prompt ends where a line or a mark of the template does.
  const end = Math.max(...["\n", "|>", "[/INST]"].map((mark) => afterLast(shared, mark)));
  return shared.slice(0, end);
}

const afterLast = (text: string, mark: string): number => {
  const at = text.lastIndexOf(mark);
  return at < 0 ? 0 : at + mark.length;
};

function said(
  value: JsonValue | undefined,
  other: JsonValue | undefined,
): Pick<TrajectoryDraft, "steps" | "task" | "notes" | "title"> {
  const messages = messageList(value);
  if (messages !== undefined) {
    const prompt = promptOfMessages(messages);
    return {
      title: titleOf(prompt ?? ""),
      task: { ...given("prompt", prompt) },
      steps: messageSteps(messages),
      notes: [],
    };
  }
  if (typeof value !== "string")
    throw new Failure(
      "missing-field",
      "A row has no text of an answer.",
      "Check that the file is RewardBench's.",
    );
  const prompt = typeof other === "string" ? sharedPrompt(value, other) : "";
  const steps: Step[] = [];
  if (prompt !== "") steps.push({ index: 0, role: "user", kind: "prompt", observation: prompt });
  steps.push({ index: steps.length, role: "assistant", kind: "answer", action: value.slice(prompt.length) });
  const notes: Note[] =
    prompt === ""
      ? []
      : [
          {
            code: "guessed-prompt",
            message: "The prompt is what both answers' texts begin with: the file does not part them.",
          },
        ];
  return { title: titleOf(value), task: { ...(prompt === "" ? {} : { prompt }) }, steps, notes };
}

const nameOf = (row: JsonObject, index: number): string =>
  [row["subset"], row["id"] ?? index]
    .filter((part) => part !== undefined && part !== null)
    .map(String)
    .join("/");

/**
 * RewardBench 1: what a reward model gave to the two answers of each pair, or to the answers among which the best is chosen.
 * Success means that people preferred the answer; whether the model agreed is a component.
 */
export const rewardBenchScores = draftedFormat({
  id: "rewardbench-scores",
  title: "RewardBench results",
  source:
    "allenai/reward-bench, results of run_rm.py, run_dpo.py and run_bon.py (eval-set-scores, best-of-n)",
  containers: ["json", "jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (PAIR.every((name) => name in row) && ("results" in row || "scores_chosen" in row))
      return { confidence: 0.92, reason: "text_chosen, text_rejected and results" };
    return BEST_OF.every((name) => name in row) && ("subset" in row || "id" in row)
      ? { confidence: 0.9, reason: "text, scores and target_model" }
      : undefined;
  },

  drafts(record, context) {
    const document = objectOf(record);
    if (!("text_chosen" in document))
      return rowsOf(document, "text").map((row, index): TrajectoryDraft => {
        const reward = recordedNumber(row["scores"]);
        return {
          ...said(row["text"], undefined),
          groupKey: nameOf(row, index),
          outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "scores" }), components: {} },
          extra: without(row, new Set(["text", "scores"])),
        };
      });
    return rowsOf(document, "text_chosen").flatMap((row, index) =>
      (["chosen", "rejected"] as const).map((side): TrajectoryDraft => {
        const reward = recordedNumber(row[`scores_${side}`]);
        const agreed = recordedFlag(row["results"]);
        return {
          ...said(row[`text_${side}`], row[side === "chosen" ? "text_rejected" : "text_chosen"]),
          ownId: `${nameOf(row, context.row + index)} ${side}`,
          groupKey: nameOf(row, context.row + index),
          outcome: {
            ...(reward === undefined ? {} : { reward, rewardSource: `scores_${side}` }),
            success: side === "chosen",
            // A tie is half right.
            components: {
              ...given(
                "model_agrees",
                recordedNumber(row["results"]) ??
                  (agreed === undefined || agreed === null ? undefined : Number(agreed)),
              ),
            },
          },
          extra: without(row, new Set([...PAIR, "results", "scores_chosen", "scores_rejected"])),
        };
      }),
    );
  },
});
