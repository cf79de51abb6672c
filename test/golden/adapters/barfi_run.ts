import {
  alignedRewards,
  alignmentHead,
  maskedReturns,
  type AlignmentHeads,
} from "../../../src/signals/control/alignedReward";
import { softmaxLogProbabilities, type SoftmaxPolicy } from "../../../src/signals/control/alignmentGradients";
import { InputError, list, vector, type Adapter, type Golden } from "../adapter";

interface Layer {
  readonly weights: Float64Array[];
  readonly biases: Float64Array;
}

/** The one linear layer of a saved module. */
function layerOf(value: Golden, name: string): Layer {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError(name, "an object");
  const module = value as { readonly [key: string]: Golden };
  return {
    weights: list(module["fc1.weight"], name).map((row) => vector(row)),
    biases: vector(module["fc1.bias"], name),
  };
}

export const adapter: Adapter = {
  // Float32 tensors of torch; returns are sums over up to fifty of them.
  tolerance: { relative: 1e-5, absolute: 1e-5 },
  run({ inputs, file }) {
    const heads: AlignmentHeads = { kind: "plain", ...layerOf(file["reward_weights"], "reward_weights") };
    const policy: SoftmaxPolicy = layerOf(file["actor_weights"], "actor_weights");
    const features = inputs.matrix("features");
    const actions = inputs.vector("action");
    const primary = inputs.vector("reward");
    const rewards = alignedRewards(heads, features, primary, inputs.vector("aux_reward"));
    const every = new Float64Array(primary.length).fill(1);
    return {
      phi1: features.map((row) => alignmentHead(heads, 0, row)),
      phi3: features.map((row) => alignmentHead(heads, 2, row)),
      r_phi: rewards,
      return_to_go: maskedReturns(rewards, every, Number(file["gamma"])),
      log_prob: features.map((row, t) => softmaxLogProbabilities(policy, row)[actions[t]!]!),
      primary_return: maskedReturns(primary, every, 1)[0],
    };
  },
};
