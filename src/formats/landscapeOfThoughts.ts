import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, recordedFlag, textOf, titleOf, without } from "./jsonFields";

/** Thoughts of Landscape of Thoughts: several sampled chains for one question, sentence by sentence. */
export const landscapeOfThoughts = draftedFormat({
  id: "landscape-of-thoughts",
  title: "Landscape of Thoughts samples",
  source: "tmlr-group/landscape-of-thoughts, thoughts/*.json (trial_thoughts)",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const trial = isObject(row) && isList(row["trial_thoughts"]) ? row["trial_thoughts"][0] : undefined;
    return isList(trial) && isList(trial[0])
      ? { confidence: 0.95, reason: "trial_thoughts of sentences, answer and verdict" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["model_input"]) ?? "";
    const trials = isList(row["trial_thoughts"]) ? row["trial_thoughts"].filter(isList) : [];
    return trials.map((trial, index): TrajectoryDraft => {
      const thoughts = isList(trial[0]) ? trial[0] : [];
      const answer = textOf(trial[1]);
      const success = recordedFlag(trial[2]);
      const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
      for (const thought of thoughts)
        steps.push({
          index: steps.length,
          role: "assistant",
          kind: "think",
          action: `${textOf(thought) ?? ""}\n`,
        });
      if (answer !== undefined && answer !== "")
        steps.push({ index: steps.length, role: "assistant", kind: "answer", action: answer });
      return {
        ownId: `trial ${index}`,
        groupKey: "trials",
        title: titleOf(prompt),
        task: { prompt, ...given("groundTruth", row["answer_gt_short"]) },
        steps,
        outcome: {
          ...(success === undefined ? {} : { success }),
          ...(answer === "" ? { stopReason: "no answer" } : {}),
          components: {},
        },
        extra: without(row, new Set(["trial_thoughts", "model_input"])),
        notes: [],
      };
    });
  },
});
