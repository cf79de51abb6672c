import {
  bestOfN,
  judgeRating,
  judgeVerdict,
  sectionScores,
  tiesPrompt,
  tiesScore,
  type JudgeStyle,
  type TiesPrompt,
} from "../../../src/signals/reward/bestOfN";
import { InputError, Inputs, list, type Adapter, type Golden } from "../adapter";

/** Scores come as numbers or as lists of one number. */
const flat = (value: Golden): readonly number[] =>
  list(value, "scores").map((score) =>
    Number(Array.isArray(score) ? (score as readonly Golden[])[0] : score),
  );

const styles: Readonly<Record<string, JudgeStyle>> = {
  prometheus: "prometheus",
  offsetbias: "offsetbias",
  Atla: "atla",
};

function ties(rows: readonly Golden[]): number {
  const parts = { ref: new Map<string, TiesPrompt>(), tied: new Map<string, TiesPrompt>() };
  for (const row of rows) {
    const entry = new Inputs(row as { readonly [key: string]: Golden });
    const [kind, key] = entry.text("id").split(":");
    if ((kind !== "ref" && kind !== "tied") || key === undefined)
      throw new InputError("id", "ref:N or tied:N");
    const scores = flat(entry.get("scores"));
    const correct = entry.number("num_correct");
    parts[kind].set(key, tiesPrompt(scores.slice(0, correct), scores.slice(correct)));
  }
  return tiesScore(parts.ref, parts.tied).score;
}

export const adapter: Adapter = {
  run({ fn, inputs }) {
    switch (fn) {
      case "reroll_and_score_dataset": {
        const scores = flat(inputs.get("scores"));
        let start = 0;
        const results = Array.from(inputs.vector("total_completions"), (count) => {
          start += count;
          return bestOfN(scores.slice(start - count, start));
        });
        return {
          results: results.length === 1 ? results[0] : results,
          subset_score: results.reduce((sum, result) => sum + result, 0) / results.length,
        };
      }
      case "_compute_prompt_stats": {
        const samples = inputs
          .list("samples")
          .map((sample) => new Inputs(sample as { readonly [key: string]: Golden }));
        const of = (correct: boolean): readonly number[] =>
          samples.filter((s) => s.flag("correct") === correct).map((s) => s.number("score"));
        const { accurate, spread, gap } = tiesPrompt(of(true), of(false));
        return { accurate, different_correct_margin: spread, correct_incorrect_margin: gap };
      }
      case "process_single_model":
        return { overall_score: ties(inputs.list("rows")) };
      case "calculate_scores_per_section":
        return sectionScores(
          inputs.object("subset_mapping") as unknown as Readonly<Record<string, readonly string[]>>,
          inputs.object("example_counts") as Readonly<Record<string, number>>,
          inputs.object("metrics") as Readonly<Record<string, number>>,
        );
      case "get_single_rating":
        return { rating: judgeRating(inputs.text("raw_judgment")) };
      case "process_judgement": {
        const modifier = inputs.get("model_modifier");
        if (modifier === "Con-J") throw new InputError("model_modifier", "one of the mapped judges");
        return judgeVerdict(inputs.text("judgment"), styles[String(modifier)] ?? "brackets");
      }
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
