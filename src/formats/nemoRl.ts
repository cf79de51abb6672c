import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step, TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  float64,
  isList,
  isObject,
  objectOf,
  recordedNumber,
  stemNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { messageList, messageSteps } from "./messages";

const MAPPED = new Set([
  "content",
  "rewards",
  "input_lengths",
  "token_ids",
  "token_loss_mask",
  "advantages",
  "generation_logprobs",
  "prev_logprobs",
  "reference_policy_logprobs",
]);
const SERIES: Readonly<Record<string, string>> = {
  advantages: "advantage",
  generation_logprobs: "logprob",
  prev_logprobs: "trainer_logprob",
  reference_policy_logprobs: "ref_logprob",
};
const SAME_PROMPT = "rows of one training step whose prompt tokens or texts are equal";
const GUESSED_ROLES: Note = {
  code: "guessed-turns",
  message:
    "Roles are guessed: the dump holds the messages' texts alone, taken in turn as user and assistant.",
};

/** NeMo-RL logs one sample a batch of one: every value is a list of one. */
function single(value: JsonValue | undefined): JsonValue | undefined {
  return isList(value) && value.length === 1 ? value[0] : value;
}

function tokensOf(row: JsonObject): TokenColumns | undefined {
  const ids = single(row["token_ids"]);
  if (!isList(ids)) return undefined;
  // Samples are padded to the batch's longest; the rest is not part of the trajectory.
  const count = Math.min(ids.length, wholeNumber(single(row["input_lengths"])) ?? ids.length);
  const mask = single(row["token_loss_mask"]);
  const series: Record<string, Float64Array> = {};
  for (const [key, value] of Object.entries(row)) {
    const list = single(value);
    if (!isList(list) || list.length !== ids.length || key === "token_ids" || key === "token_loss_mask")
      continue;
    if (list.every((item) => recordedNumber(item) !== undefined))
      series[SERIES[key] ?? key] = float64(list.slice(0, count));
  }
  return {
    count,
    ids: Int32Array.from(ids.slice(0, count), Number),
    ...(isList(mask)
      ? { mask: Uint8Array.from(mask.slice(0, count), (value) => (recordedNumber(value) === 1 ? 1 : 0)) }
      : {}),
    series,
  };
}

function stepsOf(content: JsonValue | undefined): {
  readonly steps: readonly Step[];
  readonly notes: readonly Note[];
} {
  const messages = messageList(content);
  if (messages !== undefined) return { steps: messageSteps(messages), notes: [] };
  if (!isList(content)) return { steps: [], notes: [] };
  const texts = content.map((item) => textOf(item) ?? JSON.stringify(item));
  const steps = texts.map((text, index): Step =>
    index % 2 === 1
      ? { index, role: "assistant", kind: index >= texts.length - 2 ? "answer" : "act", action: text }
      : { index, role: "user", kind: index === 0 ? "prompt" : "observe", observation: text },
  );
  return { steps, notes: [GUESSED_ROLES] };
}

/** NeMo-RL's training and validation data: one line a sample, token arrays padded to the batch. */
export const nemoRl = draftedFormat({
  id: "nemo-rl",
  title: "NeMo-RL data",
  source: "NVIDIA-NeMo/RL, {log_dir}/exp_{N}/{train,val}_data_step{N}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["content"]) || !("idx" in row)) return undefined;
    // Distillation logs what was said and how long it is.
    if (!isList(row["rewards"]))
      return isList(row["input_lengths"]) && row["input_lengths"].length === 1
        ? { confidence: 0.7, reason: "keys content, input_lengths, idx" }
        : undefined;
    const training = "token_loss_mask" in row && "sample_loss_mask" in row;
    return training
      ? { confidence: 0.95, reason: "keys token_loss_mask, sample_loss_mask, advantages, rewards, content" }
      : { confidence: 0.7, reason: "keys content, rewards, idx" };
  },

  drafts(record, context) {
    const row = objectOf(record);
    const content = single(row["content"]);
    const tokens = tokensOf(row);
    const { steps, notes } = stepsOf(content);
    if (steps.length === 0 && tokens === undefined)
      throw new Failure(
        "missing-field",
        "The row has neither content nor token_ids.",
        "Check that the file is NeMo-RL's logged data.",
      );
    const reward = recordedNumber(single(row["rewards"]));
    const filtered = recordedNumber(single(row["filtered_rewards"]));
    const sampleMask = recordedNumber(single(row["sample_loss_mask"]));
    const prompt = steps.find((step) => step.role === "user")?.observation;
    const promptTokens =
      tokens?.mask === undefined ? undefined : tokens.ids?.subarray(0, Math.max(0, tokens.mask.indexOf(1)));
    const advantages = tokens?.series["advantage"]?.filter(
      (_, index) => tokens.mask === undefined || tokens.mask[index] === 1,
    );
    const advantage =
      advantages?.every((value) => value === advantages[0]) === true ? advantages[0] : undefined;
    const arrays = new Set([
      ...MAPPED,
      ...Object.entries(row).flatMap(([key, value]) => (isList(single(value)) ? [key] : [])),
    ]);
    return [
      {
        ...given("ownId", wholeNumber(row["idx"]) === undefined ? undefined : String(row["idx"] as number)),
        groupKey: promptTokens === undefined ? (prompt ?? "") : promptTokens.join(","),
        groupGuess: SAME_PROMPT,
        title: titleOf(prompt ?? ""),
        task: { ...given("prompt", prompt) },
        ...given("trainingStep", stemNumber(context.path)),
        split: /(^|[/\\])val_data/.test(context.path) || tokens === undefined ? "val" : "train",
        steps,
        ...given("tokens", tokens),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "rewards" }),
          components: {
            ...(filtered === undefined ? {} : { filtered_rewards: filtered }),
            ...(sampleMask === undefined ? {} : { sample_loss_mask: sampleMask }),
          },
        },
        ...given("advantage", advantage),
        extra: without(row, arrays),
        notes,
      },
    ];
  },
});
