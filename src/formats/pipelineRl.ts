import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { TrajectoryDraft } from "./draft";
import { draftedFormat, given } from "./draft";
import {
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { promptLength } from "./maskedTokens";
import { numbersOf } from "./outcomeFields";
import { numberList, tokensOfLists } from "./recordedTokens";
import { stepsOfMarkedText } from "./turns";

const MAPPED = new Set([
  "text",
  "n_predicted",
  "reward",
  "logprobs",
  "ref_logprobs",
  "input_ids",
  "labels",
  "group_id",
  "finished",
]);

/** What is no target: a label of this value is not trained. */
const UNTRAINED = -100;

/** Where the last `count` characters of a text begin, counted as Python counts them: those beyond 16 bits are one, not two. */
function cutBefore(text: string, count: number): number {
  let at = text.length;
  for (let left = count; left > 0 && at > 0; left--) {
    at--;
    const low = text.charCodeAt(at);
    const high = text.charCodeAt(at - 1);
    if (low >= 0xdc00 && low <= 0xdfff && high >= 0xd800 && high <= 0xdbff) at--;
  }
  return at;
}

function draftOf(row: JsonObject): TrajectoryDraft {
  const text = textOf(row["text"]);
  const predicted = wholeNumber(row["n_predicted"]);
  if (text === undefined || predicted === undefined)
    throw new Failure(
      "missing-field",
      "The training text has no text and n_predicted.",
      "The others are shown.",
    );
  const cut = cutBefore(text, predicted);
  const prompt = text.slice(0, cut);
  const response = text.slice(cut);
  const { steps, notes } = stepsOfMarkedText(prompt, response);
  const ids = numberList(row["input_ids"]);
  const labels = numberList(row["labels"]);
  const tokens =
    ids === undefined || ids.length === 0
      ? undefined
      : tokensOfLists(
          ids,
          labels?.length === ids.length ? labels.map((label) => (label === UNTRAINED ? 0 : 1)) : undefined,
          { logprob: numberList(row["logprobs"]), ref_logprob: numberList(row["ref_logprobs"]) },
        );
  const reward = recordedNumber(row["reward"]);
  const finished = recordedFlag(row["finished"]);
  const metadata = isObject(row["metadata"]) ? row["metadata"] : {};
  const group = textOf(row["group_id"]);
  return {
    ...(group === undefined
      ? { groupKey: prompt, groupGuess: "texts of one line with the same prompt" }
      : { groupKey: group }),
    ...given("trainingStep", wholeNumber(metadata["model_version"])),
    title: titleOf(prompt),
    task: { prompt },
    steps,
    flatText: { prompt, response },
    ...given("tokens", tokens),
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
      ...(typeof finished === "boolean" ? { truncated: !finished } : {}),
      components: numbersOf(without(row, MAPPED), new Set()),
    },
    extra: without(row, MAPPED),
    notes: [
      ...notes,
      ...(tokens === undefined || tokens.mask === undefined || promptLength(tokens) > 0 || response === text
        ? []
        : [{ code: "no-prompt-tokens", message: "All tokens are trained, those of the prompt too." }]),
    ],
  };
}

/** PipelineRL's stream from actors to the trainer: a line is a group, the list of its training texts. */
export const pipelineRl = draftedFormat({
  id: "pipeline-rl",
  title: "PipelineRL training texts",
  source: "ServiceNow/PipelineRL, streams/actor/*.jsonl with the file system as streams' backend",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const value = head.firstRecord;
    const row = isList(value) ? value[0] : value;
    return isObject(row) &&
      ["text", "n_predicted", "reward", "input_ids", "labels"].every((name) => name in row)
      ? { confidence: 0.95, reason: "texts with n_predicted, reward, input_ids, labels" }
      : undefined;
  },

  drafts(record) {
    const value = record.kind === "value" ? record.value : null;
    const rows = isList(value) ? value : [value];
    return rows.map((row) => draftOf(isObject(row) ? row : {}));
  },
});
