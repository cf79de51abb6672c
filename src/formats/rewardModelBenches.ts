import type { JsonObject } from "../model/json";
import { comparedAnswer } from "./comparedAnswer";
import { draftedFormat, given } from "./draft";
import { fieldNames, isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";

/** Scores that a reward model gave to the chosen and the rejected answer; the texts are in the benchmark's own files. */
export const pairScores = draftedFormat({
  id: "pair-scores",
  title: "Reward-model scores of pairs",
  source: "InternLM-XComposer-2.5-Reward evaluation, RewardBench and RM-Bench: score_chosen, score_rejected",
  containers: ["json", "jsonl"],
  grouping: "record",
  needs: [["score_chosen", "score_rejected"]],
  nativeTree: false,
  detect: (head) =>
    isObject(head.firstRecord) &&
    "score_chosen" in head.firstRecord &&
    "score_rejected" in head.firstRecord &&
    !("chosen" in head.firstRecord)
      ? { confidence: 0.9, reason: "score_chosen and score_rejected" }
      : undefined,
  drafts(record, context) {
    const row = objectOf(record);
    return (["chosen", "rejected"] as const).flatMap((side) => {
      const value = row[`score_${side}`];
      const scores = isList(value) ? value : [value ?? null];
      return scores.map((score, index) => {
        const reward = recordedNumber(score);
        return {
          ownId: `${side}${scores.length > 1 ? ` ${index}` : ""}`,
          groupKey: "pair",
          title: `pair ${context.row} ${side}${scores.length > 1 ? ` (style ${index})` : ""}`,
          task: {},
          steps: [],
          outcome: {
            ...(reward === undefined ? {} : { reward, rewardSource: `score_${side}` }),
            success: side === "chosen",
            components: {},
          },
          extra: without(row, new Set(["score_chosen", "score_rejected"])),
          notes: [
            {
              code: "scores-only",
              message: "The file holds scores alone; success means the answer that people chose.",
            },
          ],
        };
      });
    });
  },
});

/** RewardBench 2: best of four, and Ties with several right answers; also its score files. */
export const rewardBench2 = draftedFormat({
  id: "rewardbench-2",
  title: "RewardBench 2",
  source: "allenai/reward-bench-2 rows; allenai/reward-bench results/eval-set-scores/*.json",
  containers: ["json", "jsonl", "parquet"],
  grouping: "record",
  needs: [
    ["chosen", "rejected"],
    ["text", "scores"],
  ],
  nativeTree: false,
  detect(head) {
    const names = fieldNames(head);
    if (["chosen", "rejected", "num_correct", "subset"].every((name) => names.includes(name)))
      return { confidence: 0.97, reason: "chosen, rejected, num_correct and subset" };
    return ["text", "scores", "subset", "num_correct"].every((name) => names.includes(name))
      ? { confidence: 0.95, reason: "text, scores, num_correct and subset" }
      : undefined;
  },
  drafts(record) {
    const row = objectOf(record);
    const id = textOf(row["id"]) ?? String(row["id"] ?? "row");
    const prompt = textOf(row["prompt"]) ?? "";
    const split = textOf(row["subset"]);
    const extra = without(row, new Set(["prompt", "chosen", "rejected", "text", "scores", "id"]));
    const list = (value: JsonObject[string]): readonly string[] =>
      isList(value) ? value.map((one) => textOf(one) ?? "") : [];
    const right = list(row["chosen"]);
    const all =
      right.length > 0 || list(row["rejected"]).length > 0
        ? [...right, ...list(row["rejected"])]
        : list(row["text"]);
    const scores = isList(row["scores"]) ? row["scores"].flat() : [];
    const correct = recordedNumber(row["num_correct"]) ?? right.length;
    return all.map((text, index) => {
      const score = recordedNumber(scores[index]);
      return comparedAnswer(prompt, text, {
        ownId: `${id} ${index}`,
        ...given("split", split),
        outcome: {
          ...(score === undefined ? {} : { reward: score, rewardSource: "scores" }),
          success: index < correct,
          components: {},
        },
        extra,
        notes: [
          {
            code: "right-answers",
            message: `The first ${correct} of ${all.length} answers are the right ones.`,
          },
        ],
      });
    });
  },
});

/** Outputs of a best-of-N choice: the answer that a reward model picked for each instruction. */
export const modelOutputs = draftedFormat({
  id: "model-outputs",
  title: "Model outputs by instruction",
  source: "AlpacaEval-style outputs; RewardBench best-of-N results (instruction, output, generator, dataset)",
  containers: ["json", "jsonl"],
  grouping: "none",
  needs: [["instruction", "output"]],
  nativeTree: false,
  detect: (head) =>
    isObject(head.firstRecord) &&
    // A vocabulary has these words among its keys, too.
    ["instruction", "output", "generator"].every(
      (key) => typeof (head.firstRecord as JsonObject)[key] === "string",
    )
      ? { confidence: 0.6, reason: "instruction, output and generator" }
      : undefined,
  drafts(record) {
    const row = objectOf(record);
    const { groupKey: _groupKey, ...draft } = comparedAnswer(
      textOf(row["instruction"]) ?? "",
      textOf(row["output"]) ?? "",
      {
        ownId: String(row["id"] ?? row["instruction"] ?? "row").slice(0, 80),
        ...given("split", textOf(row["dataset"])),
        extra: without(row, new Set(["instruction", "output"])),
      },
    );
    return [draft];
  },
});
