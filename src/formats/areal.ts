import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedNumber, textOf, titleOf, wholeNumber, without } from "./jsonFields";
import { stepsOfMarkedText } from "./turns";

const MAPPED = new Set(["prompt", "completion", "reward"]);

/** AReaL's rollout dumps: one file a task and weight version, one row a sample, special tokens kept. */
export const areal = draftedFormat({
  id: "areal",
  title: "AReaL rollouts",
  source: "inclusionAI/AReaL, rollout.dump_to_file ({rollout|eval-rollout}/{version}/{task_id}.jsonl)",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  // Tasks may be named by anything: the files of all tasks under the folders of weight versions are one run.
  datasetPath: (path) => /^(.*)[/\\]\d+[/\\][^/\\]+$/s.exec(path)?.[1],

  detect(head) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      !["seqlen", "prompt", "completion"].every((key) => key in row) ||
      ["task_id", "sample_idx", "prompt_len", "head_version", "tail_version"].filter((key) => key in row)
        .length < 3
    )
      return undefined;
    return { confidence: 0.95, reason: "keys task_id, sample_idx, seqlen, head_version, tail_version" };
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["prompt"]);
    const completion = textOf(row["completion"]);
    if (prompt === undefined || completion === undefined)
      throw new Failure(
        "missing-field",
        "The row has no text prompt and completion.",
        "Check that the file is an AReaL rollout dump.",
      );
    const { steps, notes } = stepsOfMarkedText(prompt, completion);
    const reward = recordedNumber(row["reward"]);
    const taskId = row["task_id"];
    const version = wholeNumber(row["tail_version"]);
    const sample = row["sample_idx"];
    return [
      {
        ownId: `${String(taskId)}:${String(sample)}`,
        groupKey: `${String(taskId)}`,
        title: titleOf(steps.find((step) => step.role === "user")?.observation ?? prompt),
        task: { id: String(taskId), prompt },
        ...given("trainingStep", version),
        steps,
        flatText: { prompt, response: completion },
        outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "reward" }), components: {} },
        extra: without(row, MAPPED),
        notes: [
          ...notes,
          ...(steps.filter((step) => step.role === "user").length > 1
            ? [
                {
                  code: "lossy-turns",
                  message:
                    "In multi-turn runs AReaL cuts prompt from completion by counting trained tokens, so text between turns may stand on the wrong side.",
                },
              ]
            : []),
        ],
      },
    ];
  },
});
