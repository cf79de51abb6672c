import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, isMessage, messageList, messageSteps, promptOfMessages, roleOf } from "./messages";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set([
  ...["prompt", "question", "instruction", "input", "conversations", "messages", "system", "trajectory"],
]);

/** Names of the two sides; the first are the commonest. */
const SIDES: readonly (readonly [string, string])[] = [
  ["chosen", "rejected"],
  ["chosen_response", "rejected_response"],
  ["response_chosen", "response_rejected"],
  ["preferred_output", "non_preferred_output"],
  ["preferred", "dispreferred"],
];

/** Names of a side's score, `*` standing for the side. */
const SCORES = [
  "*_score",
  "score_*",
  "*-rating",
  "*_rating",
  "*_reward",
  "reward_*",
  "*_avg_rating",
  "rating_*",
] as const;

/** A side that is called `chosen_response` may have its score under `chosen_rating`. */
const namesOfScore = (side: string): readonly string[] =>
  [side, side.replace(/_?response_?/, "")].flatMap((stem) => SCORES.map((name) => name.replace("*", stem)));

const sidesOf = (names: readonly string[]): readonly [string, string] | undefined =>
  SIDES.find((sides) => sides.every((side) => names.includes(side)));

/** Dialogues of HH-RLHF are one text, in which each turn begins with who speaks. */
function dialogueOf(text: string): readonly JsonObject[] | undefined {
  if (!/^\s*Human:/.test(text) || !text.includes("\n\nAssistant:")) return undefined;
  return text
    .split(/(?:^|\n\n)(?=(?:Human|Assistant):)/)
    .filter((turn) => turn.trim() !== "")
    .map((turn) => {
      const said = /^\s*(Human|Assistant):\s?([\s\S]*)$/.exec(turn);
      return { role: said?.[1] === "Assistant" ? "assistant" : "user", content: said?.[2] ?? turn };
    });
}

/** A side of a pair: text, one message, or a conversation that may repeat the prompt. */
function messagesOf(side: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (typeof side === "string")
    return messageList(side) ?? dialogueOf(side) ?? [{ role: "assistant", content: side }];
  if (isMessage(side)) return [side];
  const list = messageList(side);
  if (list !== undefined) return list;
  return isList(side) && side.length === 1 && typeof side[0] === "string"
    ? [{ role: "assistant", content: side[0] }]
    : undefined;
}

/** The answers of a side: one, or one in each of several styles, as RM-Bench has them. */
function answersOf(side: JsonValue | undefined): readonly (readonly JsonObject[])[] | undefined {
  if (isList(side) && side.length > 1 && side.every((one) => typeof one === "string"))
    return side.map((content) => [{ role: "assistant", content }]);
  const messages = messagesOf(side);
  return messages === undefined ? undefined : [messages];
}

function promptOf(row: JsonObject): readonly JsonObject[] {
  const input = isObject(row["input"]) ? messageList(row["input"]["messages"]) : messageList(row["input"]);
  const list =
    messageList(row["conversations"]) ??
    messageList(row["messages"]) ??
    messageList(row["prompt"]) ??
    input ??
    // UltraInteract keeps what was said before the two answers.
    messageList(row["trajectory"]);
  if (list !== undefined) return list;
  const system = textOf(row["system"]);
  const before = system === undefined || system === "" ? [] : [{ role: "system", content: system }];
  for (const key of ["prompt", "question", "instruction", "input"]) {
    const value = row[key];
    const text = isList(value) && typeof value[0] === "string" ? value[0] : textOf(value);
    if (text !== undefined && text !== "") return [...before, { role: "user", content: text }];
  }
  return [];
}

/** Preference pairs: two answers to one prompt, the chosen one first. */
export const preferencePairs = draftedFormat({
  id: "preference-pairs",
  title: "Preference pairs",
  source: "DPO and reward-model data: prompt, chosen, rejected (RewardBench, LLaMA-Factory, TRL)",
  containers: ["jsonl", "json", "parquet"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const sides = sidesOf((head.columns ?? []).map((column) => column.name));
      return sides === undefined ? undefined : { confidence: 0.6, reason: `columns ${sides.join(" and ")}` };
    }
    const row = head.firstRecord;
    const sides = isObject(row) ? sidesOf(Object.keys(row)) : undefined;
    if (
      !isObject(row) ||
      sides === undefined ||
      sides.some((side) => answersOf(row[side]) === undefined) ||
      isList(row["chosen_tokens"])
    )
      return undefined;
    return { confidence: 0.6, reason: `keys ${sides.join(" and ")}` };
  },

  drafts(record) {
    const row = objectOf(record);
    const sides = sidesOf(Object.keys(row)) ?? (["chosen", "rejected"] as const);
    const [chosen, rejected] = sides.map((side) => answersOf(row[side]));
    if (chosen === undefined || rejected === undefined)
      throw new Failure(
        "missing-field",
        "The row lacks a chosen or a rejected answer.",
        "Check that the file holds preference pairs.",
      );
    const prompt = promptOf(row);
    const skip = new Set([...MAPPED, ...sides, ...sides.flatMap((side) => namesOfScore(side))]);
    const draft = (
      said: readonly JsonObject[],
      index: number,
      style: { readonly at: number; readonly of: number },
    ): TrajectoryDraft => {
      const side = sides[index] as string;
      const name = `${index === 0 ? "chosen" : "rejected"}${style.of > 1 ? ` ${style.at}` : ""}`;
      const messages = said.length > 1 || roleOf(said[0] ?? {}) !== "assistant" ? said : [...prompt, ...said];
      const scoreName = namesOfScore(side).find((key) => row[key] !== undefined);
      const listed = scoreName === undefined ? undefined : row[scoreName];
      const score = recordedNumber(isList(listed) ? listed[style.at] : listed);
      const task = promptOfMessages(messages) ?? contentOf(prompt[0]?.["content"]).text;
      return {
        ownId: `${textOf(row["id"]) ?? (typeof row["id"] === "number" ? String(row["id"]) : "pair")} ${name}`,
        groupKey: "pair",
        title: titleOf(task),
        task: { prompt: task },
        steps: messageSteps(messages, messages.length - 1),
        outcome: {
          ...(score === undefined ? {} : { reward: score, rewardSource: `${name} score` }),
          success: index === 0,
          components: numbersOf(row, skip),
        },
        extra: without(row, skip),
        notes: [
          {
            code: "preference",
            message:
              index === 0
                ? "The chosen answer of a pair; success means that it was preferred."
                : "The rejected answer of a pair; no success means that the other was preferred.",
          },
        ],
      };
    };
    return [chosen, rejected].flatMap((answers, index) =>
      answers.map((said, at) => draft(said, index, { at, of: answers.length })),
    );
  },
});
