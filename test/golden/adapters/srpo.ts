import { groupIndex } from "../../../src/signals/kernels/groupNormalisation";
import {
  liberoTask,
  placedRewards,
  selfReferentialRewards,
  siirlAdvantages,
} from "../../../src/signals/reward/selfReferential";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  run({ fn, inputs }) {
    if (fn === "compute_embodied_reward") {
      const success = inputs.list("complete").map(Boolean);
      const tasks = inputs.texts("task_file_name").map(liberoTask);
      const rewards = selfReferentialRewards(
        inputs.matrix("embeddings").map((embedding, row) => ({
          // The embeddings are float32 there.
          embedding: Float32Array.from(embedding),
          success: success[row]!,
          task: tasks[row]!,
        })),
      );
      return rewards.map((reward, row) => ({
        is_success: success[row]!,
        task_name: tasks[row]!,
        format_correctness: 1,
        is_zero_embedding: reward.emptyEmbedding,
        score: reward.score,
        ...(reward.distance === undefined
          ? {}
          : {
              distance_to_success: reward.distance,
              normalized_distance: reward.normalisedDistance,
            }),
      }));
    }
    if (fn.startsWith("EmbodiedRewardManager")) {
      const scores = inputs.vector("scores");
      const [, ...shape] = inputs.vector("responses_shape");
      const tokens = shape.reduce((product, size) => product * size, 1);
      const placed = placedRewards(
        scores,
        inputs.vector("finish_step"),
        inputs.number("reward_coef", 1),
        inputs.number("action_token_len", 7),
        tokens,
      );
      return { nonzero: placed.map(({ row, token, reward }) => [row, token, reward]) };
    }
    if (fn !== "compute_grpo_outcome_advantage") throw new InputError("function", `known (${fn})`);
    const { groups, names } = groupIndex(inputs.texts("index"));
    const advantages = siirlAdvantages(
      inputs.vector("scores"),
      groups,
      names.length,
      inputs.flag("norm_adv_by_std_in_grpo", true),
      inputs.number("epsilon", 1e-6),
    );
    const given = inputs.list("mask");
    const maskOf = (row: number): Float64Array =>
      Array.isArray(given[0]) ? vector(list(given[row])) : vector(given);
    return { advantages: Array.from(advantages, (value, row) => maskOf(row).map((bit) => bit * value)) };
  },
};
