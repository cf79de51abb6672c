import { informationGains, type GainKind } from "../../../src/signals/agentic/igpo";
import { list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const turns = inputs
      .list("logprobs_by_turn_and_rollout")
      .map((turn) => list(turn).map((row) => vector(row)));
    const ranges = inputs.matrix("answer_token_range");
    const kind = inputs.text("info_gain_type", "prob_diff") as GainKind;
    const results = ranges.map((range, rollout) =>
      informationGains(
        turns.map((turn) => turn[rollout]!),
        [range[0]!, range[1]!],
        kind,
      ),
    );
    return {
      info_gain_rewards: results.map((result) => result.gains),
      last_values: Object.fromEntries(
        results.flatMap((result, i) =>
          result.lastValue === undefined ? [] : [[String(i), result.lastValue]],
        ),
      ),
    };
  },
};
