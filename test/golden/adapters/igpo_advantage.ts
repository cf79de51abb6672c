import { igpoAdvantages } from "../../../src/signals/agentic/igpo";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 3e-6 },
  run({ inputs }) {
    return igpoAdvantages(
      inputs.matrix("token_level_rewards"),
      inputs.matrix("response_mask"),
      inputs.texts("uid"),
      {
        norm: inputs.text("info_gain_norm_mode", "joint") === "separate" ? "separate" : "joint",
        divideByStd: inputs.flag("norm_adv_by_std_in_grpo", true),
        gamma: inputs.number("gamma", 1),
        epsilon: inputs.number("epsilon", 1e-6),
        outcomeWeight: inputs.number("curriculum_f1_weight", 1),
        gainWeight: inputs.number("curriculum_ig_weight", 1),
      },
    ).advantages;
  },
};
