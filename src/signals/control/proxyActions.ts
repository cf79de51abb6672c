/** A padded window of normalised states, [K][S]. */
export type StateWindow = readonly Float64Array[];

export interface StateScale {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * Window of an inverse dynamics model (SS-ORL, Zheng et al., 2023; facebookresearch/ssorl, data.py, get_transition):
 * `past` states before step t, the state at t, and the one after it. Missing places are filled on the left with zeros
 * before the scaling, so they become -mean / deviation; at the last step the next state is missing, and the others move.
 * With no past states the window is the state alone.
 */
export function inverseModelWindow(
  states: readonly Float64Array[],
  step: number,
  past: number,
  { mean, deviation }: StateScale,
): StateWindow {
  const size = past === 0 ? 1 : past + 2;
  const own = states.slice(Math.max(0, step - past), past === 0 ? step + 1 : step + 2);
  const empty = new Float64Array(mean.length);
  return Array.from({ length: size }, (_, k) =>
    (own[k - (size - own.length)] ?? empty).map((value, d) => (value - mean[d]!) / deviation[d]!),
  );
}

/** Diagonal Gaussian over actions of one member of the ensemble. */
export interface ActionGaussian {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

export interface ProxyAction {
  /** Mean of the members' means, held to the action range, [A]. */
  readonly action: Float64Array;
  /** Mean over dimensions of mean variance + mean squared mean - squared action; the action being the held one. */
  readonly uncertainty: number;
}

/** Proxy action of an unlabelled step (inverse_model_seq.py, predict_actions_unlabeled_trajs). */
export function proxyAction(
  members: readonly ActionGaussian[],
  range: readonly [number, number],
): ProxyAction {
  const [first] = members;
  if (!first) throw new Error("A proxy action needs at least one member of the ensemble.");
  const action = first.mean.map((_, d) =>
    Math.min(
      range[1],
      Math.max(range[0], members.reduce((sum, { mean }) => sum + mean[d]!, 0) / members.length),
    ),
  );
  let uncertainty = 0;
  action.forEach((value, d) => {
    const second = members.reduce((sum, { mean, deviation }) => sum + deviation[d]! ** 2 + mean[d]! ** 2, 0);
    uncertainty += second / members.length - value ** 2;
  });
  return { action, uncertainty: uncertainty / action.length };
}

/** Return to go divided by the steps that the longest episode still has, [T] (avg_rtg). */
export function averageReturnToGo(returns: Float64Array, longest: number): Float64Array {
  return returns.map((value, t) => value / (longest - t));
}

/** Which trajectories, sorted by return from the worst, may keep their actions (data.py, setup_action_label). */
export interface LabelSplit {
  /** How many are drawn from those below `bound`. */
  readonly labelled: number;
  /** Trajectories from here on are never labelled. */
  readonly bound: number;
}

export function labelSplit(count: number, threshold: number, share: number): LabelSplit {
  const bound = Math.trunc(count * threshold);
  return { bound, labelled: Math.min(bound, Math.trunc(count * share)) };
}
