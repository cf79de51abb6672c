import { goalBaselineReward, meanUnitVector } from "../../../src/signals/reward/goalBaseline";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  // CLIP embeddings are float32 there.
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const target = meanUnitVector(inputs.matrix("target_text_embeddings_raw"));
    const baseline = meanUnitVector(inputs.matrix("baseline_text_embeddings_raw"));
    const alpha = inputs.number("alpha", 0.5);
    return {
      target,
      baseline,
      rewards: inputs
        .matrix("image_embeddings_raw")
        .map((image) => goalBaselineReward(image, target, baseline, alpha).reward),
    };
  },
};
