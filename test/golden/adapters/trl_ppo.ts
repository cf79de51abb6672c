import { trlPpoAdvantages } from "../../../src/signals/advantage/trlPpo";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-4, absolute: 2e-6 },
  run({ inputs }) {
    return trlPpoAdvantages({
      logprobs: inputs.matrix("logprobs"),
      refLogprobs: inputs.matrix("ref_logprobs"),
      values: inputs.matrix("values"),
      scores: inputs.vector("scores"),
      lastResponseIndex: inputs.vector("index_of_last_response_token"),
      klEstimator: inputs.text("kl_estimator", "k1") as "k1" | "k3",
      klCoefficient: inputs.number("kl_coef"),
      gamma: inputs.number("gamma"),
      lambda: inputs.number("lam"),
      whitenRewards: inputs.flag("whiten_rewards", false),
    });
  },
};
