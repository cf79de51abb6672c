import { rlooConvention, standardiseAdvantages } from "../../../src/signals/group/rloo";
import { normaliseGroups } from "../../../src/signals/kernels/groupNormalisation";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const rewards = inputs.vector("rewards");
    const size = inputs.number("num_generations");
    const groups = Int32Array.from(rewards, (_, row) => Math.floor(row / size));
    const { advantages } = normaliseGroups(
      rewards,
      groups,
      Math.ceil(rewards.length / size),
      rlooConvention("zero", "leave-out", "float64"),
    );
    if (!inputs.flag("normalize_advantages", false)) return advantages;
    const scored = Uint8Array.from(rewards, (reward) => (Number.isNaN(reward) ? 0 : 1));
    return standardiseAdvantages(advantages, scored, 1e-4);
  },
};
