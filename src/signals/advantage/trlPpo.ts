import { klEstimate } from "../loss/klEstimators";
import { torchWhitening, whitenRows } from "../kernels/whitening";
import { generalisedAdvantages } from "./generalisedAdvantages";

export interface TrlPpoInput {
  /** Log-probabilities of the response tokens under the policy, padded, [N][T], nats. */
  readonly logprobs: readonly Float64Array[];
  readonly refLogprobs: readonly Float64Array[];
  /** Values before each token, padded, [N][T]. */
  readonly values: readonly Float64Array[];
  /** Reward-model score of each response, [N]. */
  readonly scores: Float64Array;
  /** Index of the last response token of each row, [N]. */
  readonly lastResponseIndex: ArrayLike<number>;
  readonly klEstimator: "k1" | "k3";
  readonly klCoefficient: number;
  readonly gamma: number;
  readonly lambda: number;
  readonly whitenRewards: boolean;
}

/**
 * Rewards, advantages and returns of TRL's PPO trainer (trl/experimental/ppo/ppo_trainer.py, PPOTrainer.train):
 * the KL penalty enters per token, the score stands one position *after* the last response token when there is one,
 * GAE runs without a mask over values that are zeroed beyond that position, and advantages are whitened over the
 * response tokens and zeroed behind them.
 *
 * @returns three [N][T] matrices
 */
export function trlPpoAdvantages(input: TrlPpoInput): {
  readonly rewards: readonly Float64Array[];
  readonly advantages: readonly Float64Array[];
  readonly returns: readonly Float64Array[];
} {
  const { logprobs, refLogprobs, scores, lastResponseIndex } = input;
  const responseMask = logprobs.map((row, i) =>
    Uint8Array.from(row, (_, t) => (t <= lastResponseIndex[i]! ? 1 : 0)),
  );
  const valueMask = logprobs.map((row, i) =>
    Uint8Array.from(row, (_, t) => (t <= lastResponseIndex[i]! + 1 ? 1 : 0)),
  );
  let rewards: readonly Float64Array[] = logprobs.map((row, i) => {
    const out = row.map(
      (own, t) => -input.klCoefficient * klEstimate(own, refLogprobs[i]![t]!, input.klEstimator, "unclamped"),
    );
    const after = lastResponseIndex[i]! + 1;
    const at = after < row.length ? after : lastResponseIndex[i]!;
    out[at] = out[at]! + scores[i]!;
    return out;
  });
  if (input.whitenRewards) {
    rewards = whitenRows(rewards, valueMask, { ...torchWhitening, shiftMean: false }).map((row, i) =>
      row.map((value, t) => (valueMask[i]![t] ? value : 0)),
    );
  }
  const results = rewards.map((row, i) => {
    const values = input.values[i]!.map((value, t) => (valueMask[i]![t] ? value : 0));
    const nextValues = new Float64Array(row.length);
    for (let t = 0; t + 1 < row.length; t++) nextValues[t] = values[t + 1]!;
    return generalisedAdvantages(
      { rewards: row, values, nextValues, carries: new Float64Array(row.length).fill(1) },
      input.gamma,
      input.lambda,
    );
  });
  const whitened = whitenRows(
    results.map((result) => result.advantages),
    responseMask,
  );
  return {
    rewards,
    advantages: whitened.map((row, i) => row.map((value, t) => (responseMask[i]![t] ? value : 0))),
    returns: results.map((result) => result.returns),
  };
}
