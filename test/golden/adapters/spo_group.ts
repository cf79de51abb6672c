import { grpo, grpoConvention } from "../../../src/signals/group/grpo";
import { rlooConvention } from "../../../src/signals/group/rloo";
import { normaliseGroup } from "../../../src/signals/kernels/groupNormalisation";
import { resolveParameters } from "../../../src/signals/signal";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const convention =
      inputs.text("adv_method") === "rloo"
        ? rlooConvention("reward", "propagate", "float64")
        : grpoConvention(resolveParameters(grpo, "spo"));
    return normaliseGroup(inputs.vector("scores"), convention).advantages;
  },
};
