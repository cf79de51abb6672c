import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  listOf,
  objectOf,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";

/** One score a step, as Math-Shepherd's models give it, or three probabilities: invalid, neutral, valid. */
const isScore = (entry: JsonValue | undefined): boolean =>
  typeof entry === "number" ||
  (isList(entry) && entry.length === 3 && entry.every((one) => typeof one === "number"));

/** Scores of a row: a list, or PRMBench's object of several lists. */
function scoresIn(row: JsonObject): readonly JsonValue[] {
  const scores = row["scores"];
  if (isList(scores)) return scores;
  const validity = isObject(scores) ? scores["step_level_validity_scores"] : undefined;
  return isList(validity) ? validity : [];
}

/** Scores of ReasonEval: probabilities that a step is invalid, neutral (redundant) or valid. The texts are in another file. */
export const reasonEvalScores = draftedFormat({
  id: "reasoneval-scores",
  title: "ReasonEval step scores",
  source: "GAIR-NLP/ReasonEval, eval_results/**/*_eval_results.json (JSON lines); ssmisya/PRMBench results",
  containers: ["jsonl", "json"],
  grouping: "none",
  needs: [["scores"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || Object.keys(row).length > 4 || !["id", "rid", "idx"].some((name) => name in row))
      return undefined;
    const scores = scoresIn(row);
    if (scores.length === 0 || !scores.every(isScore)) return undefined;
    return isList(scores[0])
      ? { confidence: 0.9, reason: "id and scores of three probabilities a step" }
      : { confidence: isList(row["scores"]) ? 0.6 : 0.9, reason: "id and scores, one a step" };
  },

  drafts(record) {
    const row = objectOf(record);
    const scores = scoresIn(row);
    const redundancy = isObject(row["scores"]) ? row["scores"]["step_level_redundancy_scores"] : undefined;
    const steps = scores.map((entry, index): Step => {
      if (!isList(entry))
        return {
          index,
          role: "assistant",
          kind: "act",
          ...given("reward", recordedNumber(entry)),
          ...(isList(redundancy) ? { extra: { redundancy: redundancy[index] ?? null } } : {}),
        };
      const [invalid, neutral, valid] = entry.map(recordedNumber);
      const validity = typeof neutral === "number" && typeof valid === "number" ? neutral + valid : undefined;
      return {
        index,
        role: "assistant",
        kind: "act",
        ...given("reward", validity),
        extra: { invalid: invalid ?? null, neutral: neutral ?? null, valid: valid ?? null },
      };
    });
    const id = row["id"] ?? row["rid"] ?? row["idx"];
    return [
      {
        ...(id === undefined ? {} : { ownId: String(id) }),
        title: `solution ${String(id ?? "")}`.trim(),
        task: {},
        steps,
        outcome: { components: {} },
        extra: without(row, new Set(isList(row["scores"]) ? ["scores"] : [])),
        notes: [
          {
            code: "step-validity",
            message:
              "A step's reward is its validity, p(neutral) + p(valid); p(neutral) is its redundancy. The texts of the steps are not in this file.",
          },
        ],
      },
    ];
  },
});

/** Steps of the judged solution: ReasonEval's name, and that of MR-GSM8K itself. */
const OUTPUTS = ["model_output_step_format", "model_output_steps"] as const;

/** MR-Math and MR-GSM8K as ReasonEval keeps them: solutions with the first wrong step. */
export const reasonEvalData = draftedFormat({
  id: "reasoneval-data",
  title: "ReasonEval solutions",
  source: "GAIR-NLP/ReasonEval, dataset/*.json (JSON lines); dvlab-research/MR-GSM8K with its evaluations",
  containers: ["jsonl", "json"],
  grouping: "none",
  needs: [["model_output_step_format"], ["model_output_steps"], ["hypothesis_steps"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    for (const name of OUTPUTS)
      if (isList(row[name])) return { confidence: 0.95, reason: `${name} with the first wrong step` };
    return isList(row["hypothesis_steps"]) && isList(row["reference_steps"]) && "question" in row
      ? { confidence: 0.9, reason: "question, reference_steps and hypothesis_steps" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["question"]) ?? "";
    const wrongFrom = wholeNumber(row["model_output_solution_first_error_step"]);
    const listed =
      OUTPUTS.map((name) => listOf(row[name])).find((one) => one !== undefined) ??
      listOf(row["hypothesis_steps"]) ??
      [];
    const verdict = (key: string): boolean | undefined =>
      row[key] === "correct" ? true : row[key] === "wrong" ? false : undefined;
    const solution = verdict("model_output_solution_correctness");
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
    for (const [index, entry] of listed.entries()) {
      const text = isList(entry) ? (textOf(entry[0]) ?? "") : (textOf(entry) ?? "");
      const more = isList(entry) ? entry.slice(1) : [];
      // Nobody judged the steps behind the first wrong one.
      const reward =
        wrongFrom !== undefined
          ? index + 1 < wrongFrom
            ? 1
            : index + 1 === wrongFrom
              ? 0
              : undefined
          : solution === true
            ? 1
            : undefined;
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: index === listed.length - 1 ? "answer" : "act",
        action: `${text}\n`,
        ...given("reward", reward),
        ...(more.length > 0 ? { extra: { labels: more } } : {}),
      });
    }
    const success = verdict("model_output_answer_correctness");
    const id = row["id"] ?? row["uuid"] ?? row["rid"];
    return [
      {
        ...(id === undefined ? {} : { ownId: String(id) }),
        title: titleOf(prompt),
        task: { prompt, ...given("groundTruth", row["ground_truth_answer"]) },
        steps,
        outcome: {
          ...(success === undefined ? {} : { success }),
          components: solution === undefined ? {} : { solution_correct: Number(solution) },
        },
        extra: without(row, new Set(["question", ...OUTPUTS, "hypothesis_steps"])),
        notes: [
          {
            code: "step-labels",
            message:
              "Step rewards are the labels: 1 before the first wrong step, 0 for it, none behind it. Success is the answer's, which can be right by accident.",
          },
        ],
      },
    ];
  },
});
