/** Best-of-n curve over one prompt's samples. */
export interface BestOfNCurve {
  /** Expected proxy reward of the best of n samples, n = 1..N, [N]. */
  readonly proxy: Float64Array;
  /** Expected gold reward of the sample that the proxy chooses, [N]. */
  readonly gold: Float64Array;
}

/**
 * Expected rewards of choosing the best of n by a proxy, over all ways to draw n of the N samples without replacement: the
 * sample at rank i (from 1, the lowest first) is the best of C(i-1, n-1) of the C(N, n) draws. Samples with equal proxy
 * rewards share their chances.
 *
 * @param proxy reward by which one chooses, [N]; @param gold reward that is wanted, [N]
 */
export function bestOfNCurve(proxy: ArrayLike<number>, gold: ArrayLike<number>): BestOfNCurve {
  const size = proxy.length;
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => proxy[a]! - proxy[b]!);
  // Equal proxies: each of them is drawn as often, so the gold reward of the tie is its mean.
  const shared = new Float64Array(size);
  for (let start = 0; start < size;) {
    let end = start;
    while (end + 1 < size && proxy[order[end + 1]!] === proxy[order[start]!]) end++;
    let sum = 0;
    for (let i = start; i <= end; i++) sum += gold[order[i]!]!;
    for (let i = start; i <= end; i++) shared[i] = sum / (end - start + 1);
    start = end + 1;
  }
  const out = { proxy: new Float64Array(size), gold: new Float64Array(size) };
  for (let n = 1; n <= size; n++) {
    // Chance that rank i is the best of n: C(i-1, n-1) / C(N, n), from the top rank n/N downwards.
    let chance = n / size;
    for (let i = size; i >= n; i--) {
      out.proxy[n - 1]! += chance * proxy[order[i - 1]!]!;
      out.gold[n - 1]! += chance * shared[i - 1]!;
      if (i > n) chance *= (i - n) / (i - 1);
    }
  }
  return out;
}

/** KL divergence of best-of-n sampling from the policy, nats (log n - (n - 1) / n). */
export function bestOfNDivergence(n: number): number {
  return Math.log(n) - (n - 1) / n;
}

/**
 * Dense credit by a reward model's attention: the reward of the whole response, shared in proportion to the attention that
 * its reward position pays to each token. The shares add up to the reward.
 *
 * @param attention of the reward position to each token, [T]; @param mask 1 = token of the response, [T]
 * @returns NaN where the mask is 0, and everywhere when no attention falls on the response
 */
export function attentionCredit(
  reward: number,
  attention: ArrayLike<number>,
  mask: ArrayLike<number>,
): Float64Array {
  let total = 0;
  for (let t = 0; t < attention.length; t++) if (mask[t]) total += attention[t]!;
  return Float64Array.from({ length: attention.length }, (_, t) =>
    mask[t] && total !== 0 ? (reward * attention[t]!) / total : NaN,
  );
}
