import { stepReturns } from "../../../src/signals/agentic/gigpo";
import type { RowMode } from "../../../src/signals/agentic/twoLevelAdvantage";
import { uis1Advantages } from "../../../src/signals/agentic/uis1";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 2e-6 },
  run({ fn, inputs }) {
    if (fn === "compute_step_discounted_returns") {
      return {
        returns: stepReturns(
          inputs.vector("rewards"),
          inputs.texts("traj_uid"),
          inputs.number("gamma"),
          undefined,
          inputs.vector("extract_match"),
        ),
      };
    }
    if (fn !== "compute_uis1_outcome_advantage") throw new InputError("function", `known (${fn})`);
    const masks = inputs.matrix("response_mask");
    const scores = Float64Array.from(inputs.matrix("token_level_rewards"), (row) =>
      row.reduce((sum, value) => sum + value, 0),
    );
    const result = uis1Advantages(
      { tasks: inputs.texts("uid"), trajectories: inputs.texts("traj_uid") },
      scores,
      inputs.vector("step_rewards"),
      inputs.texts("step_id"),
      {
        mode: inputs.text("mode", "mean_norm") as RowMode,
        episodeWeight: inputs.number("episode_advantage_w", 1),
        stepWeight: inputs.number("step_advantage_w", 1),
        epsilon: inputs.number("epsilon", 1e-6),
      },
    );
    const spread = (values: Float64Array): unknown =>
      masks.map((mask, row) => mask.map((bit) => bit * values[row]!));
    return {
      episode_advantages: spread(result.episode.advantages),
      step_advantages: spread(result.step.advantages),
      advantages: spread(result.advantages),
    };
  },
};
