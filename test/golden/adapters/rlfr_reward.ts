import { flowRewards, keepFlow, normaliseFlow } from "../../../src/signals/agentic/rlfr";
import { grpo, grpoConvention } from "../../../src/signals/group/grpo";
import { normaliseGroups } from "../../../src/signals/kernels/groupNormalisation";
import { discountedReturns } from "../../../src/signals/returns/discountedReturn";
import { resolveParameters } from "../../../src/signals/signal";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn.startsWith("normalize_flow_score")) {
      const norm = inputs.text("flow_reward_norm", "minmax");
      if (norm === "mean")
        throw new Error('flow_reward_norm "mean" uses limits that it never computes, so it fails.');
      const shaping = {
        threshold: inputs.number("flow_score_threshold", 0.6),
        top: inputs.number("flow_score_topk", 15),
        bilateral: inputs.flag("flow_score_bil", false),
        gamma: inputs.number("flow_gamma", 1),
      };
      const masks = inputs.matrix("action_mask");
      const normalised = inputs
        .matrix("score")
        .map((row, i) =>
          norm === "minmax"
            ? normaliseFlow(row, masks[i]!, shaping)
            : row.map((score, t) => score * masks[i]![t]!),
        );
      if (!inputs.has("outcome")) return { normalised };
      const outcome = inputs.vector("outcome");
      const kl = inputs.has("kl") ? inputs.matrix("kl") : undefined;
      const kept = normalised.map((row) => keepFlow(row, shaping));
      const reward = kept.map((row, i) =>
        flowRewards(
          row,
          masks[i]!,
          outcome[i]!,
          inputs.number("flow_coef", 0.01),
          kl?.[i],
          inputs.number("kl_coef", 0),
        ),
      );
      return { normalised, kept, reward };
    }
    if (fn === "get_cumulative_returns") {
      const masks = inputs.matrix("action_mask");
      return inputs.matrix("rewards").map((row, i) =>
        discountedReturns(
          row.map((reward, t) => reward * masks[i]![t]!),
          inputs.number("gamma"),
        ),
      );
    }
    if (fn.startsWith("process_experiences")) {
      const rewards = inputs.vector("rewards");
      const size = inputs.number("n_samples_per_prompt");
      const groups = Int32Array.from(rewards, (_, row) => Math.floor(row / size));
      return normaliseGroups(
        rewards,
        groups,
        Math.ceil(rewards.length / size),
        grpoConvention(resolveParameters(grpo, "openrlhf")),
      ).advantages;
    }
    throw new InputError("function", `known (${fn})`);
  },
};
