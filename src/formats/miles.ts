import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome, Step, TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import {
  fieldNames,
  float64,
  listOf,
  objectOf,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { promptLength, stepsOfMask } from "./maskedTokens";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { IDS_ONLY } from "./tokenRollouts";
import { splitMarked, splitPrompt } from "./turns";

const TRAJECTORY = ["sample_index", "group_index", "status", "reward", "prompt", "messages"] as const;
const COLUMNS = [
  "sample_index",
  "response_length",
  "total_length",
  "tokens",
  "loss_mask",
  "rollout_log_probs",
] as const;

/** The rollout's number and split, from `12.jsonl`, `eval_12.jsonl`, `rollout_12.parquet` and `rollout_eval_12.parquet`. */
function placeOf(path: string): { readonly trainingStep?: number; readonly split?: string } {
  const match = /(?:^|[/\\])(?:rollout_)?(eval_)?(\d+)\.\w+$/.exec(path);
  return {
    ...(match?.[2] === undefined ? {} : { trainingStep: Number(match[2]) }),
    ...(match?.[1] === undefined ? {} : { split: "eval" }),
  };
}

/** How a sample ended, as its status says. */
export function endOf(status: JsonValue | undefined): Pick<Outcome, "stopReason" | "truncated"> {
  return {
    ...given("stopReason", textOf(status)),
    ...(status === "truncated" ? { truncated: true } : status === "completed" ? { truncated: false } : {}),
  };
}

/**
 * Steps of a recorded conversation. It holds the prompt where that is a list of messages; of a prompt that is text, with or
 * without its chat template, the turns come before what the policy said first.
 */
export function recordedSteps(
  prompt: JsonValue | undefined,
  messages: readonly JsonObject[],
): { readonly steps: readonly Step[]; readonly asked: string | undefined } {
  const text = textOf(prompt);
  if (text === undefined || messages[0]?.["role"] !== "assistant") {
    const before = messages.findIndex((message) => message["role"] === "assistant");
    return {
      steps: messageSteps(messages, before < 0 ? messages.length : before),
      asked: promptOfMessages(messages),
    };
  }
  const turns = splitMarked(text, "user") ?? splitPrompt(text).turns;
  const asked = turns.map((turn) => ({ role: turn.role, content: turn.text }));
  return { steps: messageSteps([...asked, ...messages], asked.length), asked: promptOfMessages(asked) };
}

/** The conversations that miles keeps beside a rollout dump: a sample a line, without its tokens. */
export const milesTrajectory = draftedFormat({
  id: "miles-trajectory",
  title: "miles trajectories",
  source: "radixark/miles, --save-debug-trajectory-data or --dump-details, trajectory/{id}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  needs: [["messages", "sample_index"]],

  detect(head) {
    const names = new Set(fieldNames(head));
    return TRAJECTORY.every((name) => names.has(name))
      ? { confidence: 0.95, reason: "keys sample_index, group_index, status, messages" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const messages = messageList(row["messages"]);
    if (messages === undefined)
      throw new Failure("missing-field", "The row has no list of messages.", "Check that it is miles'.");
    const { steps, asked } = recordedSteps(row["prompt"], messages);
    const reward = recordedNumber(row["reward"]);
    const group = wholeNumber(row["group_index"]);
    const index = wholeNumber(row["sample_index"]);
    return [
      {
        ...given("ownId", index === undefined ? undefined : String(index)),
        ...given("groupKey", group === undefined ? undefined : String(group)),
        ...placeOf(context.path),
        title: titleOf(asked ?? ""),
        task: { ...given("prompt", asked) },
        steps,
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
          components: {},
          ...endOf(row["status"]),
        },
        extra: without(row, new Set(["messages", "sample_index", "group_index", "reward", "status"])),
        notes:
          reward === null
            ? [
                {
                  code: "reward-left-out",
                  message:
                    "miles writes no reward here where it was a dict: the rollout dump of the same number has it.",
                },
              ]
            : [],
      },
    ];
  },
});

/** The token columns that miles mirrors for its dashboard: ids, mask and log-probabilities, a sample a row. */
export const milesColumns = draftedFormat({
  id: "miles-columns",
  title: "miles token columns",
  source: "radixark/miles, --dump-details, dashboard_columns/rollout_{id}.parquet",
  containers: ["parquet", "jsonl"],
  grouping: "key",
  nativeTree: false,
  needs: [["tokens", "sample_index"]],

  detect(head) {
    const names = new Set(fieldNames(head));
    return COLUMNS.every((name) => names.has(name))
      ? {
          confidence: 0.95,
          reason: "columns sample_index, tokens, response_length, loss_mask, rollout_log_probs",
        }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const ids = listOf(row["tokens"]);
    if (ids === undefined)
      throw new Failure("missing-field", "The row has no list of tokens.", "Check that it is miles'.");
    const response = wholeNumber(row["response_length"]) ?? 0;
    const prompt = ids.length - response;
    const aligned = (values: readonly JsonValue[]): Float64Array => {
      const all = new Float64Array(ids.length).fill(Number.NaN);
      all.set(float64(values.slice(0, response)), prompt);
      return all;
    };
    const mask = listOf(row["loss_mask"]);
    const logprobs = listOf(row["rollout_log_probs"]);
    const tokens: TokenColumns = {
      count: ids.length,
      ids: Int32Array.from(ids, Number),
      // Without a mask the whole response is trained.
      mask: Uint8Array.from(ids, (_, index) =>
        index < prompt ? 0 : mask === undefined ? 1 : recordedNumber(mask[index - prompt]) === 1 ? 1 : 0,
      ),
      series: logprobs?.length === response ? { logprob: aligned(logprobs) } : {},
    };
    const index = wholeNumber(row["sample_index"]);
    return [
      {
        ...given("ownId", index === undefined ? undefined : String(index)),
        groupKey: tokens.ids?.subarray(0, prompt).join(",") ?? "",
        groupGuess: "samples of one rollout whose prompt tokens are equal",
        ...placeOf(context.path),
        title: `${promptLength(tokens)} prompt tokens, ${response} more`,
        task: {},
        steps: stepsOfMask(tokens),
        tokens,
        outcome: { components: {} },
        extra: without(row, new Set(["tokens", "loss_mask", "rollout_log_probs", "sample_index"])),
        notes: [IDS_ONLY],
      },
    ];
  },
});
