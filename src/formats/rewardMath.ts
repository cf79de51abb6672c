import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, listOf, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";

const isScored = (row: JsonObject): boolean =>
  isList(row["solution_reference"]) &&
  isList(row["score"]) &&
  row["score"].length === row["solution_reference"].length;
const isSolution = (row: JsonObject): boolean =>
  isList(row["eval_solution"]) && typeof row["solution_reference"] === "string";

/** What a model gave to one solution: one number, one a step, or a judge's letter. */
function scoredSolution(row: JsonObject, index: number): TrajectoryDraft {
  const prompt = textOf(row["problem"]) ?? "";
  const entry = listOf(row["score"])?.[index];
  const by = textOf(listOf(row["solution_reference"])?.[index]) ?? String(index);
  const perStep = listOf(entry);
  const reward = perStep === undefined ? recordedNumber(entry) : undefined;
  const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
  for (const score of perStep ?? [])
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "act",
      action: "",
      ...given("reward", recordedNumber(score)),
    });
  const chosen = textOf(listOf(row["chosen_position"])?.[index]);
  return {
    ownId: by,
    groupKey: "problem",
    title: titleOf(prompt),
    task: { prompt },
    steps,
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "score" }),
      components: {},
    },
    extra: {
      solution_by: by,
      ...(typeof entry === "string" && reward === undefined ? { judged: entry } : {}),
      ...given("chosen_position", chosen),
      ...without(row, new Set(["problem", "score", "solution_reference", "chosen_position"])),
    },
    notes: [
      {
        code: "no-texts",
        message:
          "The file holds scores of solutions without their texts. Which solution is right is in the benchmark's own file; several scores of one solution are those of its steps.",
      },
    ],
  };
}

/** A solution of the benchmark, in steps. */
function solution(row: JsonObject): TrajectoryDraft {
  const prompt = textOf(row["problem"]) ?? "";
  const texts = listOf(row["eval_solution"]) ?? [];
  const type = textOf(row["solution_type"]);
  const id = row["id"];
  return {
    ...(id === undefined || id === null ? {} : { ownId: String(id) }),
    groupKey: prompt,
    groupGuess: "solutions of the same problem",
    title: titleOf(prompt),
    task: { prompt, ...given("groundTruth", row["answer"]) },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: prompt },
      ...texts.map((text, index): Step => ({
        index: index + 1,
        role: "assistant",
        kind: index === texts.length - 1 ? "answer" : "act",
        action: `${textOf(text) ?? ""}\n`,
      })),
    ],
    outcome: {
      ...(type === "chosen" ? { success: true } : type === "rejected" ? { success: false } : {}),
      components: {},
    },
    extra: without(row, new Set(["problem", "eval_solution", "answer"])),
    notes: [],
  };
}

/** RewardMATH: solutions of many models to a problem of which one is right, and the scores that reward models gave them. */
export const rewardMath = draftedFormat({
  id: "reward-math",
  title: "RewardMATH solutions and scores",
  source: "kimsh0507/RewardMATH_official, dataset/benchmark and results/RewardMATH",
  containers: ["json", "jsonl"],
  grouping: "key",
  needs: [
    ["solution_reference", "score"],
    ["solution_reference", "eval_solution"],
  ],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || typeof row["problem"] !== "string") return undefined;
    if (isScored(row))
      return { confidence: 0.9, reason: "problem, solution_reference and score of one length" };
    return isSolution(row)
      ? { confidence: 0.9, reason: "problem, eval_solution and solution_reference" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    if (!isScored(row)) return [solution(row)];
    // The solutions of a row are compared with each other alone.
    return (listOf(row["score"]) ?? []).map((_, index) => ({
      ...scoredSolution(row, index),
      groupKey: `row ${context.row}`,
    }));
  },
});
