import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
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
import { stepsOfMarkedText } from "./turns";

const MAPPED = new Set([
  "idx",
  "question",
  "gt",
  "code",
  "response",
  "pred",
  "report",
  "score",
  "pred_score",
  "system",
  "query",
]);

/** A reward model's scores of one completion: a list with a number for each step, or for the whole. */
function scoresOf(
  value: JsonValue | undefined,
): { readonly name: string; readonly value: number | null } | undefined {
  const single = recordedNumber(value);
  if (single !== undefined) return { name: "pred_score", value: single };
  const list = listOf(value);
  const last = recordedNumber(list?.at(-1));
  return last === undefined
    ? undefined
    : { name: (list?.length ?? 0) > 1 ? "pred_score (last)" : "pred_score", value: last };
}

/** Evaluations by the Qwen2.5-Math harness and its many copies: several completions a problem with their verdicts. */
export const mathEval = draftedFormat({
  id: "math-eval",
  title: "Math evaluation completions",
  source:
    "QwenLM/Qwen2.5-Math evaluation, simpleRL and ERV: {idx, question, gt, code, pred, score} with lists by completion",
  containers: ["jsonl", "json"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || typeof row["question"] !== "string" || !("gt" in row)) return undefined;
    const { code, pred, score } = row;
    return isList(code) && isList(pred) && isList(score) && code.length === score.length
      ? { confidence: 0.95, reason: "question, gt, and lists code, pred, score of equal length" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const outputs = listOf(row["code"]) ?? listOf(row["response"]);
    const question = textOf(row["question"]);
    if (outputs === undefined || question === undefined)
      throw new Failure(
        "missing-field",
        "The row has no question with a list of completions.",
        "Check the row's fields.",
      );
    const system = textOf(row["system"]);
    const query = textOf(row["query"]) ?? question;
    const id = row["idx"] === undefined ? undefined : String(row["idx"]);
    return outputs.map((output, index): TrajectoryDraft => {
      const text = textOf(output) ?? "";
      const { steps, notes } = stepsOfMarkedText(query, text);
      const correct = recordedFlag(listOf(row["score"])?.[index]);
      const reward = recordedNumber(listOf(row["score"])?.[index]);
      const judged = scoresOf(listOf(row["pred_score"])?.[index]);
      const first = system === undefined || system === "" ? 0 : 1;
      return {
        ...(id === undefined ? {} : { ownId: `${id}:${index}` }),
        groupKey: "record",
        title: titleOf(question),
        task: { ...given("id", id), prompt: question, ...given("groundTruth", row["gt"]) },
        steps:
          first === 0
            ? steps
            : [
                { index: 0, role: "system", kind: "prompt", observation: system ?? "" },
                ...steps.map((step) => ({ ...step, index: step.index + first })),
              ],
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "score (the answer is right)" }),
          ...given("success", correct),
          components: judged === undefined ? {} : { [judged.name]: judged.value },
        },
        extra: {
          ...without(row, MAPPED),
          ...given("pred", listOf(row["pred"])?.[index]),
          ...given("report", listOf(row["report"])?.[index]),
          ...given("pred_score", listOf(row["pred_score"])?.[index]),
        },
        notes,
      };
    });
  },
});
