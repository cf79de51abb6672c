import { accumulateBackward } from "../kernels/backwardRecursion";

/** A transition of an episode that stores no final observation, by step numbers. */
export interface StepTransition {
  readonly step: number;
  /** Step of the next observation; undefined = behind the end, where zeros stand. */
  readonly next: number | undefined;
  /** Discounted sum of rewards over the interval. */
  readonly reward: number;
  readonly terminal: boolean;
  /** Steps that the transition spans. */
  readonly interval: number;
}

/**
 * Transitions of an episode as d3rlpy picks them (takuseno/d3rlpy, d3rlpy/dataset/transition_pickers.py): `span` 1 is the
 * basic picker, a larger one the multi-step picker, which bootstraps at min(t + span, end) with the real interval. A
 * non-terminated episode has no transition at its last step, which serves as a next observation alone.
 *
 * @param rewards [T]
 */
export function pickTransitions(
  rewards: Float64Array,
  terminated: boolean,
  span: number,
  gamma: number,
): StepTransition[] {
  const count = terminated ? rewards.length : Math.max(0, rewards.length - 1);
  return Array.from({ length: count }, (_, step) => {
    const end = Math.min(step + span, count);
    let reward = 0;
    for (let t = step; t < end; t++) reward += gamma ** (t - step) * rewards[t]!;
    const terminal = terminated && end === rewards.length;
    return { step, next: terminal ? undefined : end, reward, terminal, interval: end - step };
  });
}

/** Undiscounted return to go of each step, [T]. */
export function returnsToGo(rewards: Float64Array): Float64Array {
  return accumulateBackward(rewards, 1, new Float64Array(rewards.length));
}

/** A padded stretch of an episode; padding stands in front. */
export interface EpisodeSlice {
  /** Step at each place; undefined = padding. */
  readonly steps: readonly (number | undefined)[];
  /** Step numbers counted from 1, padding 0. */
  readonly timesteps: readonly number[];
}

/** The `size` steps that end with step `end` (trajectory_slicers.py, BasicTrajectorySlicer). */
export function sliceEpisode(end: number, size: number): EpisodeSlice {
  const steps = Array.from({ length: size }, (_, k) => {
    const step = end - size + 1 + k;
    return step < 0 ? undefined : step;
  });
  return { steps, timesteps: steps.map((step) => (step === undefined ? 0 : step + 1)) };
}
