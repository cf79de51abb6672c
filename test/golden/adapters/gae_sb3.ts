import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { successorValues } from "../../../src/signals/series/successorValues";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const values = inputs.vector("value");
    const finals = inputs.has("final_obs_value") ? inputs.object("final_obs_value") : {};
    const successors = successorValues(
      values,
      inputs.vector("terminated"),
      inputs.vector("truncated"),
      inputs.number("last_value"),
      (t) => {
        const value = finals[String(t)];
        return typeof value === "number" ? value : NaN;
      },
    );
    const result = generalisedAdvantages(
      { rewards: inputs.vector("reward"), values, ...successors },
      inputs.number("gamma"),
      inputs.number("gae_lambda"),
      "float32",
    );
    return { advantages: result.advantages, returns: result.returns };
  },
};
