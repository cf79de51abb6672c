import { guidance } from "../../../src/signals/agentic/unir";
import { grpo, grpoConvention } from "../../../src/signals/group/grpo";
import { normaliseGroups } from "../../../src/signals/kernels/groupNormalisation";
import { resolveParameters } from "../../../src/signals/signal";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ fn, inputs }) {
    if (fn.startsWith("CombinedModel")) {
      const backbone = inputs.matrix("backbone_logits");
      const tokens = inputs.vector("tokens");
      const rows = inputs.matrix("reasoner_logits").map((row, i) => guidance(row, backbone[i]!, tokens[i]!));
      return {
        combined_logits: rows.map((row) => row.combined),
        combined_logprob: rows.map((row) => row.combinedLogprob),
        backbone_logprob: rows.map((row) => row.backboneLogprob),
        guidance_logprob_shift: rows.map((row) => row.shift),
      };
    }
    const rewards = inputs.vector("rewards");
    const size = inputs.number("num_generations");
    const groups = Int32Array.from(rewards, (_, row) => Math.floor(row / size));
    const result = normaliseGroups(
      rewards,
      groups,
      Math.ceil(rewards.length / size),
      grpoConvention(resolveParameters(grpo, "unir")),
    );
    return { advantages: result.advantages, std: result.spreads };
  },
};
