import { redistributeReturn, releasedRudderLoss } from "../../../src/signals/control/rudder";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const predictions = inputs.matrix("predictions");
    const rewards = inputs.matrix("rewards");
    const results = predictions.map((row, i) => redistributeReturn(row, rewards[i]!));
    return {
      raw_redistribution: results.map(({ differences }) => differences),
      corrected: results.map((result) => result.rewards),
      loss_as_coded: releasedRudderLoss(predictions, rewards),
    };
  },
};
