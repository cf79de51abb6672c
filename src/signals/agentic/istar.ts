import { whitenPolicyTokens } from "../advantage/reinforcePlusPlus";
import { binary, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import type { GroupConvention } from "../kernels/groupNormalisation";
import type { Missing } from "../series/episode";
import { numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { normaliseByTask, rowConvention, type RowMode, type StepRows } from "./twoLevelAdvantage";
import type { TwoLevel } from "./twoLevelExplanation";

/** Leave-one-out over trajectories; alone, the value itself. */
const rlooRows: GroupConvention = { ...rowConvention("mean_norm", "reward"), baseline: "leave-one-out" };

/**
 * iStar advantages with RLOO baselines (istar/core_istar.py, compute_istar_rloo_advantage). As released the step
 * baseline, like the episode's, counts only the first row of each trajectory.
 *
 * @param episodeScores token reward sum of each row, [N]; @param stepScores implicit step reward of each row, [N]
 * @param episodeWeight 0 gives the process part alone
 */
export function istarRloo(
  rows: StepRows,
  episodeScores: Float64Array,
  stepScores: Float64Array,
  stepWeight: number,
  episodeWeight = 1,
): TwoLevel {
  return join(
    normaliseByTask(rows, episodeScores, rlooRows, "trajectories"),
    normaliseByTask(rows, stepScores, rlooRows, "trajectories"),
    episodeWeight,
    stepWeight,
  );
}

/** The same with group mean, and deviation in `mean_std_norm` (compute_istar_grpo_advantage). */
export function istarGrpo(
  rows: StepRows,
  episodeScores: Float64Array,
  stepScores: Float64Array,
  stepWeight: number,
  mode: RowMode,
  epsilon: number,
): TwoLevel {
  const convention = rowConvention(mode, "reward", epsilon);
  return join(
    normaliseByTask(rows, episodeScores, convention, "trajectories"),
    normaliseByTask(rows, stepScores, convention, "trajectories"),
    1,
    stepWeight,
  );
}

/** RLOO on outcome plus weighted process reward (process_outcome_combined_advantage). */
export function istarCombined(
  rows: StepRows,
  episodeScores: Float64Array,
  stepScores: Float64Array,
  stepWeight: number,
): Float64Array {
  const combined = episodeScores.map((score, row) => score + stepWeight * stepScores[row]!);
  return normaliseByTask(rows, combined, rlooRows, "trajectories").advantages;
}

/**
 * REINFORCE++ with baseline (compute_istar_reinforce_plus_baseline_advantage): both parts centred, spread over the
 * tokens and whitened each over the batch.
 *
 * @param masks 1 = policy token, [N][T]; @returns [N][T]
 */
export function istarReinforce(
  rows: StepRows,
  episodeScores: Float64Array,
  stepScores: Float64Array,
  stepWeight: number,
  masks: readonly Float64Array[],
): readonly Float64Array[] {
  const convention = rowConvention("mean_norm", "reward");
  const part = (scores: Float64Array): readonly Float64Array[] => {
    const { advantages } = normaliseByTask(rows, scores, convention, "trajectories");
    return whitenPolicyTokens(
      masks.map((mask, row) => mask.map((bit) => bit * advantages[row]!)),
      masks,
    );
  };
  const episode = part(episodeScores);
  const step = part(stepScores);
  return episode.map((row, i) => row.map((value, t) => value + stepWeight * step[i]![t]!));
}

function join(
  episode: TwoLevel["episode"],
  step: TwoLevel["step"],
  episodeWeight: number,
  stepWeight: number,
): TwoLevel {
  const advantages = episode.advantages.map(
    (value, row) => episodeWeight * value + stepWeight * step.advantages[row]!,
  );
  return { episode, step, episodeWeight, stepWeight, advantages };
}

export interface ImplicitRewards {
  /** log-ratio of reward model to reference per response token, 0 behind the response, [N][T], nats. */
  readonly ratios: readonly Float64Array[];
  /** Rewards before normalisation, [N][T]. */
  readonly raw: readonly Float64Array[];
  /** Rewards after normalisation, [N][T]. */
  readonly rewards: readonly Float64Array[];
}

/**
 * Implicit process rewards (istar/dp_rm.py): `beta * (log pi_phi - log pi_ref)` per token, optionally accumulated
 * backwards with lambda. `step` puts the sum on the last response token; `token` gives every token its own but leaves
 * the last response token empty. `batch_norm` divides by the largest |suffix sum| of the batch plus 1e-6.
 *
 * @param rewardLogprobs [N][T]; @param referenceLogprobs [N][T]; @param lengths response tokens of each row, [N]
 */
export function implicitRewards(
  rewardLogprobs: readonly Float64Array[],
  referenceLogprobs: readonly Float64Array[],
  lengths: ArrayLike<number>,
  options: {
    readonly beta: number;
    readonly lambda: number;
    readonly granularity: "step" | "token";
    readonly batchNorm: boolean;
  },
): ImplicitRewards {
  const ratios = rewardLogprobs.map((row, i) =>
    row.map((value, t) => (t < lengths[i]! ? value - referenceLogprobs[i]![t]! : 0)),
  );
  const raw = ratios.map((row, i) => {
    const length = lengths[i]!;
    const perToken = row.map((value) => options.beta * value);
    const carried =
      options.lambda === 0
        ? perToken
        : accumulateBackward(perToken, options.lambda, new Float64Array(row.length));
    const out = new Float64Array(row.length);
    if (length <= 0) return out;
    if (options.granularity === "token") for (let t = 0; t < length - 1; t++) out[t] = carried[t]!;
    else out[length - 1] = perToken.reduce((sum, value) => sum + value, 0);
    return out;
  });
  if (!options.batchNorm) return { ratios, raw, rewards: raw };
  let largest = 0;
  for (const row of raw)
    for (const sum of accumulateBackward(row, 1, new Float64Array(row.length)))
      largest = Math.max(largest, Math.abs(sum));
  return { ratios, raw, rewards: raw.map((row) => row.map((value) => value / (largest + 1e-6))) };
}

interface Prepared {
  readonly own: Float64Array;
  readonly reference: Float64Array;
  readonly mask: Uint8Array | undefined;
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const { tokens } = context.trajectory;
  const scored = (name: string): Float64Array | undefined =>
    context.scores?.find(
      (series) => series.name === name && series.level === "token" && series.values.length === tokens?.count,
    )?.values;
  const own = tokens?.series["rm_logprob"] ?? scored("rm_logprob") ?? scored("logprob");
  if (!own || !tokens) {
    return {
      missing: ["logprobs"],
      how: "Needs log-probabilities under the reward language model: choose it as a policy model and score the trajectory.",
    };
  }
  const reference =
    textOf(parameters, "reference") === "old-policy"
      ? tokens.series["logprob"]
      : (tokens.series["ref_logprob"] ?? scored("ref_logprob"));
  if (!reference) return { missing: ["refLogprobs"], how: needHow.refLogprobs };
  return { own, reference, mask: tokens.mask };
}

/** Heat map behind iStar's step reward: beta times the log-ratio at every token. */
export const istarTokenReward: Signal = {
  id: "istar-token-reward",
  title: "Implicit process reward",
  family: "agentic",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["logprobs", "refLogprobs"],
  inputs: [{ kind: "token", name: "rm_logprob", meaning: "log-probability under the reward language model" }],
  parameters: [
    { name: "beta", description: "Scale of the log-ratio.", type: "number", default: 0.05 },
    {
      name: "reference",
      description: "What the reward model is compared with: the sampling policy, or a reference model.",
      type: "choice",
      choices: ["old-policy", "reference"],
      default: "old-policy",
    },
  ],
  presets: [
    {
      id: "script",
      title: "iStar, released script",
      values: { beta: 0.05, reference: "old-policy" },
      source:
        "Tongyi-ConvAI/Qwen-Character, CharacterRL-iStar/examples/istar_trainer/run_webshop.sh (no reference path, so the old policy)",
    },
    {
      id: "reference",
      title: "With a reference model",
      values: { beta: 0.05, reference: "reference" },
      source: "Liu et al. 2025, iStar / OPRL; istar/dp_rm.py",
    },
  ],
  source:
    "Liu et al. 2025, Online Process Reward Learning (iStar); Tongyi-ConvAI/Qwen-Character, CharacterRL-iStar/istar/dp_rm.py",
  description:
    "How much more likely a trained reward language model finds each token than the reference: beta times the log-ratio. Its sum over a step is the step's reward.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const beta = numberOf(parameters, "beta");
    const { own, reference, mask } = prepared;
    return {
      level: "token",
      values: own.map((value, t) => (mask && mask[t] === 0 ? NaN : beta * (value - reference[t]!))),
      notes: ["Before batch normalisation, which divides by the largest sum of the training batch."],
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { own, reference, mask } = prepared;
    const beta = numberOf(parameters, "beta");
    if (index < 0 || index >= own.length || (mask && mask[index] === 0)) return undefined;
    const value = beta * (own[index]! - reference[index]!);
    if (Number.isNaN(value)) return undefined;
    const at = { trajectoryId: context.trajectory.id, tokenIndex: index };
    const difference: Expression = binary(
      "-",
      symbol("logp_rm", own[index]!, "log-probability under the reward model", at),
      symbol("logp_ref", reference[index]!, "log-probability under the reference", at),
    );
    return {
      title: "Implicit process reward",
      convention: `beta ${beta}, reference: ${textOf(parameters, "reference")}`,
      lines: [
        { name: `r_${index}`, expression: binary("*", symbol("beta", beta, "scale"), difference), value },
      ],
      source: istarTokenReward.source,
      notes: [],
    };
  },
};
