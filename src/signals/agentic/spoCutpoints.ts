/** Tokens below this probability are uncertain: SPO cuts before them and credits only them. */
export const uncertainBelow = 0.9;

/**
 * Cutpoints before uncertain tokens: index of the token after which the state is valued, -1 = the prompt.
 *
 * @param probabilities of the sampled response tokens, [T]; @param interval keep every n-th, the first one included
 */
export function probabilityCutpoints(probabilities: ArrayLike<number>, interval: number): readonly number[] {
  const cutpoints: number[] = [];
  let met = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i]! >= uncertainBelow || Number.isNaN(probabilities[i]!)) continue;
    if (met % interval === 0) cutpoints.push(i - 1);
    met++;
  }
  return cutpoints;
}

/** Ends of k segments of nearly equal length but for the last one; the first `T mod k` are longer by one token. */
export function lengthCutpoints(tokenCount: number, segments: number): readonly number[] {
  const base = Math.floor(tokenCount / segments);
  const longer = tokenCount % segments;
  const cutpoints: number[] = [];
  let end = -1;
  for (let segment = 0; segment < segments - 1; segment++) {
    const size = base + (segment < longer ? 1 : 0);
    if (size === 0) break;
    end += size;
    cutpoints.push(end);
  }
  return cutpoints;
}
