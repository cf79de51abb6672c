import { skippingAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { whitenRows } from "../../../src/signals/kernels/whitening";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-4, absolute: 1e-6 },
  run({ inputs }) {
    const rewards = inputs.matrix("token_level_rewards");
    const values = inputs.matrix("values");
    const masks = inputs.matrix("response_mask");
    const rows = rewards.map((row, i) =>
      skippingAdvantages(row, values[i]!, masks[i]!, inputs.number("gamma"), inputs.number("lam")),
    );
    return {
      advantages: whitenRows(
        rows.map((row) => row.advantages),
        masks,
      ),
      returns: rows.map((row) => row.returns),
      advantages_before_whitening: rows.map((row) => row.advantages),
    };
  },
};
