import { weightedStepRewards } from "../../../src/signals/agentic/spaProgress";
import { vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const own = inputs.matrix("logprobs");
    const reference = inputs.matrix("ref_logprobs");
    const scores = inputs.list("scores");
    const rows = inputs.matrix("mask").map((mask, i) =>
      weightedStepRewards(
        Array.isArray(scores[0]) ? vector(scores[i]) : vector(scores),
        mask,
        own[i]!.map((value, t) => value - reference[i]![t]!),
        inputs.number("kl_coef"),
      ),
    );
    return { rewards: rows.map((row) => row.rewards), non_score_rewards: rows.map((row) => row.penalties) };
  },
};
