import { anchorGroups, gigpoAdvantages, stepReturns } from "../../../src/signals/agentic/gigpo";
import type { RowMode } from "../../../src/signals/agentic/twoLevelAdvantage";
import type { JsonValue } from "../../../src/model/json";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 2e-6 },
  run({ fn, inputs, variant }) {
    if (fn === "compute_step_discounted_returns") {
      const active = inputs.has("active_masks") ? inputs.vector("active_masks") : undefined;
      return stepReturns(inputs.vector("rewards"), inputs.texts("traj_uid"), inputs.number("gamma"), active);
    }
    if (fn !== "compute_gigpo_outcome_advantage") throw new InputError("function", `known (${fn})`);
    const tasks = inputs.texts("uid");
    const masks = inputs.matrix("response_mask");
    const scores = Float64Array.from(inputs.matrix("token_level_rewards"), (row) =>
      row.reduce((sum, value) => sum + value, 0),
    );
    const groups = anchorGroups(
      tasks,
      inputs.list("anchor_obs") as readonly JsonValue[],
      inputs.flag("enable_similarity", false) ? inputs.number("similarity_thresh", 0.95) : undefined,
    );
    const older = variant !== undefined && /iStar|Qwen-Character|older|per trajectory/iu.test(variant);
    const crossSteps = inputs.flag("compute_mean_std_cross_steps", !older);
    const result = gigpoAdvantages(
      { tasks, trajectories: inputs.texts("traj_uid") },
      scores,
      inputs.vector("step_rewards"),
      groups,
      {
        mode: inputs.text("mode", "mean_norm") as RowMode,
        stepWeight: inputs.number("step_advantage_w", 1),
        epsilon: inputs.number("epsilon", 1e-6),
        episodeOver: crossSteps ? "rows" : "trajectories",
      },
    );
    return {
      step_groups: groups,
      advantages: masks.map((mask, row) => mask.map((bit) => bit * result.advantages[row]!)),
    };
  },
};
