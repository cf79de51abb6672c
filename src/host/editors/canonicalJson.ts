/**
 * JSON of anything in the canonical model, for people: typed arrays as lists, and numbers that JSON cannot hold as
 * the texts "NaN", "Infinity" and "-Infinity", so that none of them turns into null.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (ArrayBuffer.isView(item) && !(item instanceof DataView))
        return Array.from(item as unknown as ArrayLike<number>);
      if (typeof item === "number" && !Number.isFinite(item)) return String(item);
      if (typeof item === "bigint") return item.toString();
      return item;
    },
    2,
  );
}
