import {
  boundedScores,
  drawnFrames,
  PromptStatistics,
  rewardWeightedLoss,
  videoReward,
  videoRewardLoss,
} from "../../../src/signals/reward/segmentalVideo";
import { InputError, Inputs, type Adapter, type Golden } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ fn, inputs }) {
    if (fn.startsWith("PerPromptStatTracker")) {
      const tracker = new PromptStatistics(inputs.number("buffer_size"), inputs.number("min_count"));
      const advantages = inputs.list("updates").map((update) => {
        const batch = new Inputs(update as { readonly [key: string]: Golden });
        return tracker.update(batch.texts("prompts"), batch.vector("rewards"));
      });
      return { advantages, stats: tracker.statistics() };
    }
    const attenuated = inputs.flag("exponential_TSN", true);
    const method = inputs.text("selection_method", "TSN");
    if (method === "fixed_first" && attenuated)
      throw new Error("A fixed first frame has no position to weigh.");
    if (method !== "TSN") throw new InputError("selection_method", "TSN");
    const local = inputs.matrix("local_index");
    const frames = inputs.number("frames", 16);
    const lambda = attenuated ? inputs.number("lambda_TAR", 1) : 0;
    const scores = boundedScores(
      Float64Array.from(inputs.matrix("frame_text_similarity"), (similarity, i) =>
        videoReward(similarity, drawnFrames(frames, local[i]!, lambda)),
      ),
    );
    if (fn.startsWith("DDPO")) return { advantages: scores };
    const weight = inputs.number("reward_weight", 1);
    if (fn.startsWith("RWR"))
      return { loss: weight * rewardWeightedLoss(scores, inputs.vector("loss_recon")) };
    if (!fn.startsWith("DiffRewardModel")) throw new InputError("function", `known (${fn})`);
    const alignment = inputs.get("data_align_method");
    const errors = typeof alignment === "string" ? inputs.vector("loss_recon") : undefined;
    return { loss: weight * videoRewardLoss(scores, errors, inputs.number("data_align_coef", 10)) };
  },
};
