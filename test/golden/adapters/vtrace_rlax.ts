import { vtrace } from "../../../src/signals/offpolicy/vtrace";
import { InputError, type Adapter, type Inputs } from "../adapter";

const lambdaOf = (inputs: Inputs): number | Float64Array =>
  Array.isArray(inputs.get("lambda_")) ? inputs.vector("lambda_") : inputs.number("lambda_", 1);

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const input = {
      values: inputs.vector("v_tm1"),
      nextValues: inputs.vector("v_t"),
      rewards: inputs.vector("r_t"),
      discounts: inputs.vector("discount_t"),
      ratios: inputs.vector("rho_tm1"),
    };
    if (fn === "leaky_vtrace")
      return { errors: vtrace(input, lambdaOf(inputs), 1, 1, inputs.number("alpha_", 1)).errors };
    const clipRho = inputs.number("clip_rho_threshold", 1);
    const result = vtrace(input, lambdaOf(inputs), clipRho, inputs.number("clip_pg_rho_threshold", 1));
    if (fn === "vtrace") return { errors: result.errors };
    if (fn !== "vtrace_td_error_and_advantage") throw new InputError("function", `known (${fn})`);
    return {
      errors: result.errors,
      vs: result.targets,
      pg_advantage: result.advantages,
      q_estimate: result.actionValues,
    };
  },
};
