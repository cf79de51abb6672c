import { Failure } from "../model/failure";
import type { TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  float64,
  isList,
  isObject,
  objectOf,
  recordedNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { stepsOfFlatText, titleOfPrompt } from "./turns";

const ARRAYS: Readonly<Record<string, string>> = {
  logprobs: "logprob",
  ref_logprobs: "ref_logprob",
  values: "value",
  token_rewards: "reward",
};
const MAPPED = new Set(["prompt", "response", "reward", "step", "response_tokens", ...Object.keys(ARRAYS)]);

/** RLLoggingBoard rows: tokens as text with log-probabilities, values and rewards; evaluation rows have the sequence alone. */
export const rlLoggingBoard = draftedFormat({
  id: "rl-logging-board",
  title: "RLLoggingBoard rollouts",
  source: "HarderThenHarder/RLLoggingBoard",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || typeof row["prompt"] !== "string" || typeof row["response"] !== "string")
      return undefined;
    if (isList(row["response_tokens"]) && (isList(row["token_rewards"]) || isList(row["logprobs"])))
      return { confidence: 0.95, reason: "keys response_tokens, logprobs, token_rewards" };
    return "ref_response" in row && "reward" in row && "step" in row
      ? { confidence: 0.8, reason: "keys prompt, response, ref_response, reward, step" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["prompt"]);
    const response = textOf(row["response"]);
    if (prompt === undefined || response === undefined)
      throw new Failure(
        "missing-field",
        "The row has no text prompt and response.",
        "Check that the file is RLLoggingBoard's.",
      );
    const { steps, notes } = stepsOfFlatText(prompt, response);
    const text = isList(row["response_tokens"])
      ? row["response_tokens"].map((token) => textOf(token) ?? String(token))
      : undefined;
    const series: Record<string, Float64Array> = {};
    const short: string[] = [];
    for (const [key, name] of Object.entries(ARRAYS)) {
      const values = row[key];
      if (text === undefined || !isList(values)) continue;
      const numbers = new Float64Array(text.length).fill(Number.NaN);
      numbers.set(float64(values.slice(0, text.length)));
      if (values.length !== text.length) short.push(`${key} (${values.length})`);
      series[name] = numbers;
    }
    const tokens: TokenColumns | undefined =
      text === undefined ? undefined : { count: text.length, text, series };
    const reward = recordedNumber(row["reward"]);
    const refReward = recordedNumber(row["ref_reward"]);
    return [
      {
        groupKey: prompt,
        groupGuess: "rows of one training step with the same prompt",
        title: titleOfPrompt(prompt),
        task: { prompt },
        ...given("trainingStep", wholeNumber(row["step"])),
        steps,
        flatText: { prompt, response },
        ...given("tokens", tokens),
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          components: { ...given("ref_reward", refReward) },
        },
        extra: without(row, MAPPED),
        notes: [
          ...notes,
          ...(short.length === 0
            ? []
            : [
                {
                  code: "short-arrays",
                  message: `${text?.length ?? 0} tokens, but ${short.join(", ")} numbers: the rest is shown as missing.`,
                },
              ]),
        ],
      },
    ];
  },
});
