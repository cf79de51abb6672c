import { whitenUncertain } from "../../../src/signals/agentic/spoChain";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-4, absolute: 1e-6 },
  run({ inputs }) {
    return whitenUncertain(
      inputs.matrix("values"),
      inputs.matrix("mask"),
      Array.isArray(inputs.get("logprobs")) ? inputs.matrix("logprobs") : undefined,
      inputs.flag("unbiased_variance", true),
    );
  },
};
