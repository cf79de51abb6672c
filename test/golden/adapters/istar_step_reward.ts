import { implicitRewards } from "../../../src/signals/agentic/istar";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const result = implicitRewards(
      inputs.matrix("rm_logprobs"),
      inputs.matrix("ref_logprobs"),
      inputs.vector("response_length"),
      {
        beta: inputs.number("beta"),
        lambda: inputs.number("lambda", 0),
        granularity: inputs.text("step_granularity", "step") === "token" ? "token" : "step",
        batchNorm: inputs.get("istar_norm") === "batch_norm",
      },
    );
    return { q: result.ratios, rm_scores_before_norm: result.raw, rm_scores: result.rewards };
  },
};
