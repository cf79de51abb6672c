import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import { parseJson } from "./jsonText";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { recordedNumber } from "./jsonFields";

const STEP = /^#{1,4}\s*=*\s*(?:rollout\s+)?step\s+(\d+)\b.*$/gim;
const SAMPLE = /^#{1,5}\s*sample\s+(\d+)\s*$/gim;
/** A field begins with its name in bold at the start of a line. */
const FIELD = /^\*\*([A-Za-z][A-Za-z ]*):\*\*[ \t]*/gm;
const OUTPUTS = ["completion", "response", "output"] as const;

interface Section {
  readonly number: number;
  readonly body: string;
}

function sections(text: string, heading: RegExp): readonly Section[] {
  const starts = [...text.matchAll(heading)];
  return starts.map((start, index) => ({
    number: Number(start[1]),
    body: text.slice(start.index + start[0].length, starts[index + 1]?.index ?? text.length),
  }));
}

function fieldsOf(body: string): ReadonlyMap<string, string> {
  const starts = [...body.matchAll(FIELD)];
  return new Map(
    starts.map((start, index) => [
      (start[1] ?? "").toLowerCase(),
      body
        .slice(start.index + start[0].length, starts[index + 1]?.index ?? body.length)
        .replace(/\r?\n\r?\n$/, ""),
    ]),
  );
}

/** `accuracy=1.000, total=3.000` */
function pairs(text: string): Readonly<Record<string, number | null>> {
  const numbers: Record<string, number | null> = {};
  for (const [, name, value] of text.matchAll(/([A-Za-z_][\w ]*?)\s*=\s*([^,\s]+)/g)) {
    const number = recordedNumber(value);
    if (name !== undefined && number !== undefined) numbers[name] = number;
  }
  return numbers;
}

function jsonIn(text: string): JsonValue | undefined {
  const block = /```json\s*([\s\S]*?)```/.exec(text)?.[1];
  try {
    return block === undefined ? undefined : parseJson(block);
  } catch {
    return undefined;
  }
}

const outputOf = (fields: ReadonlyMap<string, string>): string | undefined =>
  OUTPUTS.map((name) => fields.get(name)).find((text) => text !== undefined);

/** Rollouts that a trainer logged as Markdown: a heading for each step, under it samples with prompt, completion, rewards. */
export const markdownRollouts = draftedFormat({
  id: "markdown-rollouts",
  title: "Rollouts in Markdown",
  source:
    "TRL forks' rollout_results.md: headings by step and sample, fields in bold (Prompt, Completion, Rewards)",
  containers: ["text"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const [sample] = sections(head.text ?? "", SAMPLE);
    const fields = sample === undefined ? undefined : fieldsOf(sample.body);
    return fields !== undefined && fields.has("prompt") && outputOf(fields) !== undefined
      ? { confidence: 0.9, reason: "samples in Markdown with Prompt and Completion" }
      : undefined;
  },

  drafts(record) {
    const text = record.kind === "value" && typeof record.value === "string" ? record.value : "";
    const steps = sections(text, STEP);
    const parts: readonly { readonly step: number | undefined; readonly body: string }[] =
      steps.length === 0
        ? [{ step: undefined, body: text }]
        : steps.map(({ number, body }) => ({ step: number, body }));
    const drafts = parts.flatMap(({ step, body }) =>
      sections(body, SAMPLE).flatMap((sample): TrajectoryDraft[] => {
        const fields = fieldsOf(sample.body);
        const prompt = fields.get("prompt");
        const output = outputOf(fields);
        const draft =
          prompt === undefined || output === undefined ? undefined : completionDraft(prompt, output);
        if (prompt === undefined || draft === undefined) return [];
        const rewards = pairs(fields.get("rewards") ?? fields.get("reward") ?? "");
        const single = recordedNumber(fields.get("reward")?.trim() ?? undefined);
        const total = ["total", "total_reward", "reward"].find((name) => name in rewards);
        const reward = total === undefined ? single : rewards[total];
        const metrics = jsonIn(sample.body);
        const truth = fields.get("solution") ?? fields.get("ground truth") ?? fields.get("answer");
        return [
          {
            ...draft,
            ownId: `${step ?? 0}:${sample.number}`,
            groupKey: prompt,
            groupGuess: "samples of one step with the same prompt",
            task: { ...draft.task, ...given("groundTruth", truth?.trim()) },
            ...given("trainingStep", step),
            outcome: {
              ...(reward === undefined
                ? {}
                : { reward, rewardSource: total === undefined ? "Reward" : `Rewards: ${total}` }),
              components: Object.fromEntries(Object.entries(rewards).filter(([name]) => name !== total)),
            },
            extra: metrics === undefined ? {} : { metrics },
          },
        ];
      }),
    );
    if (drafts.length === 0)
      throw new Failure(
        "missing-field",
        "The text has no sample with a prompt and a completion.",
        "Check its headings.",
      );
    return drafts;
  },
});
