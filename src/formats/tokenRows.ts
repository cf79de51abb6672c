import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedNumber, without } from "./jsonFields";
import { sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { outcomeOfRow } from "./outcomeFields";
import { numberList, stepOfName, tokensOfLists } from "./recordedTokens";
import { PLACES, rolloutFieldsOf, truthName } from "./rolloutFields";
import { IDS_ONLY } from "./tokenRollouts";

const PROMPTS = [
  "prompt_ids",
  "prompt_token_ids",
  "prompt_tokens",
  "query_ids",
  "input_token_ids",
  "input_tokens",
] as const;
const RESPONSES = [
  "completion_ids",
  "completion_token_ids",
  "completion_tokens",
  "response_ids",
  "response_token_ids",
  "response_tokens",
  "output_ids",
  "output_token_ids",
  "output_tokens",
] as const;
/** Names of the model for lists with a number a token, and the names that they have in rows. */
const SERIES: Readonly<Record<string, readonly string[]>> = {
  logprob: [
    "logprobs",
    "completion_logprobs",
    "response_logprobs",
    "output_logprobs",
    "old_logprobs",
    "old_log_probs",
    "rollout_log_probs",
  ],
  ref_logprob: ["ref_logprobs", "ref_log_probs", "reference_logprobs"],
  advantage: ["advantages", "advantage"],
  reward: ["token_rewards", "rewards", "token_level_rewards"],
  value: ["values"],
  return: ["returns"],
  entropy: ["entropies", "entropy"],
};
const MASKS = ["loss_mask", "response_mask", "completion_mask", "env_mask", "action_mask"] as const;
/** What makes rows of ids rollouts: a number that a trainer gives. */
const TELLING =
  /^(?:reward|rewards|advantage|advantages|(?:\w+_)?logprobs|(?:\w+_)?log_probs|score|token_rewards)$/;

interface Names {
  readonly prompt: string;
  readonly response: string;
}

function namesOf(row: JsonObject): Names | undefined {
  const holdsIds = (name: string): boolean => {
    const list = numberList(row[name]);
    return list !== undefined && list.every((id) => typeof id === "number" && Number.isInteger(id));
  };
  const prompt = PROMPTS.find(holdsIds);
  const response = RESPONSES.find(holdsIds);
  return prompt === undefined || response === undefined ? undefined : { prompt, response };
}

/** Rows that hold prompt and response as token ids, with what a trainer computed of them, under the usual names. */
export const tokenRows = draftedFormat({
  id: "token-rows",
  title: "Rollouts as token ids",
  source:
    "rows of prompt and completion ids with log-probabilities, rewards or advantages: prime-rl's oldest Parquet files, TRL rollout functions, what people write by hand",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",

  detect(head) {
    if (head.container === "parquet") {
      const types = new Map(head.columns?.map(({ name, type }) => [name, type] as const));
      const lists = (names: readonly string[]): boolean =>
        names.some((name) => /INT(?:EGER)?\[\]$/.test(types.get(name) ?? ""));
      return lists(PROMPTS) && lists(RESPONSES) && [...types.keys()].some((name) => TELLING.test(name))
        ? { confidence: 0.6, reason: "columns of prompt and response ids, and numbers of a trainer" }
        : undefined;
    }
    const row = head.firstRecord;
    return isObject(row) && namesOf(row) !== undefined && Object.keys(row).some((name) => TELLING.test(name))
      ? { confidence: 0.6, reason: "prompt and response as token ids, and numbers of a trainer" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const names = namesOf(row);
    const prompt = names === undefined ? undefined : numberList(row[names.prompt]);
    const response = names === undefined ? undefined : numberList(row[names.response]);
    if (names === undefined || prompt === undefined || response === undefined)
      throw new Failure(
        "missing-field",
        "The row has no prompt and response of token ids.",
        "The others are shown.",
      );
    const used = new Set<string>([names.prompt, names.response]);
    const ids = [...prompt, ...response];
    const take = (options: readonly string[]): ReturnType<typeof numberList> => {
      const name = options.find((one) => {
        const list = numberList(row[one]);
        return list !== undefined && (list.length === response.length || list.length === ids.length);
      });
      if (name === undefined) return undefined;
      used.add(name);
      return numberList(row[name]);
    };
    const mask = take(MASKS);
    const tokens = tokensOfLists(
      ids,
      [
        ...prompt.map(() => 0),
        ...response.map((_, index) => (mask === undefined ? 1 : (mask.slice(-response.length)[index] ?? 0))),
      ],
      Object.fromEntries(Object.entries(SERIES).map(([name, options]) => [name, take(options)])),
    );
    const truth = truthName(row);
    const { groupKey, trainingStep, advantage, ...fields } = rolloutFieldsOf(row);
    const outcome = outcomeOfRow(row, new Set([...used, ...PLACES, "advantages", "rewards"]));
    // Columns of one number a row are called in the plural by some.
    const reward = outcome.reward === undefined ? recordedNumber(row["rewards"]) : undefined;
    return [
      {
        ...fields,
        groupKey: groupKey ?? prompt.join(","),
        ...(groupKey === undefined
          ? { groupGuess: "rows of one training step with the same prompt tokens" }
          : {}),
        ...given("trainingStep", trainingStep ?? stepOfName(context.path)),
        title: `${prompt.length} prompt tokens, ${response.length} more`,
        task: { ...given("groundTruth", truth === undefined ? undefined : row[truth]) },
        steps: stepsOfMask(tokens),
        tokens,
        outcome: { ...outcome, ...(reward === undefined ? {} : { reward, rewardSource: "rewards" }) },
        ...given("advantage", advantage ?? recordedNumber(row["advantages"]) ?? sharedAdvantage(tokens)),
        extra: without(row, used),
        notes: [IDS_ONLY],
      },
    ];
  },
});
