import {
  acceptSequentially,
  fusedScores,
  majorityVote,
  selectExtreme,
  type ScoredSample,
} from "../../../src/signals/agentic/latentSelection";
import { InputError, type Adapter, type Golden } from "../adapter";

interface Row {
  readonly datapoint: string;
  readonly accuracy: number;
  readonly n_think_tokens: number;
  readonly score: number;
}

/** Rows of a case, or of the nearest earlier case when it says "as above". */
function rowsOf(
  given: Golden,
  cases: readonly { readonly [key: string]: Golden }[],
  name: string,
): readonly Row[] {
  if (Array.isArray(given)) return given as unknown as readonly Row[];
  const own = cases.findIndex((entry) => entry["name"] === name);
  for (let i = own - 1; i >= 0; i--) {
    const rows = ((cases[i]!["inputs"] ?? cases[i]!["input"]) as { readonly rows?: Golden } | undefined)
      ?.rows;
    if (Array.isArray(rows)) return rows as unknown as readonly Row[];
  }
  throw new InputError("rows", "a list");
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-9 },
  run({ fn, inputs, file, name }) {
    if (fn === "compute_fused_metric") {
      const rows = inputs.list("rows") as unknown as readonly Record<string, number>[];
      return fusedScores(
        rows.map((row) => ({
          net: row["net_change"]!,
          cumulative: row["cumulative_change"]!,
          aligned: row["aligned_change"]!,
          accuracy: row["accuracy"]!,
        })),
        [...inputs.vector("calibration_row_indices")],
      );
    }
    const rows = rowsOf(
      inputs.get("rows"),
      file["cases"] as readonly { readonly [key: string]: Golden }[],
      name,
    );
    const samples = rows.map((row): ScoredSample => ({
      task: row.datapoint,
      accuracy: row.accuracy,
      tokens: row.n_think_tokens,
      score: row.score,
    }));
    const round = (value: number, digits: number): number => Number(value.toFixed(digits));
    switch (fn) {
      case "compute_threshold_performance_percentile_single": {
        const result = acceptSequentially(samples, inputs.number("percentile"));
        return {
          metric: "fused_score",
          threshold_acc: round(result.accuracy, 3),
          full_acc: round(result.fullAccuracy, 3),
          "tokens_used (%)": round(result.tokensUsed, 2),
          mean_repeats: result.meanSamples,
          best_thr: result.threshold,
          // Over the first samples: inferred from the two recorded cases (over all samples the numbers do not fit).
          thr_percentile_full_dataset: result.thresholdPercentile,
        };
      }
      case "compute_majority_vote":
        return majorityVote(samples);
      case "compute_highest_select": {
        const top = inputs.text("top") === "min" ? "min" : "max";
        return {
          by_score: selectExtreme(samples, "score", top),
          by_tokens: selectExtreme(samples, "tokens", top),
        };
      }
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
