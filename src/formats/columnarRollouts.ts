import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft, promptKey, runsOf, sumOfRewards } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, listOf, isObject, objectOf, recordedNumber, stemNumber, wholeNumber } from "./jsonFields";

/** Rows of a columnar record: each field that is a list of the record's length gives its element, the rest is shared. */
function rowsOf(record: JsonObject, length: number): readonly JsonObject[] {
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [
        key,
        isList(value) && value.length === length ? (value[index] ?? null) : value,
      ]),
    ),
  );
}

function listed(record: JsonObject, names: readonly string[], length: number): readonly string[] {
  return names.filter((name) => listOf(record[name])?.length === length);
}

/** Columns that are no reward function's: what the trainer logs beside them. */
const NO_REWARD = new Set([
  "advantages",
  "advantage",
  "entropy",
  "entropies",
  "kl",
  "step",
  "global_step",
  "gen_step",
  "length",
  "lengths",
  "completion_length",
  "completion_lengths",
  "prompt_length",
  "num_turns",
  "is_truncated",
  "truncated",
  "id",
  "index",
  "request_id",
]);
const SAME_PROMPT = "consecutive completions of a line with the same prompt";

function isNumeric(values: readonly JsonValue[]): boolean {
  return (
    values.some((value) => typeof value === "number") &&
    values.every((value) => value === null || typeof value === "number" || typeof value === "boolean")
  );
}

/** ms-swift's completions: a line is a logged step, its fields are lists side by side. */
export const msSwift = draftedFormat({
  id: "ms-swift",
  title: "ms-swift completions",
  source: "modelscope/ms-swift GRPO, completions.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "trajectory",

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["prompt"]) || !isList(row["completion"])) return undefined;
    const { length } = row["completion"];
    // Of conversations the lists hold messages; here they hold completions.
    if (length === 0 || row["prompt"].length !== length || isObject(row["completion"][0])) return undefined;
    const columns = Object.entries(row).filter(
      ([, value]) => isList(value) && value.length === length && isNumeric(value),
    );
    return columns.length > 0
      ? {
          confidence: 0.85,
          reason: `lists prompt, completion and ${columns.map(([name]) => name).join(", ")} of equal length`,
        }
      : undefined;
  },

  drafts(record, context) {
    const line = objectOf(record);
    const completions = listOf(line["completion"]);
    const prompts = listOf(line["prompt"]);
    if (completions === undefined || prompts?.length !== completions.length)
      throw new Failure(
        "missing-field",
        "The line has no lists prompt and completion of one length.",
        "Check that it is a columnar log.",
      );
    const { length } = completions;
    const total = ["reward", "rewards", "score", "scores"].find(
      (name) => listOf(line[name])?.length === length && isNumeric(line[name] as readonly JsonValue[]),
    );
    const functions = Object.keys(line).filter((name) => {
      const values = listOf(line[name]);
      return name !== total && !NO_REWARD.has(name) && values?.length === length && isNumeric(values);
    });
    const runs = runsOf(prompts.map(promptKey));
    const advantageColumn = listed(line, ["advantages", "advantage"], length)[0];
    return rowsOf(line, length).map((row, index): TrajectoryDraft => {
      const draft = completionDraft(row["prompt"], row["completion"]);
      if (draft === undefined)
        throw new Failure(
          "unfit-record",
          `Completion ${index + 1} of the line is neither text nor messages.`,
          "Check the file.",
        );
      const components: Record<string, number | null> = {};
      for (const [name, value] of Object.entries(row)) {
        const number =
          listOf(line[name])?.length === length && name !== total && name !== advantageColumn
            ? recordedNumber(value)
            : undefined;
        if (number !== undefined && typeof value !== "string") components[name] = number;
      }
      const reward =
        total === undefined ? sumOfRewards(functions.map((name) => row[name])) : recordedNumber(row[total]);
      const advantage = advantageColumn === undefined ? undefined : recordedNumber(row[advantageColumn]);
      return {
        ...draft,
        groupKey: `${context.relativePath}#${context.row}/${runs[index] ?? 0}`,
        groupGuess: SAME_PROMPT,
        ...given("trainingStep", wholeNumber(row["step"]) ?? wholeNumber(row["global_step"])),
        outcome: {
          ...(total === undefined && functions.length === 0
            ? {}
            : {
                reward: reward ?? null,
                rewardSource: total ?? `sum of ${functions.join(", ")} (weights are not in the file)`,
              }),
          components,
        },
        ...given("advantage", advantage),
        extra: Object.fromEntries(
          Object.entries(row).filter(
            ([name]) => name !== "prompt" && name !== "completion" && !(name in components),
          ),
        ),
      };
    });
  },
});

/** ROLL's dumps: one columnar line a training step. */
export const roll = draftedFormat({
  id: "roll",
  title: "ROLL rollouts",
  source: "alibaba/ROLL RLVR pipeline, rollout_dump_data.step_{N}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  // The step stands where other files have their extension (`rollout_dump_data.step_3.jsonl`).
  datasetPath: (path) => (/\.step_\d+\.jsonl$/.test(path) ? path.replace(/[/\\][^/\\]*$/, "") : path),

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["responses"]) || !isList(row["scores"])) return undefined;
    const prompts = row["prompt"] ?? row["prompts"] ?? row["messages"];
    return isList(prompts) &&
      prompts.length === row["responses"].length &&
      row["scores"].length === prompts.length
      ? { confidence: 0.9, reason: "lists prompt, responses, scores of equal length" }
      : undefined;
  },

  drafts(record, context) {
    const line = objectOf(record);
    const responses = listOf(line["responses"]);
    if (responses === undefined)
      throw new Failure(
        "missing-field",
        "The line has no list responses.",
        "Check that the file is ROLL's dump.",
      );
    const step = wholeNumber(line["global_step"]) ?? wholeNumber(line["step"]) ?? stemNumber(context.path);
    return rowsOf(line, responses.length).map((row, index): TrajectoryDraft => {
      const prompt = row["prompt"] ?? row["prompts"] ?? row["messages"];
      const draft = completionDraft(prompt, row["responses"]);
      if (draft === undefined)
        throw new Failure(
          "unfit-record",
          `Response ${index + 1} of the line is neither text nor messages.`,
          "Check the file.",
        );
      const score = row["scores"];
      const reward = recordedNumber(score);
      const id = row["id"];
      return {
        ...draft,
        groupKey: typeof id === "string" || typeof id === "number" ? String(id) : promptKey(prompt),
        ...(typeof id === "string" || typeof id === "number"
          ? {}
          : { groupGuess: "responses of one step to the same prompt" }),
        task: { ...draft.task, ...given("groundTruth", row["ground_truth"]) },
        ...given("trainingStep", wholeNumber(row["global_step"]) ?? step),
        outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "scores" }), components: {} },
        extra: Object.fromEntries(
          Object.entries(row).filter(
            ([name]) =>
              !["prompt", "prompts", "responses", "scores"].includes(name) ||
              (name === "scores" && reward === undefined),
          ),
        ),
      };
    });
  },
});
