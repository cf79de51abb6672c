import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  listOf,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { stepsOfMask } from "./maskedTokens";
import { numberList, stepInName, tokensOfLists } from "./recordedTokens";
import { stepsOfMarkedText } from "./turns";

const MAPPED = new Set([
  "state_text",
  "action_text",
  "state_dict",
  "state_dicts",
  "metrics",
  "status",
  "sample",
  "turn",
]);

/** Numbers of a sample's metrics, which are lists with a number a turn: the last one stands, sums and means are not made up. */
function metricsOf(metrics: JsonObject): Record<string, number | null> {
  const components: Record<string, number | null> = {};
  for (const [name, values] of Object.entries(metrics)) {
    const number = recordedNumber(listOf(values)?.at(-1));
    if (number !== undefined && name !== "rewards") components[name] = number;
  }
  return components;
}

function draftOf(row: JsonObject, path: string): TrajectoryDraft {
  const state = textOf(row["state_text"]);
  const action = textOf(row["action_text"]);
  if (state === undefined || action === undefined)
    throw new Failure(
      "missing-field",
      "The sample has no state_text and action_text.",
      "The others are shown.",
    );
  // A trajectory whose context was rewritten holds several sequences: the last one is shown with its tokens.
  const sequences = (listOf(row["state_dicts"]) ?? []).filter(isObject);
  const last = sequences.at(-1) ?? (isObject(row["state_dict"]) ? row["state_dict"] : {});
  const ids = numberList(last["states"]);
  const tokens =
    ids === undefined
      ? undefined
      : tokensOfLists(ids, numberList(last["action_mask"]), {
          logprob: numberList(last["logps"]),
          reward: numberList(last["rewards"]),
        });
  const metrics = isObject(row["metrics"]) ? row["metrics"] : {};
  const reward = recordedNumber(listOf(metrics["rewards"])?.at(-1));
  const sample = isObject(row["sample"]) ? row["sample"] : {};
  const { steps, notes } = stepsOfMarkedText(state, action);
  const status = textOf(row["status"]);
  const truth = ["answer", "label", "ground_truth"].find((name) => sample[name] !== undefined);
  return {
    groupKey: JSON.stringify(sample),
    groupGuess: "samples of one step with the same row of the dataset",
    ...given("trainingStep", stepInName(path)),
    title: titleOf(state),
    task: { prompt: state, ...given("groundTruth", truth === undefined ? undefined : sample[truth]) },
    steps: steps.length === 0 && tokens !== undefined ? stepsOfMask(tokens) : steps,
    flatText: { prompt: state, response: action },
    ...given("tokens", tokens),
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "metrics.rewards" }),
      ...given("stopReason", status),
      components: { ...metricsOf(metrics), ...given("turn", wholeNumber(row["turn"])) },
    },
    extra: { ...without(row, MAPPED), sample },
    notes: [
      ...notes,
      ...(sequences.length > 1
        ? [
            {
              code: "rewritten-context",
              message: `The context was rewritten in between: the last of ${sequences.length} sequences is shown.`,
            },
          ]
        : []),
    ],
  };
}

/** RL2's samples: a line is the list of a step's samples. */
export const rl2 = draftedFormat({
  id: "rl2",
  title: "RL2 rollouts",
  source: "ChenmienTan/RL2, save_dir, step{N}.jsonl",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const value = head.firstRecord;
    const row = isList(value) ? value[0] : value;
    return isObject(row) &&
      ["state_text", "action_text", "state_dict", "metrics"].every((name) => name in row)
      ? { confidence: 0.95, reason: "samples with state_text, action_text, state_dict, metrics" }
      : undefined;
  },

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    return (isList(value) ? value : [value]).map((row) => draftOf(isObject(row) ? row : {}, context.path));
  },
});
