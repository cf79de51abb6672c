import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  listOf,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { messageList, promptOfMessages, roleOf, spokenOf } from "./messages";

interface Labelled {
  readonly prompt: string;
  /** A label is undefined where nobody judged the step. */
  readonly steps: readonly { readonly text: string; readonly label: number | null | undefined }[];
  /** Whether the answer is right, where the row says so. */
  readonly success?: boolean;
  readonly groundTruth?: JsonValue;
  readonly used: readonly string[];
  /** Fields of this solution alone. */
  readonly own?: JsonObject;
  readonly note: string;
}

/** A label of a step: a flag, a number, or a plus or minus. */
function labelOf(value: JsonValue | undefined): number | null | undefined {
  return value === "+" ? 1 : value === "-" ? 0 : recordedNumber(value);
}

const isTexts = (value: JsonValue | undefined): value is readonly string[] =>
  isList(value) && value.length > 0 && value.every((one) => typeof one === "string");

/** The step tag of `process`: each step ends in it. Rare letters and tokens in angle brackets serve. */
const TAG = /(\u043a\u0438|<\|?[\w ]*(?:step|prm|tag|sep)[\w ]*\|?>|\n\n\n\n\n)/i;

/** RLHFlow's dialogues: each turn of the user is a step, and the assistant's is its label. */
function markedTurns(row: JsonObject): Labelled | undefined {
  for (const name of ["conversations", "messages", "conversation"]) {
    const turns = messageList(row[name]);
    if (turns === undefined || turns.length < 2 || turns.length % 2 === 1) continue;
    const said = turns.map((turn) => textOf(spokenOf(turn)) ?? "");
    const marked = turns.every((turn, index) =>
      index % 2 === 0
        ? roleOf(turn) === "user"
        : roleOf(turn) === "assistant" && /^\s*[+-]\s*$/.test(said[index]!),
    );
    if (!marked) continue;
    const [first = ""] = said;
    // The problem stands in front of the first step, in one turn with it.
    const begin = /\bStep 1\s*:/.exec(first)?.index ?? -1;
    const prompt = begin > 0 ? first.slice(0, begin) : "";
    return {
      prompt: prompt.trim(),
      steps: said.flatMap((text, index) =>
        index % 2 === 0
          ? [
              {
                text: (index === 0 ? text.slice(prompt.length) : text).trim(),
                label: labelOf(said[index + 1]?.trim()),
              },
            ]
          : [],
      ),
      used: [name],
      note: "Step rewards are the labels: 1 for +, 0 for -. The problem is what stands before “Step 1:”.",
    };
  }
  return undefined;
}

/** Steps that are objects with a score each, such as VisualPRM's. */
function scoredSteps(row: JsonObject): Labelled | undefined {
  const listed = listOf(row["steps_with_score"]);
  if (listed === undefined || listed.length === 0 || !listed.every(isObject)) return undefined;
  return {
    prompt: textOf(row["question"]) ?? textOf(row["problem"]) ?? "",
    steps: listed.map((step) => ({ text: textOf(step["step"]) ?? "", label: recordedNumber(step["score"]) })),
    used: ["steps_with_score", "question"],
    note: "Step rewards are the recorded scores: the share of right rollouts from the step.",
  };
}

/** VersaPRM: several chains of a question, each with its own labels, which may be missing. */
function chains(row: JsonObject): readonly Labelled[] {
  const listed = row["chain_of_thoughts"];
  if (!isList(listed)) return [];
  return listed.filter(isObject).flatMap((chain): readonly Labelled[] => {
    const steps = chain["steps"];
    if (!isTexts(steps)) return [];
    const labels = listOf(chain["labels"]);
    const right = recordedFlag(chain["parsed_answer_correctness"]);
    return [
      {
        prompt: textOf(row["question"]) ?? "",
        steps: steps.map((text, index) => ({ text, label: labelOf(labels?.[index]) })),
        ...(typeof right === "boolean" ? { success: right } : {}),
        ...given("groundTruth", row["answer"]),
        used: ["chain_of_thoughts", "question"],
        own: without(chain, new Set(["steps", "labels"])),
        note: "Step rewards are the labels as they are recorded, such as 1, 0 and -1; a chain without labels has none.",
      },
    ];
  });
}

/** BIG-Bench Mistake: the place of the first wrong step, counted from 0; null where there is none. */
function firstMistake(row: JsonObject): Labelled | undefined {
  const steps = row["steps"];
  if (!isTexts(steps) || !("mistake_index" in row) || textOf(row["input"]) === undefined) return undefined;
  const wrong = recordedNumber(row["mistake_index"]);
  if (wrong === undefined) return undefined;
  const [answer, target] = [textOf(row["answer"]), textOf(row["target"])];
  return {
    prompt: textOf(row["input"]) ?? "",
    steps: steps.map((text, index) => ({
      text,
      // Nobody judged the steps behind the first wrong one.
      label: wrong === null || index < wrong ? 1 : index === wrong ? 0 : undefined,
    })),
    ...(answer === undefined || target === undefined ? {} : { success: answer.trim() === target.trim() }),
    ...given("groundTruth", row["target"]),
    used: ["steps", "input", "mistake_index"],
    note: "Step rewards come from mistake_index, which counts from 0: 1 before it, 0 at it, none behind it. Success means that answer and target are equal.",
  };
}

/** TRL's stepwise supervision, OpenR's process and label, and PRMBench's processes with the numbers of wrong steps. */
function labelled(row: JsonObject): Labelled | undefined {
  const labels = listOf(row["labels"]) ?? listOf(row["label"]);
  if (isTexts(row["completions"]) && labels !== undefined && labels.length === row["completions"].length) {
    const messages = messageList(row["prompt"]);
    return {
      prompt:
        (messages === undefined ? textOf(row["prompt"]) : promptOfMessages(messages)) ??
        textOf(row["question"]) ??
        "",
      steps: row["completions"].map((text, index) => ({ text, label: labelOf(labels[index]) })),
      used: ["prompt", "completions", "labels", "label"],
      note: "Step rewards are the labels: 1 for a right step, 0 for a wrong one.",
    };
  }
  const process = textOf(row["process"]);
  if (process !== undefined && labels !== undefined && labels.length > 0) {
    const tag = TAG.exec(process)?.[1];
    const texts = (tag === undefined ? [process] : process.split(tag)).filter((text) => text.trim() !== "");
    if (texts.length !== labels.length) return undefined;
    return {
      prompt: textOf(row["question"]) ?? textOf(row["problem"]) ?? "",
      steps: texts.map((text, index) => ({ text: text.trim(), label: labelOf(labels[index]) })),
      used: ["question", "process", "label", "labels"],
      note: "Step rewards are the labels: 1 for +, 0 for -. Steps end where the process has its step tag.",
    };
  }
  const wrong = listOf(row["error_steps"]) ?? listOf(row["hallucination_steps"]);
  if (isTexts(row["modified_process"]) && wrong !== undefined) {
    const numbers = new Set(wrong.map(recordedNumber));
    return {
      prompt:
        textOf(row["modified_question"]) ?? textOf(row["original_question"]) ?? textOf(row["question"]) ?? "",
      steps: row["modified_process"].map((text, index) => ({ text, label: numbers.has(index + 1) ? 0 : 1 })),
      used: ["modified_process", "modified_question", "error_steps", "hallucination_steps"],
      note: "Step rewards come from error_steps, which counts from 1: 0 there, 1 elsewhere.",
    };
  }
  return firstMistake(row) ?? scoredSteps(row) ?? markedTurns(row);
}

function solutionsIn(row: JsonObject): readonly Labelled[] {
  const one = labelled(row);
  return one === undefined ? chains(row) : [one];
}

function draftOf(row: JsonObject, parts: Labelled): TrajectoryDraft {
  const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: parts.prompt }];
  for (const [index, { text, label }] of parts.steps.entries())
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: index === parts.steps.length - 1 ? "answer" : "act",
      action: `${text}\n`,
      ...given("reward", label),
    });
  const id = parts.own?.["cot_id"] ?? row["idx"] ?? row["id"];
  return {
    ...(id === undefined || id === null ? {} : { ownId: String(id) }),
    groupKey: parts.prompt,
    groupGuess: "rows with the same prompt",
    title: titleOf(parts.prompt),
    task: { prompt: parts.prompt, ...given("groundTruth", parts.groundTruth) },
    steps,
    outcome: { ...given("success", parts.success), components: {} },
    extra: { ...without(row, new Set(parts.used)), ...parts.own },
    notes: [{ code: "step-labels", message: parts.note }],
  };
}

/** Solutions in steps with a label each. */
export const stepwiseLabels = draftedFormat({
  id: "stepwise-labels",
  title: "Solutions with step labels",
  source:
    "TRL's stepwise supervision (trl-lib/prm800k, math_shepherd), OpenR process data, PRMBench, RLHFlow's PRM data, BIG-Bench Mistake, VisualPRM, VersaPRM",
  containers: ["jsonl", "json", "parquet", "arrow"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const all = isObject(row) ? solutionsIn(row) : [];
    const parts = all.find(({ steps }) => steps.some(({ label }) => label !== undefined));
    return parts === undefined
      ? undefined
      : { confidence: 0.85, reason: `${parts.used.slice(0, 3).join(", ")} with a label a step` };
  },

  drafts(record) {
    const row = objectOf(record);
    const all = solutionsIn(row);
    if (all.length === 0)
      throw new Failure(
        "missing-field",
        "The row has no steps with a label each.",
        "Check that the file holds labelled steps.",
      );
    return all.map((parts) => draftOf(row, parts));
  },
});
