/**
 * Places labels of one height along a line so that none covers another: as near to where they are wanted as the least
 * squares of all shifts allow, in the same order (pooling of adjacent violators), inside [low, high].
 * @param wanted places of the middles, in pixels
 * @param gap least distance of two middles
 * @returns places in the order of `wanted`; undefined when there is no room for all
 */
export function spreadLabels(
  wanted: readonly number[],
  gap: number,
  low: number,
  high: number,
): readonly number[] | undefined {
  if ((wanted.length - 1) * gap > high - low) return undefined;
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  // With the gaps taken out, labels that keep their order are a monotone series.
  const pools: { sum: number; size: number }[] = [];
  order.forEach((index, rank) => {
    let pool = { sum: wanted[index]! - rank * gap, size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.size > pool.sum / pool.size; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, size: pool.size + last.size };
      pools.pop();
    }
    pools.push(pool);
  });
  const room = high - (wanted.length - 1) * gap;
  const placed: number[] = [];
  let rank = 0;
  for (const { sum, size } of pools) {
    const start = Math.max(low, Math.min(room, sum / size));
    for (let member = 0; member < size; member++, rank++) placed[order[rank]!] = start + rank * gap;
  }
  return placed;
}
