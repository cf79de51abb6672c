import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat } from "./draft";
import { Failure } from "../model/failure";
import { isObject, objectOf, textOf, titleOf, without } from "./jsonFields";

/** The longest step tag that is looked for; the released data uses one rare syllable. */
const LONGEST_TAG = 16;

interface Labelled {
  readonly question: string;
  readonly steps: readonly { readonly text: string; readonly label: number }[];
}

/**
 * `label` is `input` with a plus or minus in place of every step tag. The tag is found where the two part; every
 * occurrence must then be labelled.
 */
function labelledSteps(input: string, label: string): Labelled | undefined {
  let at = 0;
  while (at < input.length && input[at] === label[at]) at++;
  if (label[at] !== "+" && label[at] !== "-") return undefined;
  for (let length = 1; length <= LONGEST_TAG && at + length <= input.length; length++) {
    const pieces = input.split(input.slice(at, at + length));
    const steps: { text: string; label: number }[] = [];
    let place = 0;
    for (const [index, piece] of pieces.entries()) {
      if (!label.startsWith(piece, place)) break;
      place += piece.length;
      if (index === pieces.length - 1) {
        if (place === label.length && (piece.trim() === "" || steps.length > 0)) return cut(steps);
        break;
      }
      const sign = label[place];
      if (sign !== "+" && sign !== "-") break;
      steps.push({ text: piece, label: sign === "+" ? 1 : 0 });
      place++;
    }
  }
  return undefined;
}

/** The question stands in front of the first step, in one text with it. */
function cut(steps: readonly { readonly text: string; readonly label: number }[]): Labelled {
  const [first, ...rest] = steps;
  if (first === undefined) return { question: "", steps: [] };
  const begin = /\bStep 1\s*:/.exec(first.text)?.index ?? -1;
  const question = begin > 0 ? first.text.slice(0, begin) : "";
  return { question, steps: [{ text: first.text.slice(question.length), label: first.label }, ...rest] };
}

function partsOf(row: JsonObject): Labelled | undefined {
  const [input, label] = [textOf(row["input"]), textOf(row["label"])];
  return input === undefined || label === undefined ? undefined : labelledSteps(input, label);
}

/** Math-Shepherd: solutions whose steps are labelled good or bad by Monte-Carlo estimation. */
export const mathShepherd = draftedFormat({
  id: "math-shepherd",
  title: "Math-Shepherd labels",
  source: "peiyi9979/Math-Shepherd: input, label, task",
  containers: ["jsonl", "json", "parquet", "csv"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const names = head.columns?.map((column) => column.name);
    if (names !== undefined)
      return ["input", "label", "task"].every((name) => names.includes(name)) && names.length <= 5
        ? { confidence: 0.5, reason: "columns input, label and task" }
        : undefined;
    const row = head.firstRecord;
    return isObject(row) && partsOf(row) !== undefined
      ? { confidence: 0.95, reason: "label repeats input with + and - in place of the step tag" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const parts = partsOf(row);
    if (parts === undefined)
      throw new Failure(
        "unfit-record",
        "label does not repeat input with + or - in place of its step tags",
        "Check that the file is Math-Shepherd data.",
      );
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: parts.question.trim() }];
    for (const [index, step] of parts.steps.entries())
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: index === parts.steps.length - 1 ? "answer" : "act",
        action: `${step.text.trim()}\n`,
        reward: step.label,
      });
    return [
      {
        groupKey: parts.question,
        groupGuess: "rows with the same question",
        title: titleOf(parts.question),
        task: { prompt: parts.question.trim() },
        steps,
        outcome: { components: {} },
        extra: without(row, new Set(["input", "label"])),
        notes: [
          {
            code: "step-labels",
            message:
              "Step rewards are the labels: 1 for +, 0 for -. The question is what stands before “Step 1:”.",
          },
        ],
      },
    ];
  },
});
