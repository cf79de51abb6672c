import { meanAndSpread } from "../kernels/groupNormalisation";
import { vtrace } from "../offpolicy/vtrace";

/** Columns of consecutive trajectories of equal length, [N] each. */
export interface LearnerRows {
  readonly values: Float64Array;
  readonly rewards: Float64Array;
  /** 1 = the episode ended with this step. */
  readonly dones: Float64Array;
  /** Current over sampling probability of the action. */
  readonly ratios: Float64Array;
}

/**
 * V-trace as the learner of Sample Factory runs it (facebookresearch/oni, appo/learner.py): the value behind the last step
 * of a trajectory is (last value - last reward) / gamma.
 *
 * @param length steps of each trajectory; @param clipRho, @param clipC limits of the ratios
 */
export function learnerTargets(
  { values, rewards, dones, ratios }: LearnerRows,
  length: number,
  gamma: number,
  clipRho: number,
  clipC: number,
): { readonly advantages: Float64Array; readonly targets: Float64Array } {
  const advantages = new Float64Array(values.length);
  const targets = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    const cut = (column: Float64Array): Float64Array => column.slice(start, start + length);
    const own = cut(values);
    const last = own.length - 1;
    const bootstrap = (own[last]! - rewards[start + last]!) / gamma;
    const result = vtrace(
      {
        values: own,
        nextValues: Float64Array.from(own, (_, t) => (t < last ? own[t + 1]! : bootstrap)),
        rewards: cut(rewards),
        discounts: cut(dones).map((done) => gamma * (1 - done)),
        ratios: cut(ratios),
      },
      1,
      clipRho,
      clipRho,
      1,
      clipC,
    );
    advantages.set(result.advantages, start);
    targets.set(result.targets, start);
  }
  return { advantages, targets };
}

/** Advantages of a batch as the learner normalises them: (x - mean) / max(0.001, deviation over n-1). */
export function learnerNormalised(advantages: Float64Array): Float64Array {
  const { mean, spread } = meanAndSpread(advantages, "sample");
  return advantages.map((value) => (value - mean) / Math.max(1e-3, spread));
}
