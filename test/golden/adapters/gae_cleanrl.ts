import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { successorValues } from "../../../src/signals/series/successorValues";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const values = inputs.vector("value");
    // CleanRL: done = terminated or truncated, and nothing stands for the future of a cut episode.
    const successors = successorValues(
      values,
      inputs.vector("terminated"),
      inputs.vector("truncated"),
      inputs.number("last_value"),
      undefined,
    );
    const result = generalisedAdvantages(
      { rewards: inputs.vector("reward"), values, ...successors },
      inputs.number("gamma"),
      inputs.number("gae_lambda"),
    );
    return { advantages: result.advantages, returns: result.returns };
  },
};
