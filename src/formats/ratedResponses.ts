import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { comparedAnswer } from "./comparedAnswer";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { fieldNames, isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { numbersOf } from "./outcomeFields";

const RATINGS = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"] as const;

/** The rating of an aspect, which annotators gave as text and sometimes as "N/A". */
function ratingOf(value: JsonValue | undefined): number | null | undefined {
  return isObject(value) ? recordedNumber(value["Rating"] ?? value["rating"]) : recordedNumber(value);
}

/** A response of UltraFeedback: several models answer one instruction, a judge rates each by aspects and overall. */
function judgedCompletion(row: JsonObject, completion: JsonObject, index: number): TrajectoryDraft {
  const aspects = isObject(completion["annotations"]) ? completion["annotations"] : {};
  const components: Record<string, number | null> = {};
  for (const [name, aspect] of Object.entries(aspects)) {
    const rating = ratingOf(aspect);
    if (rating !== undefined) components[name] = rating;
  }
  const fine = recordedNumber(completion["fine-grained_score"]);
  if (fine !== undefined) components["fine-grained_score"] = fine;
  const overall = recordedNumber(completion["overall_score"]);
  return comparedAnswer(textOf(row["instruction"]) ?? "", textOf(completion["response"]) ?? "", {
    ownId: textOf(completion["model"]) ?? String(index),
    outcome: {
      ...(overall === undefined ? {} : { reward: overall, rewardSource: "overall_score" }),
      components,
    },
    extra: {
      ...without(row, new Set(["instruction", "completions"])),
      ...without(completion, new Set(["response"])),
    },
  });
}

/** An answer of Nectar, ranked among others: 1 is the best. */
function rankedAnswer(row: JsonObject, answer: JsonObject, index: number): TrajectoryDraft {
  const rank = recordedNumber(answer["rank"]);
  return comparedAnswer(textOf(row["prompt"]) ?? "", textOf(answer["answer"]) ?? "", {
    ownId: textOf(answer["model"]) ?? String(index),
    outcome: {
      ...(typeof rank === "number" ? { success: rank === 1 } : {}),
      components: rank === undefined ? {} : { rank },
    },
    extra: { ...without(row, new Set(["prompt", "answers"])), ...without(answer, new Set(["answer"])) },
    notes: [{ code: "ranks", message: "Success means rank 1, the best of the answers." }],
  });
}

/** A response of HelpSteer with people's ratings of five aspects from 0 to 4. */
function ratedResponse(row: JsonObject): TrajectoryDraft {
  const prompt = textOf(row["prompt"]) ?? "";
  return {
    ...comparedAnswer(prompt, textOf(row["response"]) ?? "", {
      ownId: textOf(row["id"]) ?? "response",
      outcome: { components: numbersOf(row, new Set(["prompt", "response"])) },
      extra: without(row, new Set(["prompt", "response"])),
      notes: [
        {
          code: "ratings",
          message: "The aspects are rated from 0 to 4; the file weighs them to no reward.",
        },
      ],
    }),
    groupKey: prompt,
    groupGuess: "rows with the same prompt",
  };
}

const first = (row: JsonObject, name: string): JsonObject | undefined =>
  isList(row[name]) ? row[name].find(isObject) : undefined;

const isJudged = (row: JsonObject): boolean => {
  const completion = first(row, "completions");
  return (
    typeof row["instruction"] === "string" &&
    completion !== undefined &&
    "response" in completion &&
    ("annotations" in completion || "overall_score" in completion)
  );
};
const isRanked = (row: JsonObject): boolean => {
  const answer = first(row, "answers");
  return answer !== undefined && "answer" in answer && "rank" in answer;
};
const isRated = (names: readonly string[]): boolean =>
  ["prompt", "response", ...RATINGS].every((name) => names.includes(name));

/** Responses with ratings or ranks by people or judges. */
export const ratedResponses = draftedFormat({
  id: "rated-responses",
  title: "Rated responses",
  source: "UltraFeedback (completions with annotations), Nectar (ranked answers), HelpSteer and HelpSteer2",
  containers: ["jsonl", "json", "parquet", "arrow", "csv"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const texts = isObject(head.firstRecord) ? head.firstRecord["response"] : "";
    if (isRated(fieldNames(head)) && typeof texts === "string")
      return { confidence: 0.9, reason: `prompt, response and the ratings ${RATINGS.join(", ")}` };
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isJudged(row))
      return { confidence: 0.9, reason: "instruction and completions with annotations and overall_score" };
    return isRanked(row) ? { confidence: 0.9, reason: "answers with ranks" } : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    // The answers of a row are compared with each other alone, whatever other rows ask.
    const alone = (draft: TrajectoryDraft): TrajectoryDraft => ({ ...draft, groupKey: `row ${context.row}` });
    const listed = (name: string): readonly JsonObject[] =>
      isList(row[name]) ? row[name].filter(isObject) : [];
    if (isJudged(row))
      return listed("completions").map((one, index) => alone(judgedCompletion(row, one, index)));
    if (isRanked(row)) return listed("answers").map((one, index) => alone(rankedAnswer(row, one, index)));
    if (typeof row["response"] !== "string")
      throw new Failure(
        "missing-field",
        "The row has no response.",
        "Check that the file holds rated responses.",
      );
    const split = textOf(row["split"]);
    return [{ ...ratedResponse(row), ...given("split", split) }];
  },
});
