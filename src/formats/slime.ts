import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { Note, Outcome, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { RecordContext } from "./format";
import { isList, isObject, titleOf } from "./jsonFields";
import { sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { recordedSteps } from "./miles";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { fieldsOf, isPlainList, jsonOf, plainNumber } from "./plainFields";
import {
  detectSamples,
  restOf,
  sampleOf,
  samplesOf,
  stemOf,
  trainingStepOf,
  type Sample,
} from "./slimeSamples";
import { slimeTokens, TOKEN_FIELDS } from "./slimeTokens";
import { stepsOfMarkedText } from "./turns";

type Fields = ReadonlyMap<string, PlainValue>;

const ROLLOUT_FIELDS = new Set([
  ...TOKEN_FIELDS,
  "group_index",
  "index",
  "prompt",
  "response",
  "label",
  "reward",
  "status",
]);

/** miles writes one training file a rank. */
const MOST_RANKS = 64;

/** The sample of the training dump with the same place in the rollout. */
function trainSampleOf(
  { fields, position }: Sample,
  { plainCompanions }: RecordContext,
): { readonly sample: Fields; readonly rawReward: number | null | undefined } | undefined {
  for (const value of plainCompanions?.values() ?? []) {
    const file = fieldsOf(value);
    const samples = file?.get("samples");
    if (file === undefined || !isPlainList(samples)) continue;
    for (const one of samples) {
      const sample = fieldsOf(one);
      if (sample === undefined || plainNumber(sample.get("rollout_position")) !== position) continue;
      const index = plainNumber(fields.get("index"));
      // Another run's dump of the same number is not this sample's.
      if (
        typeof index === "number" &&
        sample.has("sample_index") &&
        plainNumber(sample.get("sample_index")) !== index
      )
        continue;
      const rewards = file.get("raw_reward");
      return { sample, rawReward: isPlainList(rewards) ? plainNumber(rewards[position]) : undefined };
    }
  }
  return undefined;
}

/** Reward of a sample: a number, or a dict of which slime's `--reward-key` picks one. */
function outcomeOf(
  fields: Fields,
  rawReward: number | null | undefined,
): { readonly outcome: Outcome; readonly notes: readonly Note[] } {
  const recorded = fields.get("reward");
  const status = fields.get("status");
  const end = {
    ...(typeof status === "string" ? { stopReason: status } : {}),
    ...(status === "truncated" ? { truncated: true } : status === "completed" ? { truncated: false } : {}),
  };
  const parts = fieldsOf(recorded);
  if (parts === undefined)
    return {
      outcome: {
        ...given("reward", plainNumber(recorded)),
        ...(recorded === undefined ? {} : { rewardSource: "reward" }),
        components: {},
        ...end,
      },
      notes: [],
    };
  const components: Record<string, number | null> = {};
  for (const [name, value] of parts) {
    const number = plainNumber(value);
    if (number !== undefined) components[name] = number;
  }
  if (rawReward !== undefined)
    return {
      outcome: { reward: rawReward, rewardSource: "raw_reward of the training dump", components, ...end },
      notes: [],
    };
  const names = Object.keys(components);
  const picked = names.length === 1 ? names[0] : ["score", "reward"].find((name) => name in components);
  if (picked === undefined)
    return {
      outcome: { components, ...end },
      notes: [
        {
          code: "reward-key",
          message:
            "The reward is a dict, and the file does not say which part --reward-key picked: no total is shown.",
        },
      ],
    };
  return {
    outcome: { ...given("reward", components[picked]), rewardSource: `reward.${picked}`, components, ...end },
    notes: [
      {
        code: "reward-key",
        message: `The reward is a dict; its part "${picked}" is taken as the total (guess: the file does not name --reward-key).`,
      },
    ],
  };
}

function textSteps(
  prompt: JsonValue,
  response: string,
): { readonly steps: readonly Step[]; readonly notes: readonly Note[]; readonly asked: string } {
  if (typeof prompt === "string") return { ...stepsOfMarkedText(prompt, response), asked: prompt };
  const messages = messageList(prompt) ?? [];
  const before = messageSteps(messages, messages.length);
  const { steps, notes } = stepsOfMarkedText("", response);
  return {
    steps: [...before, ...steps.map((step) => ({ ...step, index: step.index + before.length }))],
    notes,
    asked: promptOfMessages(messages) ?? "",
  };
}

/** Prompts may be long lists of messages, which `jsonOf` would shorten. */
function fullJson(value: PlainValue | undefined): JsonValue {
  if (value instanceof Map)
    return Object.fromEntries(
      [...value].map(([key, item]) => [String(key as string), fullJson(item as PlainValue)]),
    );
  if (isPlainList(value)) return value.map(fullJson);
  return value === undefined ? null : jsonOf(value);
}

const JOINED_CONVERSATION: Note = {
  code: "joined-conversation",
  message: "The turns come from the conversation that was recorded beside the dump, joined by sample_index.",
};

/** The conversation of a sample, which miles keeps in a file beside the dump. */
function conversationOf(fields: Fields, { companions }: RecordContext): readonly JsonObject[] | undefined {
  const index = plainNumber(fields.get("index"));
  for (const file of companions?.values() ?? [])
    for (const row of isList(file) ? file : [file])
      if (isObject(row) && typeof index === "number" && row["sample_index"] === index)
        return messageList(row["messages"]);
  return undefined;
}

/** slime's and miles' rollout dumps; numbers of the training dump beside it are joined by the place in the rollout. */
export const slimeRollout = draftedFormat({
  id: "slime-rollout",
  title: "slime rollout",
  source: "THUDM/slime and radixark/miles, --save-debug-rollout-data or --dump-details, rollout_data/{id}.pt",
  containers: ["pickle"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",
  plainRecords: samplesOf,

  detect: (head) =>
    detectSamples(head, ["group_index", "tokens", "response", "response_length", "reward"], 0.95),

  companions(path) {
    const stem = stemOf(path);
    return /^(?:eval_)?\d+$/.test(stem) ? [`../trajectory/${stem}.jsonl`] : [];
  },

  plainCompanions(path) {
    const stem = stemOf(path);
    if (!/^\d+$/.test(stem)) return [];
    return [
      `../train_data/${stem}.pt`,
      ...Array.from({ length: MOST_RANKS }, (_, rank) => `../train_data/${stem}_${rank}.pt`),
    ];
  },

  drafts(record, context) {
    const sample = sampleOf(record);
    const { fields, file } = sample;
    const train = trainSampleOf(sample, context);
    const tokens = slimeTokens(fields, train?.sample);
    const response = fields.get("response");
    const prompt = fullJson(fields.get("prompt"));
    const messages = conversationOf(fields, context);
    const recorded = messages === undefined ? undefined : recordedSteps(prompt, messages);
    const { steps, notes, asked } =
      recorded !== undefined
        ? { steps: recorded.steps, notes: [JOINED_CONVERSATION], asked: recorded.asked ?? "" }
        : typeof response === "string" && (typeof prompt === "string" || isList(prompt))
          ? textSteps(prompt, response)
          : { steps: tokens === undefined ? [] : stepsOfMask(tokens), notes: [], asked: "" };
    const { outcome, notes: rewardNotes } = outcomeOf(fields, train?.rawReward);
    const group = plainNumber(fields.get("group_index"));
    const index = plainNumber(fields.get("index"));
    const label = fields.get("label");
    const draft: TrajectoryDraft = {
      ...(typeof index === "number" ? { ownId: String(index) } : {}),
      ...(typeof group === "number" ? { groupKey: String(group) } : {}),
      ...given("trainingStep", trainingStepOf(file, context.path)),
      ...(/^eval/.test(stemOf(context.path)) || String(file.get("rollout_id") as string).startsWith("eval")
        ? { split: "eval" }
        : {}),
      title: titleOf(asked),
      task: {
        ...(asked === "" ? {} : { prompt: asked }),
        ...(label === undefined ? {} : { groundTruth: jsonOf(label) }),
      },
      steps,
      ...(typeof prompt === "string" && typeof response === "string"
        ? { flatText: { prompt, response } }
        : {}),
      ...given("tokens", tokens),
      outcome,
      ...given("advantage", tokens === undefined ? undefined : sharedAdvantage(tokens)),
      extra: {
        ...restOf(fields, ROLLOUT_FIELDS),
        ...(train === undefined ? {} : { train: restOf(train.sample, new Set([...TOKEN_FIELDS])) }),
      },
      notes: [
        ...notes,
        ...rewardNotes,
        ...(train === undefined
          ? []
          : [
              {
                code: "joined-train-data",
                message:
                  "Advantages, returns and the trainer's log-probabilities come from the training dump of the same rollout, joined by rollout_position.",
              },
            ]),
      ],
    };
    return [draft];
  },
});
