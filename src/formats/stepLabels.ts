import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import type { TreeNode } from "../model/tree";
import { draftedFormat, given } from "./draft";
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

function rowOf(value: JsonValue | undefined, name: string): JsonObject {
  if (!isObject(value))
    throw new Failure("unfit-record", "The record is not a JSON object.", `Check that the file is ${name}.`);
  return value;
}

interface Candidate {
  readonly text: string;
  readonly rating: number | null | undefined;
  readonly extra: JsonObject;
}

function candidatesOf(step: JsonObject): {
  readonly candidates: readonly Candidate[];
  readonly chosen: number | undefined;
} {
  const candidate = (value: JsonObject): Candidate => ({
    text: textOf(value["text"]) ?? "",
    rating: recordedNumber(value["rating"]),
    extra: without(value, new Set(["text", "rating"])),
  });
  const candidates = (isList(step["completions"]) ? step["completions"].filter(isObject) : []).map(candidate);
  const human = step["human_completion"];
  const chosen = wholeNumber(step["chosen_completion"]);
  // Where no candidate was taken, the labeller's own sentence goes on.
  if (isObject(human))
    return { candidates: [...candidates, candidate(human)], chosen: chosen ?? candidates.length };
  return { candidates, chosen: chosen ?? (candidates.length === 1 ? 0 : undefined) };
}

function stepsOfLabel(
  row: JsonObject,
): readonly { readonly candidates: readonly Candidate[]; readonly chosen: number | undefined }[] {
  const label = isObject(row["label"]) ? row["label"] : {};
  return (isList(label["steps"]) ? label["steps"].filter(isObject) : []).map(candidatesOf);
}

/** PRM800K: candidates a step with a rating each; the chosen one goes on. A branching record. */
export const prm800k = draftedFormat({
  id: "prm800k",
  title: "PRM800K labels",
  source: "openai/prm800k, phase{1,2}_{train,test}.jsonl",
  containers: ["jsonl", "json"],
  grouping: "record",
  needs: [["question", "label"]],
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    const label = isObject(row) ? row["label"] : undefined;
    const step = isObject(label) && isList(label["steps"]) ? label["steps"][0] : undefined;
    return isObject(step) && isList(step["completions"])
      ? { confidence: 0.95, reason: "label.steps[].completions[].rating" }
      : undefined;
  },

  drafts(record) {
    const row = rowOf(record.kind === "value" ? record.value : undefined, "PRM800K");
    const question = isObject(row["question"]) ? row["question"] : {};
    const label = isObject(row["label"]) ? row["label"] : {};
    const problem = textOf(question["problem"]) ?? "";
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: problem }];
    for (const { candidates, chosen } of stepsOfLabel(row)) {
      const taken = candidates[chosen ?? 0];
      if (taken === undefined) continue;
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        action: `${taken.text}\n`,
        ...given("reward", taken.rating),
        extra: {
          ...taken.extra,
          alternatives: candidates
            .filter((one) => one !== taken)
            .map((one) => ({ text: one.text, rating: one.rating ?? null })),
          ...(chosen === undefined ? { chosen: null } : {}),
        },
      });
    }
    const last = steps.at(-1);
    if (last?.role === "assistant") steps[steps.length - 1] = { ...last, kind: "answer" };
    const stopReason = textOf(label["finish_reason"]);
    return [
      {
        groupKey: "record",
        title: titleOf(problem),
        task: { prompt: problem, ...given("groundTruth", question["ground_truth_answer"]) },
        steps,
        outcome: {
          ...given("stopReason", stopReason),
          ...(stopReason === "solution"
            ? { success: true }
            : stopReason === "found_error"
              ? { success: false }
              : {}),
          components: {},
        },
        extra: without(row, new Set(["label", "question"])),
        notes: [
          {
            code: "ratings",
            message:
              "Step rewards are the labellers' ratings: 1 good, 0 neutral, -1 bad, null not rated. Where none was chosen, the first candidate is shown.",
          },
        ],
      },
    ];
  },

  tree(record, context, trajectoryId) {
    const row = rowOf(record.kind === "value" ? record.value : undefined, "PRM800K");
    const question = isObject(row["question"]) ? row["question"] : {};
    const nodes: TreeNode[] = [
      {
        parent: -1,
        depth: 0,
        text: textOf(question["problem"]) ?? "",
        leaf: false,
        status: "kept",
        stepIndex: 0,
      },
    ];
    let parent = 0;
    const levels = stepsOfLabel(row);
    for (const [level, { candidates, chosen }] of levels.entries()) {
      let next = parent;
      for (const [index, { text, rating }] of candidates.entries()) {
        const taken = index === (chosen ?? 0);
        nodes.push({
          parent,
          depth: level + 1,
          text,
          ...given("reward", rating),
          ...given("value", rating),
          leaf: !taken || level === levels.length - 1,
          status: taken ? "kept" : "pruned",
          ...(taken ? {} : { reason: "another candidate was chosen" }),
          ...(taken ? { stepIndex: level + 1, trajectoryId: trajectoryId(0) } : {}),
        });
        if (taken) next = nodes.length - 1;
      }
      parent = next;
    }
    return {
      id: context.groupId ?? `${context.relativePath}#${context.row}`,
      title: titleOf(textOf(question["problem"]) ?? ""),
      datasetId: context.datasetId,
      ...given("groupId", context.groupId),
      origin: "file",
      valueSource: "recorded: the labeller's rating of the step",
      advantageSource: "none recorded",
      nodes,
    };
  },
});

/** ProcessBench: a solution in steps and the index of the first wrong one. */
export const processBench = draftedFormat({
  id: "processbench",
  title: "ProcessBench solutions",
  source: "QwenLM/ProcessBench",
  containers: ["json", "jsonl", "parquet"],
  grouping: "key",
  needs: [["problem", "steps"]],
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const names = new Set(head.columns?.map((column) => column.name));
      const steps = head.columns?.find((column) => column.name === "steps")?.type ?? "";
      return steps.endsWith("[]") &&
        ["problem", "steps", "final_answer_correct", "label"].every((name) => names.has(name))
        ? { confidence: 0.95, reason: "columns problem, steps, label, final_answer_correct" }
        : undefined;
    }
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      !isList(row["steps"]) ||
      typeof row["steps"][0] !== "string" ||
      typeof row["label"] !== "number" ||
      !("problem" in row)
    )
      return undefined;
    return {
      confidence: "final_answer_correct" in row ? 0.95 : 0.6,
      reason: "keys problem, steps, label, final_answer_correct",
    };
  },

  drafts(record) {
    const row = rowOf(record.kind === "value" ? record.value : undefined, "ProcessBench");
    if (!isList(row["steps"]))
      throw new Failure("missing-field", "The row has no `steps`.", "Check that the file is ProcessBench.");
    const problem = textOf(row["problem"]) ?? "";
    const label = wholeNumber(row["label"]);
    const texts = row["steps"].map((step) => textOf(step) ?? JSON.stringify(step));
    const steps: Step[] = [
      { index: 0, role: "user", kind: "prompt", observation: problem },
      ...texts.map((text, index): Step => ({
        index: index + 1,
        role: "assistant",
        kind: index === texts.length - 1 ? "answer" : "act",
        action: `${text}\n\n`,
        // Steps after the first error are not labelled: they have no reward, rather than a zero.
        ...(label === undefined || (label >= 0 && index > label) ? {} : { reward: index === label ? 0 : 1 }),
      })),
    ];
    const success = recordedFlag(row["final_answer_correct"]);
    return [
      {
        ...given("ownId", textOf(row["id"])),
        groupKey: problem,
        groupGuess: "rows with the same problem",
        title: titleOf(problem),
        task: { ...given("id", textOf(row["id"])), prompt: problem },
        steps,
        flatText: { prompt: `${problem}\n\n`, response: texts.map((text) => `${text}\n\n`).join("") },
        outcome: {
          ...given("success", success),
          components: label === undefined ? {} : { first_error: label },
        },
        extra: without(row, new Set(["steps", "problem"])),
        notes: [
          {
            code: "labels",
            message:
              "Step rewards come from the label: 1 before the first wrong step, 0 at it, none after it.",
          },
        ],
      },
    ];
  },
});
