import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { TrajectorySummary } from "../model/summary";
import type { Note, Outcome, Step } from "../model/trajectory";
import type { FileHead, Format, FormatRecord } from "./format";
import { recordedNumber, isObject, stemNumber, textOf, titleOf, wholeNumber, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { measureFlatText, stepsOfFlatText, titleOfPrompt } from "./turns";

const MAPPED = new Set(["step", "prompt", "completion", "advantage"]);
const SAME_PROMPT = "consecutive rows with the same prompt";

function rowOf(record: FormatRecord): JsonObject {
  const completion =
    record.kind === "value" && isObject(record.value) ? record.value["completion"] : undefined;
  if (
    record.kind !== "value" ||
    !isObject(record.value) ||
    (typeof completion !== "string" && messageList(completion) === undefined)
  ) {
    throw new Failure(
      "missing-field",
      "The row has no `completion`, as text or as messages.",
      "Check that the file is a TRL completions table.",
    );
  }
  return record.value;
}

/** A column of text, or of conversations: lists of structures with a role. */
const isSaid = (type: string | undefined): boolean =>
  type === "VARCHAR" || /^STRUCT\(.*\brole\b.*\)\[\]$/s.test(type ?? "");

const saidThere = (value: JsonValue | undefined): boolean =>
  typeof value === "string" || messageList(value) !== undefined;

/** Prompt and completion of a row. Of a conversational dataset both are lists of messages. */
interface Said {
  readonly prompt: string;
  /** Equal for rows of the same prompt. */
  readonly key: string;
  readonly title: string;
  /** Where the row holds flat text. */
  readonly flat?: { readonly prompt: string; readonly response: string };
  steps(): { readonly steps: readonly Step[]; readonly notes: readonly Note[] };
  measure(): Pick<TrajectorySummary, "stepCount" | "responseCharacters">;
}

/** Keys that only other messages have are null in a table; a message is read without them. */
const withoutNulls = (message: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(message).filter(([key, value]) => value !== null || key === "content"));

function messagesOf(value: JsonValue | undefined, role: "user" | "assistant"): readonly JsonObject[] {
  return typeof value === "string"
    ? [{ role, content: value }]
    : (messageList(value)?.map(withoutNulls) ?? []);
}

function saidIn(row: JsonObject): Said {
  const asked = row["prompt"];
  const completion = row["completion"];
  if (typeof completion === "string" && messageList(asked) === undefined) {
    const prompt = textOf(asked) ?? "";
    return {
      prompt,
      key: prompt,
      title: titleOfPrompt(prompt),
      flat: { prompt, response: completion },
      steps: () => stepsOfFlatText(prompt, completion),
      measure: () => measureFlatText(prompt, completion),
    };
  }
  const before = messagesOf(asked, "user");
  const prompt = promptOfMessages(before) ?? "";
  const steps = (): readonly Step[] =>
    messageSteps([...before, ...messagesOf(completion, "assistant")], before.length);
  return {
    prompt,
    key: JSON.stringify(before),
    title: titleOf(prompt),
    steps: () => ({ steps: steps(), notes: [] }),
    measure() {
      const all = steps();
      const said = all.filter((step) => step.role === "assistant" && step.kind !== "prompt");
      return {
        stepCount: all.length,
        responseCharacters: said.reduce(
          (sum, step) => sum + (step.thought?.length ?? 0) + (step.action?.length ?? 0),
          0,
        ),
      };
    },
  };
}

/**
 * Numeric columns beside step and advantage: one per reward function, and what users log extra. Where a function returned
 * None the trainer has NaN, which pandas writes as null.
 */
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
 * Columns of reward functions. The table does not tell them from numbers that users log (`log_extra`): where some are called
 * rewards, those are taken; where none is, all are.
 */
function rewardColumns(names: readonly string[]): readonly string[] {
  const called = names.filter((name) => /reward/i.test(name));
  return called.length > 0 ? called : names;
}

/**
 * The table has no total: the trainer adds the reward functions by `reward_weights`, which are not in the file. With
 * one function the total is known; with several they are added with weight 1, and the source says so.
 */
export function outcomeOfFunctions(components: Outcome["components"]): Outcome {
  const names = rewardColumns(Object.keys(components));
  const numbers = names
    .map((name) => components[name])
    .filter((value): value is number => typeof value === "number" && !Number.isNaN(value));
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

/** What is guessed of a row's reward, and the functions that gave none. */
export function rewardNotes({ components }: Outcome): readonly Note[] {
  const all = Object.keys(components);
  const names = rewardColumns(all);
  const others = all.filter((name) => !names.includes(name));
  return [
    ...(others.length === 0
      ? []
      : [
          {
            code: "guessed-rewards",
            message: `${names.join(", ")} ${names.length === 1 ? "is" : "are"} taken for the reward by name; ${others.join(", ")} ${others.length === 1 ? "is" : "are"} not called a reward and left out of it.`,
          },
        ]),
    ...names.flatMap((name) => {
      const value = components[name];
      return value === null || Number.isNaN(value)
        ? [
            {
              code: "reward-none",
              message: `${name} is ${value === null ? "null" : "NaN"}: the reward function returned None for this row.`,
            },
          ]
        : [];
    }),
  ];
}

/** TRL's completions tables: one Parquet file a logging step, all rows of the generation batch. */
export const trlCompletions: Format = {
  id: "trl-completions",
  title: "TRL completions",
  source: "huggingface/trl, GRPOTrainer with log_completions=True (completions/completions_{step}.parquet)",
  containers: ["parquet", "jsonl"],
  grouping: "consecutive",
  nativeTree: false,
  recordsAdvantage: "trajectory",

  detect(head: FileHead) {
    const row = head.firstRecord;
    if (head.columns === undefined)
      return isObject(row) &&
        saidThere(row["prompt"]) &&
        saidThere(row["completion"]) &&
        "step" in row &&
        typeof row["advantage"] === "number"
        ? { confidence: 0.85, reason: "keys step, prompt, completion, advantage" }
        : undefined;
    const types = new Map(head.columns.map((column) => [column.name, column.type]));
    if (!isSaid(types.get("prompt")) || !isSaid(types.get("completion"))) return undefined;
    // Before TRL 0.17 the tables had no advantages.
    if (!types.has("advantage"))
      return types.has("step") && head.columns.some(({ name }) => /reward/i.test(name))
        ? { confidence: 0.55, reason: "columns step, prompt, completion and rewards" }
        : undefined;
    return {
      confidence: types.has("step") ? 0.9 : 0.6,
      reason: "columns step, prompt, completion, advantage",
    };
  },

  summarise(record, context) {
    const row = rowOf(record);
    const said = saidIn(row);
    const outcome = outcomeOfFunctions(componentsOf(row));
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const advantage = recordedNumber(row["advantage"]);
    return [
      {
        part: 0,
        groupKey: said.key,
        groupGuess: SAME_PROMPT,
        ...(trainingStep === undefined ? {} : { trainingStep }),
        title: said.title,
        ...("reward" in outcome ? { reward: outcome.reward } : {}),
        ...(advantage === undefined ? {} : { advantage }),
        ...said.measure(),
        components: outcome.components,
      },
    ];
  },

  read(record, place, context) {
    const row = rowOf(record);
    const said = saidIn(row);
    const { steps, notes } = said.steps();
    const trainingStep = wholeNumber(row["step"]) ?? stemNumber(context.path);
    const advantage = recordedNumber(row["advantage"]);
    const outcome = outcomeOfFunctions(componentsOf(row));
    return {
      ...place,
      format: "trl-completions",
      task: { prompt: said.prompt },
      ...(trainingStep === undefined ? {} : { trainingStep }),
      steps,
      ...(said.flat === undefined ? {} : { flatText: said.flat }),
      outcome,
      ...(advantage === undefined ? {} : { advantage }),
      extra: without(row, MAPPED),
      notes: [
        ...notes,
        { code: "guessed-group", message: `The group is guessed: ${SAME_PROMPT}.` },
        ...rewardNotes(outcome),
        {
          code: "repeated-rows",
          message:
            "TRL does not clear its log between files: with logging_steps below steps_per_generation two files repeat the same rows, and `step` is the logging step.",
        },
      ],
    };
  },
};
