import { functionAdvantages } from "../../../src/signals/group/rewardFunctions";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const rewards = inputs.matrix("rewards_per_func").map((row) => [...row]);
    const functions = rewards[0]?.length ?? 1;
    const result = functionAdvantages(
      rewards,
      inputs.has("reward_weights")
        ? [...inputs.vector("reward_weights")]
        : new Array<number>(functions).fill(1),
      inputs.number("num_generations"),
      inputs.text("scale_rewards", "group") as "group" | "batch" | "none",
      inputs.text("multi_objective_aggregation", "sum_then_normalize") === "normalize_then_sum"
        ? "normalize-then-sum"
        : "sum-then-normalize",
    );
    return { advantages: result.advantages, rewards: result.rewards, std_rewards: result.spreads };
  },
};
