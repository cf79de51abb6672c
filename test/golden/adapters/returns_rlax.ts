import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { discountedReturns } from "../../../src/signals/returns/discountedReturn";
import { nStepBootstrappedReturns } from "../../../src/signals/returns/nStep";
import { lambdaReturns } from "../../../src/signals/returns/tdLambda";
import { InputError, type Adapter, type Inputs } from "../adapter";

const lambdaOf = (inputs: Inputs, name = "lambda_", standard = 1): number | Float64Array =>
  Array.isArray(inputs.get(name)) ? inputs.vector(name) : inputs.number(name, standard);

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const rewards = inputs.vector("r_t");
    const discounts = inputs.vector("discount_t");
    switch (fn) {
      case "lambda_returns":
        return { returns: lambdaReturns(rewards, discounts, inputs.vector("v_t"), lambdaOf(inputs)) };
      case "truncated_generalized_advantage_estimation": {
        const values = inputs.vector("values");
        const size = rewards.length;
        const result = generalisedAdvantages(
          {
            rewards,
            values: values.slice(0, size),
            nextValues: values.slice(1),
            carries: new Float64Array(size).fill(1),
          },
          discounts,
          lambdaOf(inputs),
        );
        return { advantages: result.advantages };
      }
      case "n_step_bootstrapped_returns":
        return {
          returns: nStepBootstrappedReturns(
            rewards,
            discounts,
            inputs.vector("v_t"),
            inputs.number("n"),
            lambdaOf(inputs, "lambda_t"),
          ),
        };
      case "discounted_returns": {
        const bootstrap = Array.isArray(inputs.get("v_t"))
          ? (inputs.vector("v_t").at(-1) ?? 0)
          : inputs.number("v_t", 0);
        return { returns: discountedReturns(rewards, discounts, bootstrap) };
      }
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
