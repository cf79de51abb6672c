import { binary, number, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { groupMembers, missing, wholeReplies } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { Group } from "../signal";
import {
  bestOfN,
  judgeRating,
  judgeVerdict,
  tiesPrompt,
  tiesScore,
  type JudgeStyle,
  type TiesPrompt,
} from "./bestOfN";

const source = "Malik et al. 2025, RewardBench 2; allenai/reward-bench";

/** Scores of a prompt's completions, the correct ones first; undefined when one has no score or none is correct. */
function completionScores(group: Group): {
  readonly correct: readonly number[];
  readonly incorrect: readonly number[];
  readonly unscored: number;
} {
  const correct: number[] = [];
  const incorrect: number[] = [];
  let unscored = 0;
  for (const { reward, components, success, trajectory } of group.members) {
    const told = success ?? trajectory?.outcome.success ?? components["correct"];
    if (typeof reward !== "number" || Number.isNaN(reward) || told === undefined || told === null) unscored++;
    else (told === true || told === 1 ? correct : incorrect).push(reward);
  }
  return { correct, incorrect, unscored };
}

export const bestOfNSignal = derivedSignal({
  id: "best-of-n-accuracy",
  title: "Best of N (RewardBench 2)",
  family: "reward",
  level: "group",
  unit: "share",
  signed: false,
  needs: ["group", "outcomeReward"],
  parameters: [],
  presets: [
    {
      id: "rewardbench-2",
      title: "RewardBench 2, best of 4",
      values: {},
      source: "allenai/reward-bench, rewardbench/utils.py, reroll_and_score_dataset",
    },
  ],
  source: `${source}, rewardbench/utils.py, reroll_and_score_dataset`,
  description:
    "1 when the right completion has the highest score of its prompt, shared with every completion of exactly the same score, else 0.",
  derive(context) {
    if (!context.group) return missing("group");
    const { correct, incorrect, unscored } = completionScores(context.group);
    if (unscored > 0)
      return missing(
        "outcomeReward",
        `${unscored} completions have no score or do not say whether they are right: score them with a reward model.`,
      );
    if (correct.length !== 1)
      return missing(
        "outcomeReward",
        `${correct.length} right completions: best of N needs exactly one; take ties-score for several.`,
      );
    const scores = [...correct, ...incorrect];
    const value = bestOfN(scores);
    const most = Math.max(...scores);
    const ties = scores.filter((score) => score === most).length;
    return {
      values: Float64Array.of(value),
      parts: {
        "score of the right one": Float64Array.of(scores[0]!),
        "highest score": Float64Array.of(most),
      },
      group: groupMembers(context),
      notes: [],
      convention: "exact equality shares the point",
      lines: () => [
        {
          name: "result",
          expression: binary(
            "/",
            symbol("right is highest", Number(scores[0] === most)),
            symbol("at the maximum", ties),
          ),
          value,
        },
      ],
    };
  },
});

/** Prompt number and part of a group: `ref:N` or `tied:N`, in its id or its task's id. */
function tiesKey(group: Group): readonly ["ref" | "tied", string] | undefined {
  for (const text of [group.groupId, group.members[0]?.trajectory?.task.id, group.members[0]?.trajectoryId]) {
    const found = /(?:^|[^\p{L}])(ref|tied):(\d+)/u.exec(text ?? "");
    if (found) return [found[1] === "ref" ? "ref" : "tied", found[2]!];
  }
  return undefined;
}

export const tiesSignal = derivedSignal({
  id: "ties-score",
  title: "Ties score (RewardBench 2)",
  family: "reward",
  level: "dataset",
  unit: "score",
  signed: true,
  needs: ["batch", "outcomeReward"],
  parameters: [],
  presets: [
    {
      id: "rewardbench-2",
      title: "RewardBench 2, Ties",
      values: {},
      source: "allenai/reward-bench, rewardbench/utils.py, process_single_model",
    },
  ],
  source: `${source}, rewardbench/utils.py, process_single_model`,
  description:
    "0.30 accuracy on tied prompts, 0.30 on reference prompts, 0.20 and 0.20 for gaps larger than the spread of the right answers, and 0.01 for the margin. It ranges from -0.01 to 1.01.",
  derive(context) {
    const groups = context.batch ?? (context.group ? [context.group] : []);
    const reference = new Map<string, TiesPrompt>();
    const tied = new Map<string, TiesPrompt>();
    const notes: string[] = [];
    for (const group of groups) {
      const key = tiesKey(group);
      if (!key) continue;
      const { correct, incorrect, unscored } = completionScores(group);
      if (unscored > 0 || correct.length === 0 || incorrect.length === 0) {
        notes.push(
          `${key[0]}:${key[1]} is left out: ${unscored} completions without a score, ${correct.length} right, ${incorrect.length} wrong.`,
        );
        continue;
      }
      (key[0] === "ref" ? reference : tied).set(key[1], tiesPrompt(correct, incorrect));
    }
    if (reference.size === 0 || tied.size === 0)
      return missing(
        "batch",
        "Needs scored prompts of both parts of the Ties subset, with ids ref:N and tied:N.",
      );
    let score;
    try {
      score = tiesScore(reference, tied);
    } catch (error) {
      return missing("outcomeReward", error instanceof Error ? error.message : String(error));
    }
    const terms: readonly (readonly [string, number, number])[] = [
      ["A_tied", 0.3, score.tiedAccuracy],
      ["A_ref", 0.3, score.refAccuracy],
      ["P", 0.2, score.preferred],
      ["H", 0.2, score.hardPreferred],
      ["M", 0.01, score.margin],
    ];
    return {
      values: Float64Array.of(score.score),
      parts: Object.fromEntries(terms.map(([name, , value]) => [name, Float64Array.of(value)])),
      notes: [`${reference.size} reference and ${tied.size} tied prompts.`, ...notes],
      convention: "five terms",
      lines: () => [
        {
          name: "Ties",
          expression: terms
            .map(([name, weight, value]) => binary("*", number(weight), symbol(name, value)))
            .reduce((sum, term) => binary("+", sum, term)),
          value: score.score,
        },
      ],
    };
  },
});

export const judgeRatingSignal = unexplainedSignal({
  id: "judge-rating",
  title: "Judge's rating (RewardBench 2)",
  family: "reward",
  level: "trajectory",
  unit: "rating",
  signed: false,
  needs: ["judge"],
  parameters: [
    {
      name: "read",
      description: "A rating 1 to 10 at the end of the reply, or a four-way verdict (1 = A ... 4 = D).",
      type: "choice",
      choices: ["rating", "brackets", "prometheus", "offsetbias", "atla"],
      default: "rating",
    },
  ],
  presets: [
    {
      id: "ratings",
      title: "RewardBench 2, ratings",
      values: { read: "rating" },
      source: "allenai/reward-bench, generative_v2.py, get_single_rating",
    },
    {
      id: "four-way",
      title: "RewardBench 2, four-way",
      values: { read: "brackets" },
      source: "allenai/reward-bench, generative_v2.py, process_judgement",
    },
  ],
  source: `${source}, rewardbench/generative_v2.py`,
  description:
    "Number that a generative judge gives a completion: the last integer 1 to 10 at the end of its reply (so 7.5 is read as 5), -1 where there is none, as released; or the letter of a four-way verdict.",
  derive(context, parameters) {
    const [reply] = wholeReplies(context);
    if (reply === undefined) return missing("judge");
    const read = textOf(parameters, "read");
    if (read === "rating") {
      const rating = judgeRating(reply);
      return {
        values: Float64Array.of(rating),
        notes:
          rating === -1 ? ["No rating from 1 to 10 stands at the end of the reply: -1, as released."] : [],
        convention: "last integer at the end of the reply",
      };
    }
    const verdict = judgeVerdict(reply, read as JudgeStyle);
    const place = verdict === null ? -1 : ["A", "B", "C", "D"].indexOf(verdict);
    return {
      values: Float64Array.of(place < 0 ? NaN : place + 1),
      notes:
        place < 0
          ? ["The reply names none of the four: RewardBench scores it 0.25."]
          : [`Verdict ${verdict}.`],
      convention: read,
    };
  },
});
