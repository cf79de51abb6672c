import { suffixMatch } from "../../../src/signals/agentic/latr";
import { editDistance, rougeL } from "../../../src/signals/kernels/sequenceDistance";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ inputs }) {
    const a = inputs.vector("a");
    const b = inputs.vector("b");
    return {
      suffix_match: suffixMatch(a, b),
      rouge_l: rougeL(a, b),
      edit_ratio: editDistance(a, b) / a.length,
    };
  },
};
