import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import type { Step, TokenColumns } from "../model/trajectory";
import { promptKey } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  float64,
  isList,
  isObject,
  listOf,
  objectOf,
  recordedNumber,
  textOf,
  wholeNumber,
} from "./jsonFields";

function idsOf(
  prompt: readonly JsonValue[],
  response: readonly JsonValue[],
  logprobs?: JsonValue,
): TokenColumns {
  const ids = Int32Array.from([...prompt, ...response], Number);
  const own = listOf(logprobs);
  const series: Record<string, Float64Array> = {};
  if (own?.length === response.length) {
    const logprob = new Float64Array(ids.length).fill(Number.NaN);
    logprob.set(float64(own), prompt.length);
    series["logprob"] = logprob;
  }
  return {
    count: ids.length,
    ids,
    mask: Uint8Array.from(ids, (_, index) => (index < prompt.length ? 0 : 1)),
    series,
  };
}

function tokenSteps(prompt: number, response: number): Step[] {
  return [
    { index: 0, role: "user", kind: "prompt", observation: "", tokenStart: 0, tokenEnd: prompt },
    {
      index: 1,
      role: "assistant",
      kind: "answer",
      action: "",
      tokenStart: prompt,
      tokenEnd: prompt + response,
    },
  ];
}

export const IDS_ONLY = {
  code: "ids-only",
  message: "The file holds token ids without text: the text needs the policy's tokenizer.",
} as const;

/** PPO samples as token ids: `query`, `response` and `reward` side by side (SPO's debug data, TRL's PPO batches). */
export const tokenSamples = draftedFormat({
  id: "token-samples",
  title: "Samples as token ids",
  source: "AIFrameResearch/SPO debug samples, TRL PPO batches: {query, response, reward} as lists",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const query = listOf(row["query"])?.[0];
    const response = listOf(row["response"])?.[0];
    const rewards = listOf(row["reward"] ?? row["rewards"]);
    return isList(query) &&
      isList(response) &&
      typeof query[0] === "number" &&
      typeof response[0] === "number" &&
      rewards !== undefined &&
      rewards.length === listOf(row["query"])?.length
      ? { confidence: 0.9, reason: "lists query and response of token ids, with reward" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const queries = listOf(row["query"]) ?? [];
    const responses = listOf(row["response"]) ?? [];
    const rewards = listOf(row["reward"] ?? row["rewards"]) ?? [];
    return queries.map((query, index): TrajectoryDraft => {
      const prompt = listOf(query) ?? [];
      const response = listOf(responses[index]) ?? [];
      const reward = recordedNumber(rewards[index]);
      return {
        title: `${prompt.length} + ${response.length} tokens`,
        task: {},
        steps: tokenSteps(prompt.length, response.length),
        tokens: idsOf(prompt, response),
        outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "reward" }), components: {} },
        extra: {},
        notes: [IDS_ONLY],
      };
    });
  },
});

/** open-instruct's traces: one row a sample, as token ids. */
export const openInstruct = draftedFormat({
  id: "open-instruct",
  title: "open-instruct rollouts",
  source: "allenai/open-instruct --save_traces, {run}_rollouts_{shard}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "trajectory",

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      isList(row["prompt_tokens"]) &&
      isList(row["response_tokens"]) &&
      ("advantage" in row || "prompt_idx" in row)
      ? { confidence: 0.95, reason: "keys prompt_tokens, response_tokens, advantage, prompt_idx" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = listOf(row["prompt_tokens"]);
    const response = listOf(row["response_tokens"]);
    if (prompt === undefined || response === undefined)
      throw new Failure(
        "missing-field",
        "The row has no prompt_tokens and response_tokens.",
        "Check that it is open-instruct's.",
      );
    const reward = recordedNumber(row["reward"]);
    const group = row["prompt_idx"];
    const stop = textOf(row["finish_reason"]);
    const used = new Set([
      "prompt_tokens",
      "response_tokens",
      "logprobs",
      "reward",
      "advantage",
      "prompt_idx",
      "step",
      "finish_reason",
      "ground_truth",
    ]);
    return [
      {
        ...(group === undefined
          ? { groupKey: promptKey(prompt), groupGuess: "rows of one step with the same prompt tokens" }
          : { groupKey: String(group) }),
        ...given("ownId", row["sample_idx"] === undefined ? undefined : String(row["sample_idx"])),
        title: `${textOf(row["dataset"]) ?? "prompt"} ${group === undefined ? "" : String(group)}`.trim(),
        task: { ...given("groundTruth", row["ground_truth"]) },
        ...given("trainingStep", wholeNumber(row["step"])),
        steps: tokenSteps(prompt.length, response.length),
        tokens: idsOf(prompt, response, row["logprobs"]),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          ...given("stopReason", stop),
          ...(stop === undefined ? {} : { truncated: stop === "length" }),
          components: {},
        },
        ...given("advantage", recordedNumber(row["advantage"])),
        extra: Object.fromEntries(Object.entries(row).filter(([key]) => !used.has(key))),
        notes: [IDS_ONLY],
      },
    ];
  },
});
