import { rankMetrics, rankVelocity, type RankVelocity } from "../../../src/signals/agentic/erv";
import type { Adapter } from "../adapter";

const shown = (velocity: RankVelocity): unknown => ({
  "Effective Rank diff": velocity.velocities,
  "Effective Rank diff 2": velocity.accelerations,
  "ERV (mean of diff, 0 if empty)": velocity.erv,
  "ERA (mean of diff 2, 0 if empty)": velocity.era,
});

export const adapter: Adapter = {
  // The authors' optimised variant takes roots of float32 Gram eigenvalues; their entropies amplify float32 rounding.
  tolerance: (_golden, path) =>
    path.startsWith("optimized")
      ? { relative: 1e-2, absolute: 1e-2 }
      : /entropy|curvature/u.test(path)
        ? { relative: 5e-3, absolute: 1e-3 }
        : { relative: 2e-4, absolute: 2e-4 },
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
