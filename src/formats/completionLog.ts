import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { completionDraft, promptKey } from "./completionDraft";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedNumber, stemNumber, wholeNumber, without } from "./jsonFields";
import { outcomeOfRow } from "./outcomeFields";

const OUTPUTS = ["completion", "response"] as const;
const TRUTHS = ["answer", "ground_truth", "label", "solution"] as const;

function outputOf(row: JsonObject): (typeof OUTPUTS)[number] | undefined {
  return OUTPUTS.find((key) => typeof row[key] === "string");
}

/** Logs of text completions with a reward, one a line: UniR's, and what people write by hand. */
export const completionLog = draftedFormat({
  id: "completion-log",
  title: "Completions with rewards",
  source: "UniR output_log/completions.jsonl, and logs of {prompt, completion or response, reward} as text",
  containers: ["jsonl"],
  grouping: "consecutive",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || typeof row["prompt"] !== "string") return undefined;
    const output = outputOf(row);
    const reward = recordedNumber(row["reward"]);
    return output !== undefined && reward !== undefined && typeof row["reward"] !== "string"
      ? { confidence: 0.4, reason: `texts prompt and ${output}, and a reward` }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const output = outputOf(row);
    const draft = output === undefined ? undefined : completionDraft(row["prompt"], row[output]);
    if (output === undefined || draft === undefined)
      throw new Failure(
        "missing-field",
        "The row has no text prompt and completion.",
        "Check the row's fields.",
      );
    const truth = TRUTHS.find((key) => row[key] !== undefined);
    const mapped = new Set([
      "prompt",
      output,
      "step",
      "global_step",
      // Weights & Biases' own columns, in exports of a run's history.
      "_step",
      "_runtime",
      "_timestamp",
      ...(truth === undefined ? [] : [truth]),
    ]);
    return [
      {
        ...draft,
        groupKey: promptKey(row["prompt"]),
        groupGuess: "adjacent rows with the same prompt",
        task: { ...draft.task, ...given("groundTruth", truth === undefined ? undefined : row[truth]) },
        ...given(
          "trainingStep",
          wholeNumber(row["step"]) ??
            wholeNumber(row["global_step"]) ??
            wholeNumber(row["_step"]) ??
            stemNumber(context.path),
        ),
        outcome: outcomeOfRow(row, mapped),
        extra: without(row, new Set([...mapped].filter((name) => !/^_(?:runtime|timestamp)$/.test(name)))),
      },
    ];
  },
});
