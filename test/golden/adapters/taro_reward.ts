import { separatorRewards } from "../../../src/signals/agentic/taro";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    return separatorRewards(
      inputs.vector("interm_rewards"),
      inputs.number("final_rewards"),
      inputs.vector("sep_token_positions"),
      inputs.number("max_total_rewards", 1),
      inputs.text("reward_method", "dense") === "single" ? "single" : "dense",
      inputs.number("response_width"),
      inputs.number("prompt_width"),
    ).rewards;
  },
};
