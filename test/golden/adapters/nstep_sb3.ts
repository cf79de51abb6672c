import { nStepWindows } from "../../../src/signals/returns/nStep";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const windows = nStepWindows(
      inputs.vector("reward"),
      inputs.vector("terminated"),
      inputs.vector("truncated"),
      inputs.number("n_steps"),
      inputs.number("gamma"),
    );
    return {
      n_step_return: windows.rewards,
      bootstrap_discount: windows.bootstrapDiscount,
      done: windows.terminated,
      next_obs_index: windows.nextIndex,
    };
  },
};
