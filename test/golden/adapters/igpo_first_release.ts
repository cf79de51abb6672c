import { firstReleaseAdvantages } from "../../../src/signals/agentic/igpo";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 3e-6 },
  run({ fn, inputs }) {
    const discounted = fn === "compute_grpo_discounted_advantage";
    if (!discounted && fn !== "compute_grpo_outcome_advantage")
      throw new InputError("function", `known (${fn})`);
    return firstReleaseAdvantages(
      inputs.matrix("token_level_rewards"),
      inputs.matrix("response_mask"),
      inputs.texts("uid"),
      {
        gamma: discounted ? inputs.number("gamma", 0.5) : 1,
        baseline: discounted ? "first-token" : "position",
        divideByStd: inputs.flag("norm_adv_by_std_in_grpo", true),
        epsilon: inputs.number("epsilon", 1e-6),
      },
    );
  },
};
