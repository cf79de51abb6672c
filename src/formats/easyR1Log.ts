import { Failure } from "../model/failure";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { recordedNumber } from "./jsonFields";

const BLOCK = /^\[prompt\] ?/gm;

interface Generation {
  readonly prompt: string;
  readonly output: string;
  readonly truth: string | undefined;
  readonly score: string | undefined;
}

/** A block's parts: the first `[output]` after the prompt, and the last `[ground_truth]` and `[score]`, since models may print such lines. */
function generationOf(block: string): Generation | undefined {
  const output = /\n\[output\] ?/.exec(block);
  if (output === null) return undefined;
  const rest = block.slice(output.index + output[0].length);
  const scoreAt = rest.lastIndexOf("\n[score]");
  const beforeScore = scoreAt < 0 ? rest : rest.slice(0, scoreAt);
  const truthAt = beforeScore.lastIndexOf("\n[ground_truth]");
  return {
    prompt: block.slice(0, output.index),
    output: (truthAt < 0 ? beforeScore : beforeScore.slice(0, truthAt)).trimEnd(),
    truth: truthAt < 0 ? undefined : beforeScore.slice(truthAt + "\n[ground_truth]".length).trim(),
    score:
      scoreAt < 0
        ? undefined
        : rest
            .slice(scoreAt + "\n[score]".length)
            .trim()
            .split("\n", 1)[0],
  };
}

function blocksOf(text: string): readonly string[] {
  const starts = [...text.matchAll(BLOCK)];
  return starts.map((start, index) =>
    text.slice(start.index + start[0].length, starts[index + 1]?.index ?? text.length),
  );
}

/** EasyR1's `generations.log`: blocks of text, one a validation sample. */
export const easyR1Log = draftedFormat({
  id: "easyr1-log",
  title: "EasyR1 generations",
  source: "hiyouga/EasyR1, {save_checkpoint_path}/generations.log",
  containers: ["text"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const text = head.text ?? "";
    return /^\s*\[prompt\]/.test(text) && /\n\[output\]/.test(text)
      ? { confidence: 0.95, reason: "blocks of [prompt], [output], [ground_truth], [score]" }
      : undefined;
  },

  drafts(record) {
    const text = record.kind === "value" && typeof record.value === "string" ? record.value : "";
    const drafts = blocksOf(text).flatMap((block): TrajectoryDraft[] => {
      const generation = generationOf(block);
      const draft =
        generation === undefined ? undefined : completionDraft(generation.prompt, generation.output);
      if (generation === undefined || draft === undefined) return [];
      const reward = recordedNumber(generation.score);
      return [
        {
          ...draft,
          groupKey: generation.prompt,
          groupGuess: "blocks with the same prompt; the log does not say which step they are of",
          task: { ...draft.task, ...given("groundTruth", generation.truth) },
          outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "[score]" }), components: {} },
          extra: reward === undefined && generation.score !== undefined ? { score: generation.score } : {},
        },
      ];
    });
    if (drafts.length === 0)
      throw new Failure(
        "missing-field",
        "The text has no block with a prompt and an output.",
        "Check that it is EasyR1's generations.log.",
      );
    return drafts;
  },
});
