import {
  contrastiveGoalLoss,
  filterAnswers,
  goalValues,
  headReward,
  majorityCorrect,
  prefixReward,
  rocArea,
} from "../../../src/signals/reward/goalState";
import { InputError, Inputs, list, vector, type Adapter, type Golden, type GoldenCase } from "../adapter";

type Fields = { readonly [key: string]: Golden };

const states = (value: Golden): readonly Float64Array[] => list(value).map((row) => vector(row));

/** The answers of a case; "same entries as NAME" means those of another case of the file. */
function entriesOf(golden: GoldenCase): readonly Inputs[] {
  let value = golden.inputs.get("entries") ?? golden.inputs.get("value");
  const other = typeof value === "string" ? /^same entries as (.+)$/u.exec(value)?.[1] : undefined;
  if (other !== undefined) {
    const found = list(golden.file["cases"]).find((entry) => (entry as Fields)["name"] === other) as
      Fields | undefined;
    const input = (found?.["input"] ?? found?.["inputs"]) as Fields | undefined;
    value = input?.["entries"];
  }
  return list(value, "entries").map((entry) => new Inputs(entry as Fields));
}

function accuracy(golden: GoldenCase): unknown {
  const entries = entriesOf(golden);
  const questions = golden.inputs.number("dataset_len");
  const threshold = golden.inputs.number("lower_bound_threshold", 0);
  entries.forEach((entry, i) => {
    if (i > 0 && entry.get("question") === entries[i - 1]!.get("question"))
      throw new Error("Two neighbouring rows belong to one question.");
  });
  const results = Array.from({ length: questions }, (_, q) =>
    filterAnswers(
      entries
        .filter((_, i) => i % questions === q)
        .map((entry) => ({
          values: entry.vector("cosine_sim"),
          correct: entry.flag("is_correct"),
          answer: String(entry.get("predicted_answer")),
        })),
      threshold,
    ),
  );
  return {
    majority_vote_accuracy: results.filter((result) => result.voteCorrect).length / questions,
    filtered_per_question: results.map((result) => result.filtered),
    tokens_saved_per_question: results.map((result) => result.tokensSaved),
    tokens_per_question: results.map((result) => result.tokens),
    proportion_correct_filtered: results.map((result) => result.shareAfter),
    proportion_correct: results.map((result) => result.shareBefore),
  };
}

function loss(inputs: Inputs): unknown {
  if (
    typeof inputs.get("source_state_percentile") !== "number" ||
    typeof inputs.get("goal_state_percentile") !== "number"
  )
    throw new Error("Both percentiles are needed to draw states.");
  const rejected = inputs.list("rejected_hidden");
  const similar = inputs.list("random_sim_pairs");
  const rejectedActions = inputs.vector("rejected_num_actions");
  const chosenActions = inputs.vector("chosen_num_actions");
  const ownDraws = inputs.matrix("random_unsim_chosen");
  const otherDraws = inputs.matrix("random_unsim_rejected");
  const pairs = inputs.list("chosen_hidden").map((chosen, i) => {
    const [a, b] = states(similar[i]);
    return {
      chosen: states(chosen),
      rejected: states(rejected[i]),
      chosenActions: chosenActions[i]!,
      rejectedActions: rejectedActions[i]!,
      similar: [a!, b!] as const,
      dissimilarChosen: ownDraws[i]!,
      dissimilarRejected: otherDraws[i]!,
    };
  });
  return {
    loss: contrastiveGoalLoss(pairs, {
      beta: inputs.number("beta", 0.5),
      average: inputs.text("strategy", "cosine") === "cosine_avg" ? "goals" : "none",
      sourcePercentile: inputs.number("source_state_percentile"),
      goalPercentile: inputs.number("goal_state_percentile"),
    }),
  };
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run(golden) {
    const { fn, inputs, name } = golden;
    if (fn.startsWith("ContrastiveGoalLoss")) return loss(inputs);
    if (fn.includes("get_accuracy")) return accuracy(golden);
    if (fn.includes("majority_vote"))
      return {
        vote: majorityCorrect(inputs.number("is_correct_count"), inputs.texts("not_correct_list")),
      };
    if (fn.includes("roc_auc")) {
      const scored = entriesOf(golden).filter((entry) => entry.has("reward"));
      const labels = scored.map((entry) => entry.flag("is_correct"));
      if (!fn.includes("partial"))
        return rocArea(
          scored.map((entry) => entry.number("reward")),
          labels,
        );
      const share = inputs.number("percentile");
      return rocArea(
        scored.map((entry) =>
          prefixReward(entry.vector("partial_rewards"), entry.list("cosine_sim").length, share),
        ),
        labels,
      );
    }
    const hidden = inputs.list("hidden").map(states);
    if (fn.includes("cosine_similarity"))
      return { cosine_sim: hidden.map((rows) => goalValues(rows, inputs.vector("goal_state"))) };
    if (!fn.startsWith("LLMForSequenceRegression")) throw new InputError("function", `known (${fn})`);
    const masks = inputs.matrix("attention_mask");
    // The case tells the mode of the module in its name only.
    const position = /^training/u.test(name) ? "last" : "last-unmasked";
    const scale = { mean: inputs.number("mean", 0), std: inputs.number("std", 1) };
    return {
      reward: hidden.map((rows, i) =>
        headReward(rows, inputs.vector("value_head"), masks[i]!, position, scale),
      ),
      third_return_value: null,
    };
  },
};
