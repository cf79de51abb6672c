import { binary, call, symbol } from "../expression";
import type { JsonValue } from "../../model/json";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { SignalContext } from "../signal";

/** Dimensions of FLR, each with satisfied and dissatisfied follow-up sentences. */
const followUpDimensions = [
  "understanding",
  "relevance",
  "correctness",
  "engagingness",
  "informativeness",
  "following",
] as const;

/** Scores of the follow-up sentences of one dimension. */
export interface FollowUpScores {
  readonly dimension: string;
  readonly positive: ArrayLike<number>;
  readonly negative: ArrayLike<number>;
}

const meanOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Mean positive minus mean negative score of a dimension; NaN where one side has no sentence. */
function followUpDifference({ positive, negative }: FollowUpScores): number {
  return meanOf(positive) - meanOf(negative);
}

/** Reward of a response: the mean over dimensions of the differences (own reading; the repository never combines). */
function followUpReward(dimensions: readonly FollowUpScores[]): number {
  return meanOf(dimensions.map(followUpDifference));
}

const numbers = (value: JsonValue | undefined): readonly number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number")
    ? (value as readonly number[])
    : undefined;

/**
 * Scores that a model gave (arrays `followup.<kind>.<dimension>.positive` and `.negative`), or those of the file, whose
 * writer misspells `positve`.
 */
function scoresOf(context: SignalContext, kind: string): readonly FollowUpScores[] {
  const arrays = context.inputs?.arrays ?? {};
  const side = (dimension: string, polarity: string): ArrayLike<number> | undefined =>
    arrays[`followup.${kind}.${dimension}.${polarity}`]?.data;
  const given = followUpDimensions.flatMap((dimension) => {
    // A language model's answers hold all sentences of a question in one row, the positive ones first.
    const answers = arrays[`${dimension}:follow_up_${kind === "logit" ? "logit" : "logprob"}`];
    const row = answers && answers.rows > 0 && answers.width % 2 === 0 ? rowsOf(answers).at(-1) : undefined;
    const half = row ? row.length / 2 : 0;
    const positive = side(dimension, "positive") ?? row?.subarray(0, half);
    const negative = side(dimension, "negative") ?? row?.subarray(half);
    return positive && negative ? [{ dimension, positive, negative }] : [];
  });
  if (given.length > 0 || kind !== "logit") return given;
  const { extra } = context.trajectory;
  const positive = numbers(extra["positve"]) ?? numbers(extra["positive"]);
  const negative = numbers(extra["negative"]);
  const told = extra["dimension"];
  return positive && negative
    ? [{ dimension: typeof told === "string" ? told : "recorded", positive, negative }]
    : [];
}

export const followUpSignal = derivedSignal({
  id: "follow-up-likelihood",
  title: "Follow-up likelihood (FLR)",
  family: "reward",
  level: "trajectory",
  unit: "logits",
  signed: true,
  needs: ["logprobs"],
  inputs: [
    {
      kind: "array",
      name: "<dimension>:follow_up_logit",
      meaning: "[1][2 n], scores of n positive, then n negative sentences (follow_up_logprob for the paper)",
    },
    {
      kind: "array",
      name: "followup.<kind>.<dimension>.positive",
      meaning: "scores of the positive sentences; kind logit or log-likelihood",
    },
    {
      kind: "array",
      name: "followup.<kind>.<dimension>.negative",
      meaning: "scores of the negative sentences",
    },
    {
      kind: "trajectory",
      name: "positve",
      meaning: "recorded list of ten raw logits (also positive and negative)",
    },
  ],
  parameters: [
    {
      name: "kind",
      description:
        "Raw logit of the follow-up's tokens at one position (as released), or their log-likelihood (paper).",
      type: "choice",
      choices: ["logit", "log-likelihood"],
      default: "logit",
    },
    {
      name: "dimension",
      description: "One dimension, or all of them.",
      type: "choice",
      choices: ["all", ...followUpDimensions],
      default: "all",
    },
  ],
  presets: [
    {
      id: "released",
      title: "FLR, as released (raw logits)",
      values: { kind: "logit" },
      source: "e0397123/FLR, run_llama3.py, get_outputs_withprobs; the combination is an own reading",
    },
    {
      id: "paper",
      title: "FLR, as in the paper (log-likelihood)",
      values: { kind: "log-likelihood" },
      source: "Zhang et al. 2024, FLR, paper; the combination is an own reading",
      asDescribed: true,
    },
  ],
  source: "Zhang et al. 2024, Follow-up Likelihood as Reward; e0397123/FLR, run_llama3.py",
  description:
    "How much likelier a satisfied than a dissatisfied follow-up of the user is after the response: mean over the positive sentences minus mean over the negative ones, then the mean over dimensions. The released code stops before this combination.",
  derive(context, parameters) {
    const kind = textOf(parameters, "kind");
    const only = textOf(parameters, "dimension");
    const dimensions = scoresOf(context, kind).filter(
      ({ dimension }) => only === "all" || dimension === only,
    );
    if (dimensions.length === 0)
      return missing(
        "logprobs",
        "Needs the scores of positive and negative follow-up sentences after the response: choose a policy model.",
      );
    const value = followUpReward(dimensions);
    return {
      values: Float64Array.of(value),
      parts: Object.fromEntries(
        dimensions.map((scores) => [scores.dimension, Float64Array.of(followUpDifference(scores))]),
      ),
      notes: [
        "How dimensions and polarities are combined is an own reading; the repository does not combine them.",
      ],
      convention: `${kind}, ${dimensions.length} dimensions`,
      lines: () => [
        {
          name: "R",
          expression: call(
            "mean",
            ...dimensions.map((scores) =>
              symbol(`R_${scores.dimension}`, followUpDifference(scores), "one dimension"),
            ),
          ),
          value,
        },
        ...dimensions.map((scores) => ({
          name: `R_${scores.dimension}`,
          expression: binary(
            "-",
            symbol("mean(positive)", meanOf(scores.positive), `${scores.positive.length} sentences`),
            symbol("mean(negative)", meanOf(scores.negative), `${scores.negative.length} sentences`),
          ),
          value: followUpDifference(scores),
        })),
      ],
    };
  },
});
