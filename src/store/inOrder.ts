/** What is sorted at once. */
const AT_ONCE = 512;

/**
 * Values in order, sorted only as far as they are asked for: the first of 100,000 are there after about two looks at each. What
 * is smaller than a pivot is taken before the rest (incremental quicksort, Paredes and Navarro 2006).
 */
export function* inOrder<T>(
  values: readonly T[],
  compare: (left: T, right: T) => number,
): Generator<T, undefined, undefined> {
  const parts: (readonly T[])[] = [values];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    if (part.length <= AT_ONCE) {
      yield* [...part].sort(compare);
      continue;
    }
    const pivot = median(part, compare);
    const less: T[] = [];
    const same: T[] = [];
    const more: T[] = [];
    for (const value of part) {
      const order = compare(value, pivot);
      (order < 0 ? less : order > 0 ? more : same).push(value);
    }
    if (less.length === 0) {
      yield* same;
      parts.push(more);
    } else parts.push(more, same, less);
  }
  return undefined;
}

/** The one in the middle of three, so that values that are in order already are halved. */
function median<T>(values: readonly T[], compare: (left: T, right: T) => number): T {
  const three = [values[0], values[values.length >> 1], values[values.length - 1]] as [T, T, T];
  return three.sort(compare)[1];
}
