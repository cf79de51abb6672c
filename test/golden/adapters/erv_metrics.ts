import { rankMetrics, rankVelocity, type RankVelocity } from "../../../src/signals/agentic/erv";
import type { Adapter } from "../adapter";

const shown = (velocity: RankVelocity): unknown => ({
  "Effective Rank diff": velocity.velocities,
  "Effective Rank diff 2": velocity.accelerations,
  "ERV (mean of diff, 0 if empty)": velocity.erv,
  "ERA (mean of diff 2, 0 if empty)": velocity.era,
});

export const adapter: Adapter = {
  // As the file says: the optimised variant takes roots of float32 Gram eigenvalues, which are off by 1e-2 with more tokens
  // than dimensions and by 2e-3 otherwise; everything else by the float32 decomposition, 1e-4.
  tolerance: ({ inputs }, path) => {
    if (!path.startsWith("optimized"))
      return /entropy|curvature/u.test(path)
        ? { relative: 1e-3, absolute: 1e-3 }
        : { relative: 1e-4, absolute: 1e-4 };
    const states = inputs.matrix("hidden");
    const size = states.length > (states[0]?.length ?? 0) ? 1e-2 : 2e-3;
    return { relative: size, absolute: size };
  },
  run({ fn, inputs }) {
    const states = inputs.matrix("hidden");
    if (fn.startsWith("calculate_diffs")) {
      const stride = inputs.number("stride");
      const limit = inputs.number("max_seq_len", 512);
      const original = rankVelocity(states, stride, limit, "original");
      return {
        optimized: shown(rankVelocity(states, stride, limit)),
        original: shown(original),
        window_effective_ranks: original.ranks,
      };
    }
    const metrics = rankMetrics(states);
    return {
      effective_rank: metrics.effectiveRank,
      log_effective_rank: metrics.logEffectiveRank,
      traditional_rank: metrics.traditionalRank,
      entropy_gram: metrics.spectrumEntropy,
      entropy_covariance: metrics.spectrumEntropy,
      curvature: metrics.curvature,
    };
  },
};
