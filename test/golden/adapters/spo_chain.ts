import { monteCarloValue, segmentCredit } from "../../../src/signals/agentic/spoChain";
import { lengthCutpoints, probabilityCutpoints } from "../../../src/signals/agentic/spoCutpoints";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ fn, inputs }) {
    if (fn.startsWith("cutpoint block")) {
      const probabilities = inputs.vector("response_prob");
      const cutpoints = probabilityCutpoints(probabilities, inputs.number("cutpoint_interval"));
      const credit = segmentCredit(
        probabilities,
        cutpoints,
        inputs.vector("cutpoint_values_in_order"),
        inputs.number("score"),
      );
      return {
        cutpoints,
        token_values: Array.from(credit.tokenValues, (value) => (Number.isNaN(value) ? null : value)),
        token_advantages: credit.advantages,
      };
    }
    if (fn === "_compute_mc_value")
      return monteCarloValue(
        inputs.vector("rewards"),
        inputs.texts("finish_reason"),
        inputs.number("unfinished_penalty"),
      );
    if (fn.startsWith("get_cutpoints"))
      return { cutpoints: lengthCutpoints(inputs.number("num_tokens"), inputs.number("k", 4)) };
    throw new InputError("function", `known (${fn})`);
  },
};
