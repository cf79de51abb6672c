import {
  alignedRewards,
  alignmentGamma,
  alignmentGammaStart,
  alignmentHead,
  loggedAlignedReturn,
  maskedReturns,
  type AlignmentHeads,
  type AlignmentKind,
} from "../../../src/signals/control/alignedReward";
import {
  alignmentGradient,
  policyObjective,
  type MaskedEpisode,
  type SoftmaxPolicy,
} from "../../../src/signals/control/alignmentGradients";
import { InputError, Inputs, list, vector, type Adapter, type Golden } from "../adapter";

const kinds: Readonly<Record<string, AlignmentKind>> = {
  "barfi-cp": "scaled",
  "barfi-mc": "scaled",
  "barfi-gw": "plain",
  "barfi-mujoco": "constant",
};

/** The experiment's folder holds its own classes; it is the first part of the function's path. */
function kindOf(fn: string, inputs: Inputs): AlignmentKind {
  const folder = inputs.has("variant") ? inputs.text("variant") : fn.split("/")[0]!;
  const kind = kinds[folder];
  if (!kind) throw new InputError("variant", `known (${folder})`);
  return kind;
}

function headsOf(kind: AlignmentKind, inputs: Inputs): AlignmentHeads {
  return kind === "constant"
    ? { kind, weights: inputs.matrix("bias_weight"), biases: new Float64Array(0) }
    : { kind, weights: inputs.matrix("fc1_weight"), biases: inputs.vector("fc1_bias") };
}

function policyOf(inputs: Inputs): SoftmaxPolicy {
  return { weights: inputs.matrix("actor_weight"), biases: inputs.vector("actor_bias") };
}

function episodesOf(batch: { readonly [key: string]: Golden }): MaskedEpisode[] {
  const of = (name: string): readonly Golden[] => list(batch[name], name);
  return of("s").map((states, episode) => ({
    features: list(states).map((row) => vector(row)),
    actions: list(of("a")[episode]).map((row) => vector(row)[0]!),
    primary: vector(of("r")[episode]),
    auxiliary: vector(of("aux_r")[episode]),
    mask: vector(of("mask")[episode]),
  }));
}

const rewardsOf = (heads: AlignmentHeads, { features, primary, auxiliary }: MaskedEpisode): Float64Array =>
  alignedRewards(heads, features, primary, auxiliary);

/** mean |weight| of the first and third head where the release logs those, else the heads' outputs. */
function logged(heads: AlignmentHeads, features: readonly Float64Array[]): unknown {
  return [0, 2].map((head) => {
    if (heads.kind === "scaled") {
      const row = heads.weights[head]!;
      return row.reduce((sum, value) => sum + Math.abs(value), 0) / row.length;
    }
    return features.map((row) => [alignmentHead(heads, head, row)]);
  });
}

export const adapter: Adapter = {
  // Float32 tensors of torch.
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ fn, inputs }) {
    if (fn.includes("Alignment_Reward.forward")) {
      const heads = headsOf(kindOf(fn, inputs), inputs);
      const features = inputs.matrix("state_features");
      const column = (name: string): Float64Array => Float64Array.from(inputs.matrix(name), (row) => row[0]!);
      const rewards = alignedRewards(heads, features, column("primary_reward"), column("aux_reward"));
      return {
        r_phi: Array.from(rewards, (reward) => [reward]),
        gamma: [alignmentGamma(inputs.number("gamma_param", alignmentGammaStart))],
        forward_outputs_x1_x3: logged(heads, features),
      };
    }
    const policy = policyOf(inputs);
    if (fn.endsWith("outer_Neumann")) {
      const gradient = alignmentGradient(
        policy,
        headsOf(kindOf(fn, inputs), inputs),
        inputs.number("gamma_param", alignmentGammaStart),
        episodesOf(inputs.object("on_policy_batch")),
        episodesOf(inputs.object("off_policy_batch")),
        {
          loops: inputs.number("Neumann_loops"),
          alpha: inputs.number("Neumann_alpha"),
          rewardL2: inputs.number("reward_L2"),
          gammaL2: inputs.number("gamma_L2"),
          entropy: inputs.number("actor_reg"),
          primaryGamma: inputs.number("gamma_primary"),
        },
      );
      const weights = gradient.weights;
      return {
        d_fc1_weight: weights,
        d_bias_weight: weights,
        d_fc1_bias: gradient.biases,
        d_gamma_param: [gradient.gamma],
      };
    }
    const episodes = episodesOf(inputs.object("batch"));
    const config = new Inputs(inputs.has("config") ? inputs.object("config") : {});
    if (fn.endsWith("get_aligned_return_gamma")) {
      const gamma = alignmentGamma(inputs.number("gamma_param", alignmentGammaStart));
      const first = episodes[0]!;
      const returns = maskedReturns(rewardsOf(headsOf(kindOf(fn, inputs), inputs), first), first.mask, gamma);
      return {
        mean_return: loggedAlignedReturn(
          returns,
          episodes.map(({ mask }) => mask),
        ),
        gamma,
      };
    }
    let returns: Float64Array[];
    let entropy: number;
    if (fn.endsWith("REINFORCEPotential.py::optimize")) {
      const gamma = inputs.number("gamma", config.number("gamma", 0.99));
      returns = episodes.map(({ primary, auxiliary, mask }) =>
        maskedReturns(primary, mask, gamma).map((value, t) => value - auxiliary[t]!),
      );
      entropy = inputs.number("actor_reg", config.number("actor_reg", 0));
    } else if (fn.endsWith("get_policy_loss")) {
      const settings = new Inputs(inputs.has("kwargs") ? inputs.object("kwargs") : {});
      const aligned = settings.flag("alignment", true);
      const gamma = aligned
        ? alignmentGamma(inputs.number("gamma_param", alignmentGammaStart))
        : config.number("gamma");
      const heads =
        aligned && !settings.flag("naive", false) ? headsOf(kindOf(fn, inputs), inputs) : undefined;
      returns = episodes.map((episode) => {
        const { primary, auxiliary, mask } = episode;
        const rewards = !aligned
          ? primary
          : heads
            ? rewardsOf(heads, episode)
            : primary.map((reward, t) => reward + auxiliary[t]!);
        return maskedReturns(rewards, mask, gamma);
      });
      entropy = config.number("actor_reg", 0) > 0 ? settings.number("actor_reg", 0) : 0;
    } else throw new InputError("function", `known (${fn})`);
    const { value, gradient } = policyObjective(policy, episodes, returns, entropy);
    return { value, grad_actor_weight: gradient.weights, grad_actor_bias: gradient.biases };
  },
};
