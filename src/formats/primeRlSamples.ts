import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given } from "./draft";
import {
  fieldNames,
  isList,
  isObject,
  objectOf,
  recordedNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { unpacked } from "./spanMessages";

const COLUMNS = ["run_id", "step", "problem_id", "sample_id", "prompt", "completion", "reward", "advantage"];
const MAPPED = new Set([...COLUMNS, "metrics", "answer", "task"]);

function numbersIn(value: JsonValue | undefined): Record<string, number | null> {
  const known = unpacked(value);
  const numbers: Record<string, number | null> = {};
  for (const [name, one] of Object.entries(isObject(known) ? known : {})) {
    const number = recordedNumber(one);
    if (number !== undefined) numbers[name] = number;
  }
  return numbers;
}

/** Cells hold messages as JSON text; a text that is none is said as it is. */
const said = (value: JsonValue | undefined): JsonValue | undefined => {
  const known = unpacked(value);
  return isList(known) ? known : value;
};

/** What prime-rl sends to its platform: a row a sample, with JSON text in many of its cells. */
export const primeRlSamples = draftedFormat({
  id: "prime-rl-samples",
  title: "prime-rl samples",
  source: "PrimeIntellect-ai/prime-rl, samples of the platform's monitor as Parquet",
  containers: ["parquet", "jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "trajectory",

  detect(head) {
    const names = new Set(fieldNames(head));
    return COLUMNS.every((name) => names.has(name))
      ? { confidence: 0.97, reason: "columns run_id, problem_id, sample_id, reward, advantage" }
      : undefined;
  },

  drafts(record) {
    const row: JsonObject = objectOf(record);
    const draft = completionDraft(said(row["prompt"]), said(row["completion"]));
    if (draft === undefined)
      throw new Failure(
        "missing-field",
        "The row has no prompt and completion, as text or as messages.",
        "Check that the file holds prime-rl's samples.",
      );
    const reward = recordedNumber(row["reward"]);
    const problem = String(row["problem_id"]);
    const tag = textOf(row["tag"]);
    const truth = unpacked(row["answer"]);
    return [
      {
        ...draft,
        ownId: `${problem}:${String(row["sample_id"])}`,
        // Training and evaluation number their problems anew.
        groupKey: `${textOf(row["run_id"]) ?? ""}/${tag ?? ""}/${textOf(row["env_name"]) ?? ""}/${problem}`,
        task: {
          ...draft.task,
          ...given("id", textOf(row["task"])),
          ...(truth === undefined || truth === null || truth === "" ? {} : { groundTruth: truth }),
        },
        ...given("trainingStep", wholeNumber(row["step"])),
        ...given("split", tag),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          components: numbersIn(row["metrics"]),
        },
        ...given("advantage", recordedNumber(row["advantage"])),
        extra: Object.fromEntries(
          Object.entries(without(row, MAPPED)).map(([name, value]) => [name, unpacked(value) ?? null]),
        ),
      },
    ];
  },
});
