/** First and last transition (inclusive) of each stretch. */
export interface Stretches {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/**
 * Episodes of a buffer (ASAF, Barde et al., 2020; ubisoft/ubisoft-laforge-asaf, irl/asaf.py, mask_to_episodes_limits).
 * A mask of 0 is an episode's last transition; what follows the last 0 belongs to no episode.
 */
export function episodeLimits(mask: ArrayLike<number>): Stretches {
  const ends = Array.from(mask).flatMap((value, index) => (value === 0 ? [index] : []));
  return { starts: ends.map((_, k) => (k === 0 ? 0 : ends[k - 1]! + 1)), ends };
}

/** Cuts episodes into windows of `size` transitions, the last of each being shorter (split_episodes_to_windows). */
export function episodeWindows({ starts, ends }: Stretches, size: number): Stretches {
  if (!(size >= 1))
    throw new Error(`Windows of ${size} transitions cannot be cut: the size must be at least 1.`);
  const windows = { starts: [] as number[], ends: [] as number[] };
  starts.forEach((start, k) => {
    for (let at = start; at <= ends[k]!; at += size) {
      windows.starts.push(at);
      windows.ends.push(Math.min(at + size - 1, ends[k]!));
    }
  });
  return windows;
}

/**
 * Starts of windows laid over a whole buffer across episodes (mask_to_window_start); the last one ends with the buffer
 * even when the stride does not lead there.
 *
 * @param length transitions in the buffer
 * @throws Error when the buffer is shorter than one window
 */
export function bufferWindowStarts(length: number, size: number, stride: number): readonly number[] {
  if (!(size >= 1) || !(stride >= 1))
    throw new Error(`A window of ${size} at a stride of ${stride} does not exist: both must be at least 1.`);
  const last = length - size;
  if (last < 0) throw new Error(`A window of ${size} transitions does not fit a buffer of ${length}.`);
  const starts: number[] = [];
  for (let at = 0; at <= last; at += stride) starts.push(at);
  if (starts[starts.length - 1] !== last) starts.push(last);
  return starts;
}

const softplus = (value: number): number => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));

/**
 * Loss of ASAF's structured discriminator (ASAFLearner.fit): D(w) = q_new / (q_new + q_old), q being the product of the
 * policies' probabilities over a window; mean of -log D over expert windows and -log(1 - D) over the learner's.
 *
 * @param newLogprobs sum of log-probabilities of each window under the policy in training, learner windows first, [N]
 * @param oldLogprobs the same under the generator, [N]
 */
export function structuredDiscriminatorLoss(
  newLogprobs: Float64Array,
  oldLogprobs: Float64Array,
  learnerWindows: number,
): number {
  let sum = 0;
  newLogprobs.forEach((value, i) => {
    const logit = value - oldLogprobs[i]!;
    sum += softplus(i < learnerWindows ? logit : -logit);
  });
  return sum / newLogprobs.length;
}
