import { fakeStepTargets, generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { discountedReturns } from "../../../src/signals/returns/discountedReturn";
import { successorValues } from "../../../src/signals/series/successorValues";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ fn, inputs }) {
    if (fn === "compute_value_targets") {
      const result = fakeStepTargets(
        inputs.vector("reward_ext"),
        inputs.vector("value_ext"),
        inputs.vector("terminateds_ext"),
        inputs.vector("truncateds_ext"),
        inputs.number("gamma"),
        inputs.number("lambda_"),
      );
      return { value_targets: result.returns, advantages: result.advantages };
    }
    if (fn !== "compute_advantages") throw new InputError("function", `known (${fn})`);
    const rewards = inputs.vector("reward");
    const gamma = inputs.number("gamma");
    const lastValue = inputs.number("last_r");
    if (!inputs.flag("use_gae", true)) {
      const returns = discountedReturns(rewards, gamma, lastValue);
      if (!inputs.flag("use_critic", true))
        return { advantages: returns, value_targets: new Float64Array(returns.length) };
      const values = inputs.vector("value");
      return { advantages: returns.map((value, t) => value - values[t]!), value_targets: returns };
    }
    const values = inputs.vector("value");
    const none = new Uint8Array(values.length);
    const successors = successorValues(values, none, none, lastValue, undefined);
    const result = generalisedAdvantages(
      { rewards, values, ...successors },
      gamma,
      inputs.number("lambda_", 1),
    );
    return { advantages: result.advantages, value_targets: result.returns };
  },
};
