import { offPolicyReturns, offPolicyReturnsFromValues } from "../../../src/signals/offpolicy/retrace";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn === "general_off_policy_returns_from_q_and_v") {
      return {
        returns: offPolicyReturnsFromValues(
          inputs.vector("v_t"),
          inputs.vector("q_t"),
          inputs.vector("r_t"),
          inputs.vector("discount_t"),
          inputs.vector("c_t"),
        ),
      };
    }
    if (fn !== "general_off_policy_returns_from_action_values")
      throw new InputError("function", `known (${fn})`);
    return {
      returns: offPolicyReturns(
        inputs.matrix("q_t"),
        inputs.vector("a_t"),
        inputs.vector("r_t"),
        inputs.vector("discount_t"),
        inputs.vector("c_t"),
        inputs.matrix("pi_t"),
      ),
    };
  },
};
