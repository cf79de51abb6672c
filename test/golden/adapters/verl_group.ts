import { grpoConvention, grpo } from "../../../src/signals/group/grpo";
import { gpgAdvantages } from "../../../src/signals/group/gpg";
import { opoAdvantages } from "../../../src/signals/group/opo";
import { passAtKAdvantages } from "../../../src/signals/group/passAtK";
import { rlooConvention } from "../../../src/signals/group/rloo";
import { whitenPolicyTokens } from "../../../src/signals/advantage/reinforcePlusPlus";
import { groupIndex, normaliseGroups } from "../../../src/signals/kernels/groupNormalisation";
import { resolveParameters } from "../../../src/signals/signal";
import { InputError, type Adapter, type Inputs } from "../adapter";

/** Sequence scores: given, or the sum of the token rewards. */
function scoresOf(inputs: Inputs): Float64Array {
  if (inputs.has("scores")) return inputs.vector("scores");
  return Float64Array.from(inputs.matrix("token_level_rewards"), (row) =>
    row.reduce((sum, reward) => sum + reward, 0),
  );
}

function normFlag(inputs: Inputs): boolean {
  const config = inputs.get("config");
  const nested =
    typeof config === "object" && config !== null && !Array.isArray(config)
      ? (config as Record<string, unknown>)["norm_adv_by_std_in_grpo"]
      : undefined;
  return inputs.flag("norm_adv_by_std_in_grpo", typeof nested === "boolean" ? nested : true);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 2e-6 },
  run({ fn, inputs }) {
    const scores = scoresOf(inputs);
    const masks = inputs.matrix("response_mask");
    const { groups, names } = groupIndex(inputs.has("uid") ? inputs.texts("uid") : inputs.texts("index"));
    const spread = (values: Float64Array): readonly Float64Array[] =>
      masks.map((mask, row) => mask.map((bit) => bit * values[row]!));
    const epsilon = inputs.number("epsilon", 1e-6);
    const grpoOf = (std: boolean): Float64Array =>
      normaliseGroups(
        scores,
        groups,
        names.length,
        grpoConvention({ ...resolveParameters(grpo, std ? "verl" : "verl-dr-grpo"), epsilon }),
      ).advantages;
    const perGroup = (compute: (rows: readonly number[], name: string) => Float64Array): Float64Array => {
      const out = new Float64Array(scores.length);
      names.forEach((name, group) => {
        const rows = [...groups.keys()].filter((row) => groups[row] === group);
        compute(rows, name).forEach((value, k) => (out[rows[k]!] = value));
      });
      return out;
    };
    const pick = (rows: readonly number[], values: Float64Array): Float64Array =>
      Float64Array.from(rows, (row) => values[row]!);
    switch (fn) {
      case "compute_grpo_outcome_advantage":
      case "compute_grpo_vectorized_outcome_advantage":
        return { advantages: spread(grpoOf(normFlag(inputs))) };
      case "compute_rloo_outcome_advantage":
        return {
          advantages: spread(
            normaliseGroups(scores, groups, names.length, rlooConvention("reward", "propagate", "float64"))
              .advantages,
          ),
        };
      case "compute_rloo_vectorized_outcome_advantage":
        return {
          advantages: spread(
            normaliseGroups(scores, groups, names.length, rlooConvention("zero", "propagate", "float64"))
              .advantages,
          ),
        };
      case "compute_reinforce_plus_plus_baseline_outcome_advantage":
        return { advantages: whitenPolicyTokens(spread(grpoOf(false)), masks) };
      case "compute_gpg_outcome_advantage":
        return {
          advantages: spread(gpgAdvantages(scores, groups, names.length, inputs.number("f_norm", 1))),
        };
      case "compute_opo_outcome_advantage": {
        const lengths = Float64Array.from(masks, (mask) => mask.reduce((sum, bit) => sum + bit, 0));
        return {
          advantages: spread(perGroup((rows) => opoAdvantages(pick(rows, scores), pick(rows, lengths)))),
        };
      }
      case "compute_grpo_passk_outcome_advantage":
        return {
          advantages: spread(
            perGroup((rows, name) =>
              passAtKAdvantages(pick(rows, scores), normFlag(inputs) ? epsilon : undefined, name),
            ),
          ),
        };
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
