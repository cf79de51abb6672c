/**
 * Fronts of two objectives, both to be maximised (NSGA-II; GPaolo/STAX, core/evolvers/utils.py,
 * fast_non_dominated_sort). A point is dominated by one that is at least as good in both and better in one.
 *
 * @returns indices per front, the best front first
 */
export function paretoFronts(first: ArrayLike<number>, second: ArrayLike<number>): number[][] {
  const size = first.length;
  const dominates = (p: number, q: number): boolean =>
    first[p]! >= first[q]! && second[p]! >= second[q]! && (first[p]! > first[q]! || second[p]! > second[q]!);
  const dominated: number[][] = Array.from({ length: size }, () => []);
  const above = new Int32Array(size);
  for (let p = 0; p < size; p++)
    for (let q = 0; q < size; q++) {
      if (dominates(p, q)) dominated[p]!.push(q);
      else if (dominates(q, p)) above[p]!++;
    }
  const fronts: number[][] = [];
  let front = Array.from({ length: size }, (_, p) => p).filter((p) => above[p] === 0);
  while (front.length > 0) {
    fronts.push(front);
    const next: number[] = [];
    for (const p of front)
      for (const q of dominated[p]!) {
        above[q]!--;
        if (above[q] === 0) next.push(q);
      }
    front = next;
  }
  return fronts;
}

/** Members of a front in ascending order of a value; equal values keep the order of their indices. */
const ascending = (front: readonly number[], values: ArrayLike<number>): number[] =>
  [...front].sort((a, b) => values[a]! - values[b]! || a - b);

/**
 * Crowding distance of a front, as released: the first and last *positions* of the list get Infinity, whichever points
 * stand there, and position k gets the gap around the k-th point in sorted order. A constant objective gives Infinity.
 *
 * @param values of all points, not of the front alone: their range is the scale
 */
export function crowdingDistance(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  front: readonly number[],
): Float64Array {
  const out = new Float64Array(front.length);
  if (front.length === 0) throw new Error("A crowding distance needs a front of at least one point.");
  out[0] = Infinity;
  out[front.length - 1] = Infinity;
  for (const values of [first, second]) {
    const all = Array.from(values);
    const range = Math.max(...all) - Math.min(...all);
    const order = ascending(front, values);
    for (let k = 1; k < front.length - 1; k++)
      out[k] = range === 0 ? Infinity : out[k]! + (values[order[k + 1]!]! - values[order[k - 1]!]!) / range;
  }
  return out;
}
