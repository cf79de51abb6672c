import type { Recorded } from "../model/trajectory";
import type { Task } from "./services";

/** Which function to run over which trajectories. */
export interface RecomputeRequest {
  readonly trajectoryIds: readonly string[];
  /** Python file and the name of the reward function in it. */
  readonly file: string;
  readonly functionName: string;
  /** The user's interpreter. */
  readonly python: string;
}

/** One trajectory under the user's function. Absent numbers were not recorded, or not given. */
export interface RecomputedReward {
  readonly trajectoryId: string;
  readonly recorded?: Recorded;
  readonly recomputed?: Recorded;
  /** recomputed - recorded, where both are numbers. */
  readonly difference?: number;
  readonly components: Readonly<
    Record<string, { readonly recorded?: Recorded; readonly recomputed?: Recorded }>
  >;
  /** Reward of each step, for functions of observation and action; NaN where it gave none. */
  readonly steps?: Float64Array;
  /** Why there is no reward, one sentence. */
  readonly message?: string;
}

export interface RecomputeReport {
  readonly file: string;
  readonly functionName: string;
  readonly python: string;
  /** How the function is called: on a text, on a batch of completions, on the transitions of an episode. */
  readonly kind: "text" | "batch" | "transition";
  readonly seconds: number;
  readonly rows: readonly RecomputedReward[];
  /** Same number, other number, one of the two missing, function failed. */
  readonly equal: number;
  readonly changed: number;
  readonly incomparable: number;
  readonly failed: number;
  /** Means over the trajectories that have both. */
  readonly recordedMean?: number;
  readonly recomputedMean?: number;
}

/** Rewards recomputed with the user's own Python function. It runs the user's code: only where the workspace is trusted. */
export interface Recompute {
  /** @throws Failure when Python cannot be started or the function cannot be imported or called */
  rewards(request: RecomputeRequest, task?: Task<{ done: number; total: number }>): Promise<RecomputeReport>;
}
