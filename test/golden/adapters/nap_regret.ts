import { regretRewardsOf, trajectoryRegret, type RegretReward } from "../../../src/signals/control/regret";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const found = inputs.vector("y_per_query");
    const optimum = inputs.number("y_max");
    if (fn.includes("traj_regret")) return { traj_regret: trajectoryRegret(found, optimum) };
    if (!fn.includes("get_reward")) throw new InputError("function", `known (${fn})`);
    return {
      reward_per_step: regretRewardsOf(
        found,
        optimum,
        inputs.text("reward_transformation") as RegretReward,
        inputs.number("T", found.length),
      ),
    };
  },
};
