import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, type TrajectoryDraft } from "./draft";
import {
  fieldNames,
  isList,
  isObject,
  objectOf,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { Failure } from "../model/failure";

/** How a data set of pairs names its parts. */
interface Layout {
  readonly name: string;
  readonly sides: readonly [string, string];
  readonly prompt: readonly string[];
  /** Fields that must be there, too, so that nothing else is taken for such a set. */
  readonly also: readonly string[];
  /** Which side was preferred: 0 or 1; null where it says so of neither; undefined where it does not say. */
  preferred(row: JsonObject): 0 | 1 | null | undefined;
  /** Fields with a score of each side. */
  readonly scores?: readonly [string, string];
}

const sign = (value: number | null | undefined, first: 0 | 1): 0 | 1 | null | undefined =>
  typeof value !== "number" || Number.isNaN(value)
    ? undefined
    : value === 0
      ? null
      : value < 0 === (first === 0)
        ? 0
        : 1;

const index = (value: JsonValue | undefined): 0 | 1 | undefined => {
  const number = recordedNumber(value);
  return number === 0 ? 0 : number === 1 ? 1 : undefined;
};

/** More is better; equal scores prefer neither. */
function byScores(row: JsonObject, [one, other]: readonly [string, string]): 0 | 1 | null | undefined {
  const [a, b] = [recordedNumber(row[one]), recordedNumber(row[other])];
  return typeof a === "number" && typeof b === "number" ? sign(b - a, 0) : undefined;
}

const LAYOUTS: readonly Layout[] = [
  {
    name: "HelpSteer preferences",
    sides: ["response_1", "response_2"],
    prompt: ["prompt", "context"],
    also: ["preference_strength"],
    preferred: (row) => sign(recordedNumber(row["preference_strength"]), 0),
  },
  {
    name: "HelpSteer3 preferences",
    sides: ["response1", "response2"],
    prompt: ["context", "prompt"],
    also: ["overall_preference"],
    preferred: (row) => sign(recordedNumber(row["overall_preference"]), 0),
  },
  {
    name: "PKU-SafeRLHF pairs",
    sides: ["response_0", "response_1"],
    prompt: ["prompt"],
    also: ["better_response_id"],
    preferred: (row) => index(row["better_response_id"]),
  },
  {
    name: "Stanford Human Preferences",
    sides: ["human_ref_A", "human_ref_B"],
    prompt: ["history"],
    also: ["labels"],
    // 1 means that A is preferred.
    preferred: (row) => (index(row["labels"]) === 1 ? 0 : index(row["labels"]) === 0 ? 1 : undefined),
    scores: ["score_A", "score_B"],
  },
  {
    name: "WebGPT comparisons",
    sides: ["answer_0", "answer_1"],
    prompt: ["question"],
    also: ["score_0", "score_1"],
    preferred: (row) => byScores(row, ["score_0", "score_1"]),
    scores: ["score_0", "score_1"],
  },
  {
    name: "AlpacaEval annotations",
    sides: ["output_1", "output_2"],
    prompt: ["instruction"],
    also: ["generator_1", "generator_2"],
    // From 1 for the first output to 2 for the second; 0 and 1.5 are draws.
    preferred(row) {
      const preference = recordedNumber(row["preference"]);
      if (typeof preference !== "number" || Number.isNaN(preference)) return undefined;
      return preference === 0 || preference === 1.5 ? null : preference < 1.5 ? 0 : 1;
    },
  },
  {
    name: "JudgeBench pairs",
    sides: ["response_A", "response_B"],
    prompt: ["question", "prompt"],
    also: ["label"],
    preferred(row) {
      const label = textOf(row["label"]);
      return label === "A>B" ? 0 : label === "B>A" ? 1 : label === undefined ? undefined : null;
    },
  },
  {
    name: "arena battles",
    sides: ["conversation_a", "conversation_b"],
    prompt: ["question"],
    also: ["winner"],
    preferred: (row) => winner(row["winner"]),
  },
  {
    name: "arena battles",
    sides: ["response_a", "response_b"],
    prompt: ["prompt"],
    also: ["winner_model_a", "winner_model_b"],
    preferred: (row) =>
      recordedNumber(row["winner_model_a"]) === 1
        ? 0
        : recordedNumber(row["winner_model_b"]) === 1
          ? 1
          : null,
  },
];

function winner(value: JsonValue | undefined): 0 | 1 | null | undefined {
  const name = textOf(value);
  return name === "model_a" ? 0 : name === "model_b" ? 1 : name === undefined ? undefined : null;
}

const layoutOf = (names: readonly string[]): Layout | undefined =>
  LAYOUTS.find(({ sides, also }) => [...sides, ...also].every((name) => names.includes(name)));

/** What was asked: a text, messages, or an object with the text, as WebGPT's questions are. */
function promptOf(row: JsonObject, names: readonly string[]): readonly JsonObject[] {
  for (const name of names) {
    const value = row[name];
    const messages = messageList(value);
    if (messages !== undefined) return messages;
    const text = isObject(value) ? textOf(value["full_text"]) : textOf(value);
    if (text !== undefined) return [{ role: "user", content: text }];
  }
  return [];
}

function draftsOf(row: JsonObject, layout: Layout): readonly TrajectoryDraft[] {
  const asked = promptOf(row, layout.prompt);
  const preferred = layout.preferred(row);
  return layout.sides.map((side, at): TrajectoryDraft => {
    const listed = messageList(row[side]);
    const said = listed ?? [{ role: "assistant", content: textOf(row[side]) ?? "" }];
    const whole = listed !== undefined && listed.length > 1;
    const messages = whole ? said : [...asked, ...said];
    const prompt = promptOfMessages(messages) ?? "";
    const scoreName = layout.scores?.[at];
    const score = scoreName === undefined ? undefined : recordedNumber(row[scoreName]);
    return {
      ownId: side,
      groupKey: "pair",
      title: titleOf(prompt),
      task: { prompt },
      steps: messageSteps(messages, whole ? messages.length - 1 : asked.length),
      outcome: {
        ...(score === undefined ? {} : { reward: score, rewardSource: scoreName as string }),
        ...(preferred === 0 || preferred === 1 ? { success: preferred === at } : {}),
        components: {},
      },
      extra: without(row, new Set([...layout.sides, ...layout.prompt])),
      notes: [
        {
          code: "preference",
          message:
            preferred === undefined
              ? "The row does not say which response was preferred."
              : preferred === null
                ? "Neither response was preferred."
                : "Success means that the response was preferred to the other one.",
        },
      ],
    };
  });
}

/** Two responses to a prompt and which was preferred, in the layouts of public preference sets that name sides, not ranks. */
export const responsePairs = draftedFormat({
  id: "response-pairs",
  title: "Compared responses",
  source:
    "HelpSteer2/3 preferences, PKU-SafeRLHF, Stanford Human Preferences, WebGPT comparisons, AlpacaEval annotations, JudgeBench, arena battles",
  containers: ["jsonl", "json", "parquet", "arrow", "csv"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    const layout = layoutOf(fieldNames(head));
    return layout === undefined
      ? undefined
      : {
          confidence: 0.85,
          reason: `${layout.name}: ${[...layout.sides, ...layout.also].join(", ")}`,
        };
  },

  drafts(record) {
    const row = objectOf(record);
    const layout = layoutOf(Object.keys(row));
    if (
      layout === undefined ||
      layout.sides.every((side) => !isList(row[side]) && textOf(row[side]) === undefined)
    )
      throw new Failure(
        "missing-field",
        "The row lacks the two responses.",
        "Check that the file holds compared responses.",
      );
    return draftsOf(row, layout);
  },
});
