import { Failure } from "../model/failure";
import type { PlainValue } from "../model/plain";
import { draftedFormat, given } from "./draft";
import { promptLength, sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { fieldsOf, isPlainList, plainNumber } from "./plainFields";
import { detectSamples, restOf, sampleOf, samplesOf, trainingStepOf } from "./slimeSamples";
import { slimeTokens, TOKEN_FIELDS } from "./slimeTokens";

const TRAIN_FIELDS = new Set([...TOKEN_FIELDS, "sample_index", "rollout_position", "rewards", "truncated"]);

/** slime's training dumps by themselves: tokens and numbers, no text. */
export const slimeTrain = draftedFormat({
  id: "slime-train",
  title: "slime training data",
  source: "THUDM/slime and radixark/miles, --save-debug-train-data or --dump-details, train_data/{id}.pt",
  containers: ["pickle"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",
  plainRecords: trainRecords,

  detect(head) {
    const found = detectSamples(head, ["rollout_position", "tokens", "response_lengths"], 0.95);
    if (found !== undefined) return found;
    const columns = fieldsOf(fieldsOf(head.plain)?.get("rollout_data"));
    if (columns?.has("tokens") !== true || !columns.has("response_lengths")) return undefined;
    return { confidence: 0.9, reason: "a dict rollout_data with tokens and response_lengths" };
  },

  drafts(record, context) {
    const sample = sampleOf(record);
    const { fields, file } = sample;
    const tokens = slimeTokens(fields, undefined);
    if (tokens === undefined)
      throw new Failure("missing-field", "The sample has no tokens.", "The other samples are shown.");
    const position = plainNumber(fields.get("rollout_position"));
    const rewards = file.get("raw_reward");
    const raw =
      isPlainList(rewards) && typeof position === "number" ? plainNumber(rewards[position]) : undefined;
    const normalised = plainNumber(fields.get("rewards"));
    const truncated = plainNumber(fields.get("truncated"));
    const index = plainNumber(fields.get("sample_index"));
    const prompt = promptLength(tokens);
    return [
      {
        ...(typeof index === "number" ? { ownId: String(index) } : {}),
        groupKey: tokens.ids?.subarray(0, prompt).join(",") ?? "",
        groupGuess: "samples of one rollout whose prompt tokens are equal",
        ...given("trainingStep", trainingStepOf(file, context.path)),
        title: `${prompt} prompt tokens, ${tokens.count - prompt} more`,
        task: {},
        steps: stepsOfMask(tokens),
        tokens,
        outcome: {
          ...given("reward", raw),
          ...(raw === undefined ? {} : { rewardSource: "raw_reward" }),
          ...(truncated === 1 || truncated === 0 ? { truncated: truncated === 1 } : {}),
          components: normalised === undefined ? {} : { normalised_reward: normalised },
        },
        ...given("advantage", sharedAdvantage(tokens)),
        extra: restOf(fields, TRAIN_FIELDS),
        notes: [
          {
            code: "no-text",
            message:
              "A training dump holds ids and numbers, no text: its steps are the runs of the loss mask. The rollout dump beside it has the texts.",
          },
        ],
      },
    ];
  },
});

/** Samples, or the rows of the columns that older versions wrote. */
function trainRecords(value: PlainValue): readonly PlainValue[] {
  const samples = samplesOf(value);
  if (samples.length > 0) return samples;
  const file = fieldsOf(value);
  const columns = fieldsOf(file?.get("rollout_data"));
  const tokens = columns?.get("tokens");
  if (file === undefined || columns === undefined || !isPlainList(tokens)) return [];
  const rest = new Map([...file].filter(([key]) => key !== "rollout_data"));
  return tokens.map((_, row) => {
    const sample = new Map<PlainValue, PlainValue>();
    for (const [name, column] of columns)
      if (isPlainList(column) && column.length === tokens.length) sample.set(name, column[row] as PlainValue);
    return new Map<PlainValue, PlainValue>([
      ["sample", sample],
      ["position", row],
      ["file", rest],
    ]);
  });
}
