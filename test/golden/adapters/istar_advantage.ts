import { istarCombined, istarGrpo, istarReinforce, istarRloo } from "../../../src/signals/agentic/istar";
import type { RowMode } from "../../../src/signals/agentic/twoLevelAdvantage";
import { InputError, type Adapter } from "../adapter";

const rowSums = (matrix: readonly Float64Array[]): Float64Array =>
  Float64Array.from(matrix, (row) => row.reduce((sum, value) => sum + value, 0));

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 3e-6 },
  run({ fn, inputs }) {
    const rows = { tasks: inputs.texts("uid"), trajectories: inputs.texts("traj_uid") };
    const outcome = rowSums(inputs.matrix("token_level_rewards"));
    const process = rowSums(inputs.matrix("rm_scores"));
    const masks = inputs.matrix("response_mask");
    const weight = inputs.number("step_advantage_w", 1);
    const spread = (values: Float64Array): unknown =>
      masks.map((mask, row) => mask.map((bit) => bit * values[row]!));
    switch (fn) {
      case "compute_istar_rloo_advantage":
        // Process only: the step part as it is, without its weight.
        return inputs.flag("use_process_only", false)
          ? spread(istarRloo(rows, outcome, process, 1, 0).advantages)
          : spread(istarRloo(rows, outcome, process, weight).advantages);
      case "compute_istar_grpo_advantage":
        return spread(
          istarGrpo(
            rows,
            outcome,
            process,
            weight,
            inputs.text("mode", "mean_norm") as RowMode,
            inputs.number("epsilon", 1e-6),
          ).advantages,
        );
      case "process_outcome_combined_advantage":
        return spread(istarCombined(rows, outcome, process, weight));
      case "compute_istar_reinforce_plus_baseline_advantage":
        return istarReinforce(rows, outcome, process, weight, masks);
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
