import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Outcome } from "../model/trajectory";
import type { FileHead, Format, FormatRecord } from "./format";
import { recordedNumber, isObject, stemNumber, textOf, wholeNumber, without } from "./jsonFields";
import { measureFlatText, stepsOfFlatText, titleOfPrompt } from "./turns";

const MAPPED = new Set(["step", "prompt", "completion", "advantage"]);
const SAME_PROMPT = "consecutive rows with the same prompt";

function rowOf(record: FormatRecord): JsonObject {
  if (record.kind !== "value" || !isObject(record.value) || typeof record.value["completion"] !== "string") {
    throw new Failure(
      "missing-field",
      "The row has no text `completion`.",
      "Check that the file is a TRL completions table.",
    );
  }
  return record.value;
}

/** Numeric columns beside step and advantage: one per reward function (NaN = it returned None), and what users log extra. */
function componentsOf(row: JsonObject): Record<string, number | null> {
  const components: Record<string, number | null> = {};
  for (const [key, value] of Object.entries(row)) {
    if (MAPPED.has(key) || typeof value === "string") continue;
    const number = recordedNumber(value);
    if (number !== undefined) components[key] = number;
  }
  return components;
}

/**
 * The table has no total: the trainer adds the reward functions by `reward_weights`, which are not in the file. With
 * one function the total is known; with several they are added with weight 1, and the source says so.
 */
function outcomeOf(row: JsonObject): Outcome {
  const components = componentsOf(row);
  const numbers = Object.values(components).filter(
    (value): value is number => value !== null && !Number.isNaN(value),
  );
  const names = Object.keys(components);
  if (names.length === 0) return { components };
  if (numbers.length === 0)
    return { reward: null, rewardSource: "every reward function returned None", components };
  return {
    reward: numbers.reduce((sum, value) => sum + value, 0),
    rewardSource:
      names.length === 1
        ? (names[0] as string)
        : `sum of ${names.join(", ")} (weights are not in the file: 1 each; None skipped)`,
    components,
  };
}

/** TRL's completions tables: one Parquet file a logging step, all rows of the generation batch. */
export const trlCompletions: Format = {
  id: "trl-completions",
  title: "TRL completions",
  source: "huggingface/trl, GRPOTrainer with log_completions=True (completions/completions_{step}.parquet)",
  containers: ["parquet"],
  grouping: "consecutive",
  nativeTree: false,
  recordsAdvantage: "trajectory",

  detect(head: FileHead) {
    const types = new Map(head.columns?.map((column) => [column.name, column.type]));
    if (types.get("prompt") !== "VARCHAR" || types.get("completion") !== "VARCHAR" || !types.has("advantage"))
      return undefined;
    return {
      confidence: types.has("step") ? 0.9 : 0.6,
      reason: "columns step, prompt, completion, advantage",
    };
  },

  summarise(record, context) {
    const row = rowOf(record);
    const prompt = textOf(row["prompt"]) ?? "";
    const outcome = outcomeOf(row);
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const advantage = recordedNumber(row["advantage"]);
    return [
      {
        part: 0,
        groupKey: prompt,
        groupGuess: SAME_PROMPT,
        ...(trainingStep === undefined ? {} : { trainingStep }),
        title: titleOfPrompt(prompt),
        ...("reward" in outcome ? { reward: outcome.reward } : {}),
        ...(advantage === undefined ? {} : { advantage }),
        ...measureFlatText(prompt, row["completion"] as string),
        components: outcome.components,
      },
    ];
  },

  read(record, place, context) {
    const row = rowOf(record);
    const prompt = textOf(row["prompt"]) ?? "";
    const completion = row["completion"] as string;
    const { steps, notes } = stepsOfFlatText(prompt, completion);
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const advantage = recordedNumber(row["advantage"]);
    const outcome = outcomeOf(row);
    const none = Object.entries(outcome.components).filter(
      ([, value]) => value !== null && Number.isNaN(value),
    );
    return {
      ...place,
      format: "trl-completions",
      task: { prompt },
      ...(trainingStep === undefined ? {} : { trainingStep }),
      steps,
      flatText: { prompt, response: completion },
      outcome,
      ...(advantage === undefined ? {} : { advantage }),
      extra: without(row, MAPPED),
      notes: [
        ...notes,
        { code: "guessed-group", message: `The group is guessed: ${SAME_PROMPT}.` },
        ...none.map(([name]) => ({
          code: "reward-none",
          message: `${name} is NaN: the reward function returned None for this row.`,
        })),
        {
          code: "repeated-rows",
          message:
            "TRL does not clear its log between files: with logging_steps below steps_per_generation two files repeat the same rows, and `step` is the logging step.",
        },
      ],
    };
  },
};
