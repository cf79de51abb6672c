/** How JSON of the producers writes the numbers that JSON lacks; see expectations.py. */
const SPECIAL: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/** Counts how many single values were compared, so that an empty comparison shows. */
export interface Tally {
  values: number;
}

/**
 * The first place where a value that was read is not what the library reads back; undefined when all is equal, to the last
 * bit. `null`, NaN and absent are three different things.
 * @param part the objects at the top may have more keys than expected
 */
export function difference(
  own: unknown,
  expected: unknown,
  tally: Tally,
  part = false,
  at = "",
): string | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(own)) return `${at}: ${shown(own)} instead of a list`;
    if (own.length !== expected.length) return `${at}: ${own.length} elements instead of ${expected.length}`;
    // An empty list that is empty agrees as well.
    if (expected.length === 0) tally.values++;
    for (const [index, item] of expected.entries()) {
      const found = difference(own[index], item, tally, false, `${at}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof own !== "object" || own === null || Array.isArray(own))
      return `${at}: ${shown(own)} instead of an object`;
    const keys = Object.keys(expected);
    const more = part ? undefined : Object.keys(own).find((key) => !Object.hasOwn(expected, key));
    if (more !== undefined) return `${at}.${more}: is not there for the library`;
    if (keys.length === 0) tally.values++;
    for (const key of keys) {
      const found = difference(
        (own as Record<string, unknown>)[key],
        (expected as Record<string, unknown>)[key],
        tally,
        false,
        `${at}.${key}`,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }
  tally.values++;
  const same =
    Object.is(own, expected) ||
    (typeof own === "number" && typeof expected === "string" && Object.is(own, SPECIAL[expected]));
  return same ? undefined : `${at}: ${shown(own)} instead of ${shown(expected)}`;
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 200);
