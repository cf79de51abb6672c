import { Failure } from "../model/failure";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { recordedNumber, stemNumber, titleOf } from "./jsonFields";

/** The line that begins a sample; agents leave out how many samples there are. */
const SAMPLE = /^idx: (\d+)(?: \/ (\d+))?, seqlen: (\d+), reward is (.*?)\.?\r?\nprompt is ?\r?\n/gm;
const BETWEEN = /\r?\nsequence is: ?\r?\n/;
/** The texts are coloured for a terminal; the colours' end also tells where a text ends. */
const COLOURS = "\u001b[33m\u001b[2m";
const PLAIN = "\u001b[0m";

interface Sample {
  readonly index: number;
  readonly length: number;
  readonly reward: string;
  readonly prompt: string;
  readonly completion: string;
}

const uncoloured = (text: string): string => {
  const inner = text.startsWith(COLOURS) ? text.slice(COLOURS.length) : text;
  const end = inner.lastIndexOf(PLAIN);
  return text.startsWith(COLOURS) && end >= 0 ? inner.slice(0, end) : inner.replace(/\r?\n$/, "");
};

function samplesOf(text: string): readonly Sample[] {
  const starts = [...text.matchAll(SAMPLE)];
  return starts.flatMap((start, index): Sample[] => {
    const block = text.slice(start.index + start[0].length, starts[index + 1]?.index ?? text.length);
    // Where the texts are coloured, a prompt that holds such a line itself does not end there.
    const coloured = block.indexOf(`${PLAIN}\nsequence is: `);
    const from = coloured < 0 ? 0 : coloured + PLAIN.length;
    const between = BETWEEN.exec(block.slice(from));
    if (between === null) return [];
    const at = from + between.index;
    return [
      {
        index: Number(start[1]),
        length: Number(start[3]),
        reward: start[4] ?? "",
        prompt: uncoloured(block.slice(0, at)),
        completion: uncoloured(block.slice(at + between[0].length)),
      },
    ];
  });
}

/** Folder of the weight versions that a path lies in; undefined where its folder is called otherwise. */
const VERSION = /^(.*)[/\\](\d+)[/\\][^/\\]+$/s;

/** AReaL's rollouts of before 2026: a text a prompt and weight version, with one block a sample. */
export const arealText = draftedFormat({
  id: "areal-text",
  title: "AReaL rollouts as text",
  source: "inclusionAI/AReaL before 2026, generated/{version}/{id}.txt",
  containers: ["text"],
  grouping: "key",
  nativeTree: false,

  datasetPath: (path) => VERSION.exec(path)?.[1],

  detect(head) {
    const text = head.text ?? "";
    const start = new RegExp(SAMPLE.source).exec(text);
    return start !== null && text.slice(0, start.index).trim() === ""
      ? { confidence: 0.95, reason: "blocks of idx, seqlen, reward, prompt and sequence" }
      : undefined;
  },

  drafts(record, context) {
    const text = record.kind === "value" && typeof record.value === "string" ? record.value : "";
    const samples = samplesOf(text);
    if (samples.length === 0)
      throw new Failure(
        "missing-field",
        "The text has no block with a prompt and a sequence.",
        "Check that it is AReaL's; it may still be written.",
      );
    const id =
      context.path
        .split(/[/\\]/)
        .at(-1)
        ?.replace(/\.txt$/, "") ?? "";
    const version = VERSION.exec(context.path)?.[2];
    return samples.flatMap(({ index, length, reward, prompt, completion }): TrajectoryDraft[] => {
      const draft = completionDraft(prompt, completion);
      if (draft === undefined) return [];
      const number = recordedNumber(reward);
      return [
        {
          ...draft,
          title: titleOf(draft.steps.find((step) => step.role === "user")?.observation ?? prompt),
          groupKey: id,
          task: { ...draft.task, id },
          ...given("trainingStep", version === undefined ? undefined : stemNumber(version)),
          outcome: {
            ...(number === undefined ? {} : { reward: number, rewardSource: "reward" }),
            components: {},
          },
          extra: { idx: index, seqlen: length, ...(number === undefined ? { reward } : {}) },
        },
      ];
    });
  },
});
