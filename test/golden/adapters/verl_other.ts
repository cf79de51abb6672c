import { maskedReturns, whitenPolicyTokens } from "../../../src/signals/advantage/reinforcePlusPlus";
import { remaxAdvantages } from "../../../src/signals/advantage/remax";
import { tokenBaselineAdvantages } from "../../../src/signals/group/optimalTokenBaseline";
import { groupIndex } from "../../../src/signals/kernels/groupNormalisation";
import { klEstimate, type KlEstimator } from "../../../src/signals/loss/klEstimators";
import { aggregateLoss, type LossAggregation } from "../../../src/signals/loss/lossAggregation";
import { policyLoss } from "../../../src/signals/loss/policyLoss";
import { InputError, type Adapter, type Inputs } from "../adapter";

const estimators: Readonly<Record<string, KlEstimator>> = {
  kl: "k1",
  k1: "k1",
  abs: "abs",
  mse: "k2",
  k2: "k2",
  low_var_kl: "k3",
  k3: "k3",
};

function tokenBaseline(inputs: Inputs): unknown {
  const rewards = inputs.matrix("token_level_rewards");
  const masks = inputs.matrix("response_mask");
  const logprobs = inputs.matrix("old_log_probs");
  const squares = inputs.matrix("sum_pi_squared");
  const { groups, names } = groupIndex(inputs.texts(inputs.has("uid") ? "uid" : "index"));
  const advantages: Float64Array[] = [];
  const returns: Float64Array[] = [];
  names.forEach((_, group) => {
    const rows = [...groups.keys()].filter((row) => groups[row] === group);
    const result = tokenBaselineAdvantages(
      rows.map((row) => ({
        rewards: rewards[row]!,
        mask: masks[row]!,
        logprobs: logprobs[row]!,
        squaredProbabilities: squares[row]!,
      })),
    );
    rows.forEach((row, k) => {
      advantages[row] = result.advantages[k]!;
      returns[row] = result.returns[k]!;
    });
  });
  return { advantages, returns };
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 3e-6 },
  run({ fn, inputs, expected }) {
    switch (fn) {
      case "compute_reinforce_plus_plus_outcome_advantage": {
        const masks = inputs.matrix("response_mask");
        const returns = inputs
          .matrix("token_level_rewards")
          .map((row, i) => maskedReturns(row, masks[i]!, inputs.number("gamma", 1)));
        return { advantages: whitenPolicyTokens(returns, masks), returns };
      }
      case "compute_remax_outcome_advantage": {
        const masks = inputs.matrix("response_mask");
        const baselines = inputs.vector("reward_baselines");
        const rows = inputs
          .matrix("token_level_rewards")
          .map((row, i) => remaxAdvantages(row, masks[i]!, baselines[i]!));
        return { advantages: rows.map((row) => row.advantages), returns: rows.map((row) => row.returns) };
      }
      case "compute_optimal_token_baseline_advantage":
        return tokenBaseline(inputs);
      case "kl_penalty": {
        const name = inputs.text("kl_penalty").replace(/\+$/u, "");
        const estimator = estimators[name];
        if (!estimator)
          throw new Error(`KL estimator "${name}" is not one of ${Object.keys(estimators).join(", ")}.`);
        const reference = inputs.matrix("ref_logprob");
        const value = inputs
          .matrix("logprob")
          .map((row, i) => row.map((own, t) => klEstimate(own, reference[i]![t]!, estimator, "verl")));
        return Array.isArray(expected) ? value : { value };
      }
      case "compute_rewards": {
        const own = inputs.matrix("old_log_prob");
        const reference = inputs.matrix("ref_log_prob");
        const ratio = inputs.number("kl_ratio");
        return inputs
          .matrix("token_level_scores")
          .map((row, i) =>
            row.map((score, t) => score - ratio * klEstimate(own[i]![t]!, reference[i]![t]!, "k1", "verl")),
          );
      }
      case "agg_loss":
        return aggregateLoss(
          inputs.matrix("loss_mat"),
          inputs.matrix("loss_mask"),
          inputs.text("loss_agg_mode") as LossAggregation,
          inputs.has("loss_scale_factor") ? inputs.number("loss_scale_factor") : undefined,
        );
      case "compute_policy_loss_vanilla": {
        const clip = inputs.number("clip_ratio", 0.2);
        const result = policyLoss(
          inputs.matrix("log_prob"),
          inputs.matrix("old_log_prob"),
          inputs.matrix("advantages"),
          inputs.matrix("response_mask"),
          {
            low: inputs.number("clip_ratio_low", clip),
            high: inputs.number("clip_ratio_high", clip),
            dual: inputs.number("clip_ratio_c", 3),
          },
          inputs.text("loss_agg_mode", "token-mean") as LossAggregation,
        );
        return {
          loss: result.loss,
          metrics: {
            "actor/pg_clipfrac": result.clipFraction,
            "actor/ppo_kl": result.kl,
            "actor/pg_clipfrac_lower": result.dualFraction,
          },
        };
      }
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
