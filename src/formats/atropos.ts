import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { float64, isList, isObject, objectOf, recordedNumber, titleOf, without } from "./jsonFields";
import { messageList, messageSteps } from "./messages";
import { splitMarked } from "./turns";

const LISTS = new Set([
  "tokens",
  "masks",
  "scores",
  "messages",
  "advantages",
  "ref_logprobs",
  "inference_logprobs",
  "token_scores",
  "token_weights",
  "overrides",
  "images",
]);
const SERIES: Readonly<Record<string, string>> = {
  advantages: "advantage",
  ref_logprobs: "ref_logprob",
  inference_logprobs: "logprob",
  token_scores: "reward",
  token_weights: "token_weights",
};

const at = (value: JsonValue | undefined, index: number): JsonValue | undefined =>
  isList(value) ? value[index] : undefined;

function tokensOf(row: JsonObject, index: number): TokenColumns | undefined {
  const ids = at(row["tokens"], index);
  if (!isList(ids)) return undefined;
  const mask = at(row["masks"], index);
  const series: Record<string, Float64Array> = {};
  for (const [key, name] of Object.entries(SERIES)) {
    const values = at(row[key], index);
    if (isList(values) && values.length === ids.length) series[name] = float64(values);
  }
  return {
    count: ids.length,
    ids: Int32Array.from(ids, Number),
    // -100 marks what is not trained; a trained place repeats its token.
    ...(isList(mask) && mask.length === ids.length
      ? { mask: Uint8Array.from(mask, (value) => (value === -100 ? 0 : 1)) }
      : {}),
    series,
  };
}

function stepsOf(value: JsonValue | undefined): Step[] {
  const messages = messageList(value);
  if (messages !== undefined) return messageSteps(messages);
  if (typeof value !== "string") return [];
  const turns = splitMarked(value, "user") ?? [{ role: "assistant" as const, text: value }];
  return messageSteps(turns.map((turn) => ({ role: turn.role, content: turn.text })));
}

/** Atropos rollouts: a line is a group, its members side by side in every list. */
export const atropos = draftedFormat({
  id: "atropos",
  title: "Atropos groups",
  source: "NousResearch/atropos, --env.data_path_to_save_groups",
  containers: ["jsonl"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      !isList(row["tokens"]) ||
      !isList(row["tokens"][0]) ||
      !isList(row["masks"]) ||
      !isList(row["scores"])
    )
      return undefined;
    return { confidence: 0.95, reason: "lists of tokens, masks, scores" };
  },

  drafts(record) {
    const row = objectOf(record);
    const scores = row["scores"];
    if (!isList(row["tokens"]) || !isList(scores))
      throw new Failure(
        "missing-field",
        "The line has no lists of tokens and scores.",
        "Check that the file holds Atropos groups.",
      );
    return row["tokens"].map((_, index) => {
      const steps = stepsOf(at(row["messages"], index));
      const reward = recordedNumber(scores[index]);
      const advantages = at(row["advantages"], index);
      const advantage = isList(advantages) ? undefined : recordedNumber(advantages);
      const prompt = steps.find((step) => step.role === "user")?.observation;
      return {
        groupKey: "line",
        title: titleOf(prompt ?? ""),
        task: { ...given("prompt", prompt) },
        steps,
        ...given("tokens", tokensOf(row, index)),
        outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "scores" }), components: {} },
        ...given("advantage", advantage),
        extra: without(row, LISTS),
        notes: [],
      };
    });
  },
});
