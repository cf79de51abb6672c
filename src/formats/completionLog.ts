import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft, promptKey } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { RecordContext } from "./format";
import { isList, isObject, listOf, objectOf, recordedFlag, recordedNumber, without } from "./jsonFields";
import { outcomeOfRow } from "./outcomeFields";
import { rewardParts, rewardTotal, ROLLOUT_FIELDS, rolloutFieldsOf, truthName } from "./rolloutFields";
import { stepOfName } from "./recordedTokens";
import { wordsOf } from "./trackedColumns";

const PROMPTS = ["prompt", "query", "question", "problem", "instruction", "input"] as const;
const OUTPUTS = [
  "completion",
  "response",
  "output",
  "generation",
  "rollout",
  "generated_text",
  "completion_text",
  "response_text",
  "model_output",
  "model_response",
  // LLaMA-Factory's predictions, with the label beside them.
  "predict",
  "text",
] as const;
/** Lists of what a policy said to one prompt. */
const SAMPLES = ["completions", "responses", "outputs", "generations", "rollouts", "samples"] as const;
const VERDICTS =
  /^(?:rewards?|scores?|returns?|advantages?|correct|iscorrect|correctness|success|passed|pass|verified|verifier|verdict|acc|accuracy|solved|resolved|won|em|f1|match)$/;
/** Weights & Biases' own columns, in exports of a run's history. */
const CLOCKS = ["_runtime", "_timestamp"];

interface Row {
  readonly row: JsonObject;
  readonly prompt: string;
  readonly output: string;
}

/** A field that judges what was said: a number, a flag, or numbers by reward function. Texts may be anything. */
const isVerdict = ([name, value]: [string, JsonValue | undefined]): boolean =>
  wordsOf(name).some((word) => VERDICTS.test(word)) &&
  (typeof value === "number" ||
    typeof value === "boolean" ||
    value === null ||
    (/^(?:rewards?|scores|reward_\w+)$/.test(name) &&
      isObject(value) &&
      Object.values(value).some((part) => typeof part === "number")));

function namesOf(row: JsonObject): Pick<Row, "prompt" | "output"> | undefined {
  const prompt = PROMPTS.find((name) => typeof row[name] === "string");
  const output = OUTPUTS.find((name) => typeof row[name] === "string");
  return prompt === undefined || output === undefined ? undefined : { prompt, output };
}

/** A row with lists of samples as one row each: lists of the same length, and such lists by name, are split with them. */
function samplesOf(row: JsonObject): readonly JsonObject[] | undefined {
  const name = SAMPLES.find((key) => isList(row[key]) && row[key].length > 0 && row[key].every(isSaid));
  const said = name === undefined ? undefined : listOf(row[name]);
  if (name === undefined || said === undefined) return undefined;
  const isSplit = (value: JsonValue | undefined): value is readonly JsonValue[] =>
    isList(value) && value.length === said.length;
  return said.map((one, index) => {
    const own: Record<string, JsonValue | undefined> = {};
    for (const [key, value] of Object.entries(row)) {
      if (key === name) continue;
      if (isSplit(value)) own[key.replace(/s$/, "")] = value[index];
      else if (isObject(value) && Object.values(value).length > 0 && Object.values(value).every(isSplit))
        own[key] = Object.fromEntries(
          Object.entries(value).map(([part, list]) => [part, (list as readonly JsonValue[])[index]]),
        );
      else own[key] = value;
    }
    return isObject(one) ? { ...own, ...one } : { ...own, completion: one };
  });
}

const isSaid = (value: JsonValue): boolean =>
  typeof value === "string" || (isObject(value) && OUTPUTS.some((name) => typeof value[name] === "string"));

/** A row whose output is an object with the text and what was made of it: its fields beside the row's own. */
function withOutput(row: JsonObject): JsonObject {
  for (const name of [...OUTPUTS, ...SAMPLES]) {
    const value = row[name];
    if (isObject(value) && isSaid(value)) return { ...without(row, new Set([name])), ...value };
  }
  return row;
}

/** The rows of a record: itself, or its samples. */
function rowsOf(value: JsonObject): readonly Row[] {
  return (samplesOf(value) ?? [withOutput(value)]).flatMap((row): Row[] => {
    const names = namesOf(row);
    return names === undefined ? [] : [{ row, ...names }];
  });
}

function draftOf(
  { row, prompt, output }: Row,
  context: RecordContext,
  member: number | undefined,
): TrajectoryDraft {
  const draft = completionDraft(row[prompt], row[output]);
  if (draft === undefined)
    throw new Failure(
      "missing-field",
      "The row has no text prompt and completion.",
      "Check the row's fields.",
    );
  const truth = truthName(row);
  const { groupKey, trainingStep, ownId, ...fields } = rolloutFieldsOf(row);
  const mapped = new Set([prompt, output, ...CLOCKS, ...(truth === undefined ? [] : [truth])]);
  const outcome = outcomeOfRow(row, new Set([...mapped, ...ROLLOUT_FIELDS]));
  const score = typeof row["scores"] === "number" ? row["scores"] : undefined;
  const { scores: _scores, ...components } = outcome.components;
  const verified = outcome.success === undefined ? verdictOf(row) : undefined;
  return {
    ...draft,
    ...fields,
    // What names a row with several completions names none of them.
    ...given("ownId", member === undefined || ownId === undefined ? ownId : `${ownId}:${member}`),
    groupKey: groupKey ?? promptKey(row[prompt]),
    ...(groupKey !== undefined || member !== undefined
      ? {}
      : { groupGuess: "adjacent rows with the same prompt" }),
    task: { ...draft.task, ...given("groundTruth", truth === undefined ? undefined : row[truth]) },
    ...given("trainingStep", trainingStep ?? stepOfName(context.path)),
    outcome: {
      ...outcome,
      ...(outcome.reward !== undefined
        ? {}
        : score !== undefined
          ? { reward: score, rewardSource: "scores" }
          : rewardTotal(row)),
      ...given("success", verified),
      components: { ...(score === undefined ? outcome.components : components), ...rewardParts(row) },
    },
    extra: without(
      row,
      new Set([...mapped, "step", "global_step", "_step"].filter((name) => !CLOCKS.includes(name))),
    ),
  };
}

/** A flag that says whether the answer was verified, under a name of its own (`verifier_ok`). */
function verdictOf(row: JsonObject): boolean | null | undefined {
  const names = Object.keys(row).filter(
    (name) => typeof row[name] === "boolean" && wordsOf(name).some((word) => VERDICTS.test(word)),
  );
  return names.length === 1 && names[0] !== undefined ? recordedFlag(row[names[0]]) : undefined;
}

/** Logs of text completions with a reward or a verdict, one a line or all of a prompt: UniR's, and what people write by hand. */
export const completionLog = draftedFormat({
  id: "completion-log",
  title: "Completions with rewards",
  source:
    "UniR output_log/completions.jsonl, and logs of a prompt, completions (or responses, outputs) and their rewards as text",
  containers: ["jsonl"],
  grouping: "consecutive",
  nativeTree: false,

  detect(head) {
    const value = head.firstRecord;
    if (!isObject(value)) return undefined;
    const [one] = rowsOf(value);
    if (one === undefined) return undefined;
    if (one.output === "predict" && typeof one.row["label"] === "string")
      return { confidence: 0.5, reason: "texts prompt, predict and label" };
    if (!Object.entries(one.row).some(isVerdict)) return undefined;
    const usual = one.prompt === "prompt" && /^(?:completion|response)$/.test(one.output);
    const rewarded = recordedNumber(one.row["reward"]) !== undefined && typeof one.row["reward"] !== "string";
    return {
      confidence: usual && rewarded ? 0.4 : 0.35,
      reason: `texts ${one.prompt} and ${one.output}, and a reward or a verdict`,
    };
  },

  drafts(record, context) {
    const rows = rowsOf(objectOf(record));
    if (rows.length === 0)
      throw new Failure(
        "missing-field",
        "The row has no text prompt and completion.",
        "Check the row's fields.",
      );
    return rows.map((row, index) => draftOf(row, context, rows.length > 1 ? index : undefined));
  },
});
