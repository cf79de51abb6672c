interface Match {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

/** Where each element of the second sequence stands; elements that make up over 1% of 200 or more are left out. */
function positionsOf<T>(sequence: readonly T[]): ReadonlyMap<T, readonly number[]> {
  const positions = new Map<T, number[]>();
  sequence.forEach((element, index) => {
    const known = positions.get(element);
    if (known) known.push(index);
    else positions.set(element, [index]);
  });
  if (sequence.length >= 200) {
    const limit = Math.floor(sequence.length / 100) + 1;
    for (const [element, places] of positions) if (places.length > limit) positions.delete(element);
  }
  return positions;
}

/** Longest common run inside two windows; the earliest in the first sequence, then in the second, wins. */
function longestRun<T>(
  first: readonly T[],
  second: readonly T[],
  positions: ReadonlyMap<T, readonly number[]>,
  [aLow, aHigh, bLow, bHigh]: readonly [number, number, number, number],
): Match {
  let best: Match = { a: aLow, b: bLow, size: 0 };
  let lengths = new Map<number, number>();
  for (let i = aLow; i < aHigh; i++) {
    const next = new Map<number, number>();
    for (const j of positions.get(first[i]!) ?? []) {
      if (j < bLow) continue;
      if (j >= bHigh) break;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size };
    }
    lengths = next;
  }
  // Frequent elements were left out of the search, but a run may be extended over them.
  let { a, b, size } = best;
  while (a > aLow && b > bLow && first[a - 1] === second[b - 1]) {
    a--;
    b--;
    size++;
  }
  while (a + size < aHigh && b + size < bHigh && first[a + size] === second[b + size]) size++;
  return { a, b, size };
}

/**
 * Ratcliff-Obershelp similarity, 2M / T, with the rules of Python's `difflib.SequenceMatcher` (which the trainers use):
 * M counts elements in matching runs found longest first. Not symmetric; 1 for two empty sequences.
 *
 * @param first,second texts (compared by code point) or lists
 */
export function sequenceSimilarity<T>(first: string | readonly T[], second: string | readonly T[]): number {
  const a: readonly unknown[] = typeof first === "string" ? Array.from(first) : first;
  const b: readonly unknown[] = typeof second === "string" ? Array.from(second) : second;
  const total = a.length + b.length;
  if (total === 0) return 1;
  const positions = positionsOf(b);
  const windows: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  let matched = 0;
  while (windows.length > 0) {
    const window = windows.pop()!;
    const [aLow, aHigh, bLow, bHigh] = window;
    const run = longestRun(a, b, positions, window);
    if (run.size === 0) continue;
    matched += run.size;
    if (aLow < run.a && bLow < run.b) windows.push([aLow, run.a, bLow, run.b]);
    if (run.a + run.size < aHigh && run.b + run.size < bHigh)
      windows.push([run.a + run.size, aHigh, run.b + run.size, bHigh]);
  }
  return (2 * matched) / total;
}
