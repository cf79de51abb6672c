import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import {
  isObject,
  objectOf,
  recordedNumber,
  stemNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { stepsOfFlatText } from "./turns";
import { numbersOf } from "./outcomeFields";

const MAPPED = new Set(["input", "output", "score", "step"]);
const TEMPLATE =
  /Prior to this step, you have already taken (\d+) step\(s\)|Your current observation(?: is)?:|You are now at step (\d+)/;
const TASK = /(?:Your task is to|Task|Your task is):?\s*(.+?)(?:\n|$)/;
const SAME_TASK = "rows of one training step that name the same task";

/** Steps that the prompt says were taken before this one. */
function stepsBefore(prompt: string): number {
  const match = TEMPLATE.exec(prompt);
  const taken = /already taken (\d+) step\(s\)/.exec(prompt)?.[1];
  return taken === undefined
    ? match?.[2] === undefined
      ? 0
      : Math.max(0, Number(match[2]) - 1)
    : Number(taken);
}

/** verl-agent (GiGPO) dumps: one row is one environment step; which rows make an episode is not in the file. */
export const verlAgent = draftedFormat({
  id: "verl-agent",
  title: "verl-agent steps",
  source: "langfengQ/verl-agent and forks, trainer.rollout_data_dir",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      typeof row["input"] !== "string" ||
      typeof row["output"] !== "string" ||
      !("score" in row)
    )
      return undefined;
    if (!TEMPLATE.test(row["input"])) return undefined;
    return { confidence: 0.95, reason: "verl's keys, and a prompt made by verl-agent's templates" };
  },

  drafts(record, context) {
    const row = objectOf(record);
    const input = textOf(row["input"]);
    const output = textOf(row["output"]);
    if (input === undefined || output === undefined)
      throw new Failure(
        "missing-field",
        "The row has no text input and output.",
        "A verl-agent row needs input, output and score.",
      );
    const { steps, notes } = stepsOfFlatText(input, output);
    const reward = recordedNumber(row["score"]);
    const task = TASK.exec(input)?.[1]?.trim();
    const before = stepsBefore(input);
    return [
      {
        groupKey: task ?? input,
        groupGuess: SAME_TASK,
        title: titleOf(`${task ?? "step"} · environment step ${before + 1}`),
        task: { prompt: input },
        ...given("trainingStep", wholeNumber(row["step"]) ?? stemNumber(context.path)),
        steps,
        flatText: { prompt: input, response: output },
        outcome: {
          ...(reward === undefined
            ? {}
            : { reward, rewardSource: "score: the episode's reward, repeated on each of its steps" }),
          components: numbersOf(row, MAPPED),
        },
        extra: { ...without(row, MAPPED), environment_step: before + 1 },
        notes: [
          ...notes,
          {
            code: "step-row",
            message: `One row is one environment step (here number ${before + 1}); the file does not say which rows make an episode.`,
          },
        ],
      },
    ];
  },
});
