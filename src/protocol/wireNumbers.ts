/**
 * Webview messages travel as JSON, which turns NaN and the infinities into null. A reward of NaN is not a missing
 * reward, so such numbers travel under a tag. Typed arrays travel as bytes and are left alone.
 */
const tag = "$number";

const isPlain = (value: object): boolean => !ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer);

/** Replaces NaN and infinities in a message by `{ $number: "NaN" }` and the like; gives the message itself when it has none. */
export function encodeNumbers<T>(message: T): T {
  return map(message, (value) =>
    typeof value === "number" && !Number.isFinite(value) ? { [tag]: String(value) } : value,
  ) as T;
}

/** The inverse of {@link encodeNumbers}, for the receiving side. */
export function decodeNumbers<T>(message: T): T {
  return map(message, (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const keys = Object.keys(value);
    if (keys.length !== 1 || keys[0] !== tag) return value;
    const text = (value as Record<string, unknown>)[tag];
    return text === "NaN" || text === "Infinity" || text === "-Infinity" ? Number(text) : value;
  }) as T;
}

/** Maps every value from the leaves up, copying only what changes. */
function map(value: unknown, change: (value: unknown) => unknown): unknown {
  if (typeof value !== "object" || value === null || !isPlain(value)) return change(value);
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (const [index, item] of value.entries()) {
      const mapped = map(item, change);
      if (mapped !== item) (copy ??= [...value])[index] = mapped;
    }
    return change(copy ?? value);
  }
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const mapped = map(item, change);
    if (mapped !== item) (copy ??= { ...value })[key] = mapped;
  }
  return change(copy ?? value);
}
