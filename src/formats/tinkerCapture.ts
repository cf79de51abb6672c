import { Failure } from "../model/failure";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isObject, listOf, objectOf, textOf, wholeNumber, without } from "./jsonFields";
import { stepsOfMask } from "./maskedTokens";
import { numberList, tokensOfLists } from "./recordedTokens";
import { IDS_ONLY } from "./tokenRollouts";

const MAPPED = new Set(["prompt_tokens", "samples", "kind"]);

const word = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;

/** Calls of the sampling client that tinker-cookbook's capture records: a line a call, with all its samples as token ids. */
export const tinkerCapture = draftedFormat({
  id: "tinker-capture",
  title: "tinker-cookbook captured samples",
  source: "thinking-machines-lab/tinker-cookbook, capture/sample.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  needs: [
    ["samples", "scope"],
    ["scope", "error"],
    ["scope", "status"],
  ],

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && row["kind"] === "sample" && isObject(row["scope"]) && "num_samples" in row
      ? { confidence: 0.95, reason: "records of kind sample with scope and num_samples" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const samples = listOf(row["samples"]) ?? [];
    if (samples.length === 0)
      throw new Failure(
        "failed-call",
        `The call gave no samples${textOf(row["error"]) === undefined ? "" : ` (${textOf(row["error"])?.slice(0, 120) ?? ""})`}.`,
        "The others are shown.",
      );
    const scope = isObject(row["scope"]) ? row["scope"] : {};
    const prompt = numberList(row["prompt_tokens"]) ?? [];
    const split = textOf(scope["split"]);
    const group = word(scope["group_idx"]);
    const trajectory = word(scope["traj_idx"]);
    return samples.map((value, index): TrajectoryDraft => {
      const sample = isObject(value) ? value : {};
      const ids = numberList(sample["tokens"]) ?? [];
      const tokens = tokensOfLists([...prompt, ...ids], [...prompt.map(() => 0), ...ids.map(() => 1)], {
        logprob: numberList(sample["logprobs"]),
      });
      const stop = textOf(sample["stop_reason"]);
      const call = word(row["seq_id"]);
      return {
        ...given("ownId", call === undefined ? undefined : `${call}:${index}`),
        ...(group === undefined
          ? { groupKey: prompt.join(","), groupGuess: "samples of one iteration with the same prompt tokens" }
          : { groupKey: `${split ?? ""}/${group}` }),
        ...given("trainingStep", wholeNumber(scope["iteration"])),
        ...given("split", split),
        title: `${trajectory === undefined ? "" : `trajectory ${trajectory}: `}${prompt.length} prompt tokens, ${ids.length} more`,
        task: {},
        steps: stepsOfMask(tokens),
        tokens,
        outcome: {
          components: {},
          ...given("stopReason", stop),
          ...(stop === undefined ? {} : { truncated: /length/.test(stop) }),
        },
        extra: {
          ...without(row, MAPPED),
          ...without(sample, new Set(["tokens", "logprobs", "stop_reason"])),
        },
        notes: [
          IDS_ONLY,
          {
            code: "one-call",
            message:
              "A record is one call of the sampling client: of several turns each is a trajectory by itself.",
          },
        ],
      };
    });
  },
});
