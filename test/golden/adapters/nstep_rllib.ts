import { nStepWindows } from "../../../src/signals/returns/nStep";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const rewards = inputs.vector("reward");
    const ended = new Uint8Array(rewards.length);
    if (inputs.flag("terminated_last")) ended[ended.length - 1] = 1;
    const cut = new Uint8Array(rewards.length);
    if (!inputs.flag("terminated_last")) cut[cut.length - 1] = 1;
    const windows = nStepWindows(rewards, ended, cut, inputs.number("n_step"), inputs.number("gamma"));
    return {
      reward: windows.rewards,
      next_obs_index: windows.nextIndex,
      terminateds: windows.terminated,
      truncateds: windows.truncated,
    };
  },
};
