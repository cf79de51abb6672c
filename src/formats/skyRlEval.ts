import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { stepsOfMarkedText } from "./turns";

const MAPPED = new Set(["input_prompt", "output_response", "score", "stop_reason"]);
const SAME_PROMPT = "rows of one evaluation with the same input_prompt";

/** SkyRL's evaluation dumps: special tokens kept, the score one number or one per token. */
export const skyRlEval = draftedFormat({
  id: "skyrl-eval",
  title: "SkyRL evaluation",
  source: "NovaSky-AI/SkyRL, dumped_evals/global_step_{N}_evals/{data_source}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      typeof row["input_prompt"] !== "string" ||
      typeof row["output_response"] !== "string" ||
      !("score" in row)
    )
      return undefined;
    return {
      confidence: "env_class" in row ? 0.95 : 0.6,
      reason: "keys input_prompt, output_response, score, env_class",
    };
  },

  drafts(record, context) {
    const row = objectOf(record);
    const prompt = textOf(row["input_prompt"]);
    const response = textOf(row["output_response"]);
    if (prompt === undefined || response === undefined)
      throw new Failure(
        "missing-field",
        "The row has no text input_prompt and output_response.",
        "Check that the file is a SkyRL evaluation dump.",
      );
    const { steps, notes } = stepsOfMarkedText(prompt, response);
    const score = row["score"];
    const perToken = isList(score) ? score.map((value) => recordedNumber(value) ?? Number.NaN) : undefined;
    const reward =
      perToken === undefined
        ? recordedNumber(score)
        : perToken.length === 0
          ? undefined
          : perToken.reduce((sum, value) => sum + value, 0);
    const step = /global_step_(\d+)/.exec(context.path)?.[1];
    const stopReason = textOf(row["stop_reason"]);
    const extras = isObject(row["env_extras"]) ? row["env_extras"] : {};
    const spec = isObject(extras["reward_spec"]) ? extras["reward_spec"] : {};
    return [
      {
        groupKey: prompt,
        groupGuess: SAME_PROMPT,
        title: titleOf(
          steps.findLast((one) => one.role === "user" && one.kind === "prompt")?.observation ?? prompt,
        ),
        task: { prompt, ...given("groundTruth", spec["ground_truth"]) },
        ...(step === undefined ? {} : { trainingStep: Number(step) }),
        split: "eval",
        steps,
        flatText: { prompt, response },
        outcome: {
          ...(reward === undefined
            ? {}
            : { reward, rewardSource: perToken === undefined ? "score" : "sum of score over tokens" }),
          ...given("stopReason", stopReason),
          ...(stopReason === undefined ? {} : { truncated: stopReason === "length" }),
          components: {},
        },
        extra: without(
          row,
          perToken === undefined ? MAPPED : new Set([...MAPPED].filter((key) => key !== "score")),
        ),
        notes,
      },
    ];
  },
});
