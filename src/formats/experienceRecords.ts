import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { fieldNames, isObject, listOf, objectOf, recordedNumber, stemNumber, without } from "./jsonFields";
import { promptLength, sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { numbersOf } from "./outcomeFields";
import { numberList, stepInName, tokensOfLists } from "./recordedTokens";
import { IDS_ONLY } from "./tokenRollouts";

const SEQUENCE = new Set([
  "sequences",
  "attention_mask",
  "action_mask",
  "action_log_probs",
  "base_action_log_probs",
  "values",
  "returns",
  "advantages",
  "info",
]);

/** Items of a replay buffer that OpenRLHF's descendants write as JSON lines: Open-Reasoner-Zero's `iter{N}_replay_buffer.jsonl`. */
export const experienceRecords = draftedFormat({
  id: "experience-records",
  title: "Replay buffer items",
  source: "Open-Reasoner-Zero, iter{N}_replay_buffer.jsonl, and other JSON of OpenRLHF's buffer items",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",
  needs: [["sequences", "action_log_probs"]],

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      numberList(row["sequences"]) !== undefined &&
      numberList(row["action_log_probs"]) !== undefined &&
      ("advantages" in row || "returns" in row)
      ? { confidence: 0.9, reason: "keys sequences, action_log_probs, advantages" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const ids = numberList(row["sequences"]);
    const logprobs = numberList(row["action_log_probs"]);
    if (ids === undefined || logprobs === undefined)
      throw new Failure(
        "missing-field",
        "The item has no sequence of ids with log-probabilities of its actions.",
        "The others are shown.",
      );
    const actions = logprobs.length;
    const ofActions = (name: string): ReturnType<typeof numberList> => {
      const list = numberList(row[name]);
      return list?.length === actions || list?.length === ids.length ? list : undefined;
    };
    // Without a mask all actions are trained.
    const tokens = tokensOfLists(ids, numberList(row["action_mask"]) ?? logprobs.map(() => 1), {
      logprob: logprobs,
      ref_logprob: ofActions("base_action_log_probs"),
      value: ofActions("values"),
      return: ofActions("returns"),
      advantage: ofActions("advantages"),
    });
    const info = isObject(row["info"]) ? row["info"] : {};
    const single = (name: string): number | null | undefined => {
      const value = info[name];
      return recordedNumber(listOf(value)?.length === 1 ? listOf(value)?.[0] : value);
    };
    const reward = single("reward");
    const components: Record<string, number | null> = {};
    for (const name of Object.keys(info)) {
      const number = single(name);
      if (number !== undefined && name !== "reward") components[name] = number;
    }
    const kept = new Set([...SEQUENCE].filter((name) => numberList(row[name]) !== undefined));
    const advantages = numberList(row["advantages"]);
    return [
      {
        groupKey: tokens.ids?.subarray(0, promptLength(tokens)).join(",") ?? "",
        groupGuess: "sequences of one step whose prompt tokens are equal",
        ...given("trainingStep", stepInName(context.path) ?? stemNumber(context.path)),
        title: `${promptLength(tokens)} prompt tokens, ${tokens.count - promptLength(tokens)} more`,
        task: {},
        steps: stepsOfMask(tokens),
        tokens,
        outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "info.reward" }), components },
        ...given(
          "advantage",
          sharedAdvantage(tokens) ?? (advantages?.length === 1 ? recordedNumber(advantages[0]) : undefined),
        ),
        extra: without(row, kept),
        notes: [IDS_ONLY],
      },
    ];
  },
});

const TRLX = ["query_tensor", "response_tensor"] as const;

/** trlx's rollouts as its PPO store exports them: ids, and numbers a response token where more than text was asked for. */
export const trlxHistory = draftedFormat({
  id: "trlx-history",
  title: "trlx rollouts",
  source: "CarperAI/trlx, train.rollout_logging_dir, epoch-{time}.json",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,
  needs: [TRLX],

  detect(head) {
    const names = new Set(fieldNames(head));
    return TRLX.every((name) => names.has(name))
      ? { confidence: 0.95, reason: "keys query_tensor, response_tensor" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const query = numberList(row["query_tensor"]);
    const response = numberList(row["response_tensor"]);
    if (query === undefined || response === undefined)
      throw new Failure(
        "missing-field",
        "The element has no query and response of ids.",
        "The others are shown.",
      );
    const rewards = numberList(row["rewards"]);
    const tokens = tokensOfLists([...query, ...response], [...query.map(() => 0), ...response.map(() => 1)], {
      logprob: numberList(row["logprobs"]),
      value: numberList(row["values"]),
      reward: rewards,
    });
    const sum = rewards?.reduce<number>((total, value) => total + (recordedNumber(value) ?? Number.NaN), 0);
    const named = new Set([...TRLX, "logprobs", "values", "rewards"]);
    return [
      {
        groupKey: query.join(","),
        groupGuess: "rollouts of one export with the same query",
        title: `${query.length} prompt tokens, ${response.length} more`,
        task: {},
        steps: stepsOfMask(tokens),
        tokens,
        outcome: {
          // The rewards of trlx hold the penalty for the distance from the reference model.
          ...(sum === undefined ? {} : { reward: sum, rewardSource: "sum of rewards (KL penalty included)" }),
          components: numbersOf(row, named),
        },
        extra: without(row, named),
        notes: [IDS_ONLY],
      },
    ];
  },
});
