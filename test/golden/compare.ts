import type { Golden, Tolerance } from "./adapter";

/**
 * Compares what a signal returned with what the authors' function returned.
 * Every key of `expected` but a remark (`note`) must be there; more keys in `got` are allowed. NaN equals NaN, infinities their own sign.
 *
 * @returns one sentence per difference, at most three
 */
export function differences(
  got: unknown,
  expected: Golden,
  tolerance: Tolerance | ((path: string) => Tolerance),
): readonly string[] {
  const found: string[] = [];
  visit(got, expected, "", typeof tolerance === "function" ? tolerance : () => tolerance, found);
  return found.length > 3 ? [...found.slice(0, 3), `and ${found.length - 3} more differences`] : found;
}

function visit(
  got: unknown,
  expected: Golden,
  path: string,
  tolerance: (path: string) => Tolerance,
  found: string[],
): void {
  const at = path === "" ? "result" : path;
  if (typeof expected === "number") {
    const value = typeof got === "boolean" ? Number(got) : got;
    if (typeof value !== "number" || !close(value, expected, tolerance(path)))
      found.push(`${at}: ${show(got)} instead of ${expected}`);
  } else if (typeof expected === "boolean" && typeof got === "number") {
    if ((got !== 0) !== expected) found.push(`${at}: ${got} instead of ${expected}`);
  } else if (expected === null || typeof expected === "string" || typeof expected === "boolean") {
    if (got !== expected) found.push(`${at}: ${show(got)} instead of ${show(expected)}`);
  } else if (Array.isArray(expected)) {
    const entries = ArrayBuffer.isView(got) ? Array.from(got as Float64Array) : got;
    if (!Array.isArray(entries)) found.push(`${at}: ${show(got)} instead of a list`);
    else if (entries.length !== expected.length)
      found.push(`${at}: ${entries.length} entries instead of ${expected.length}`);
    else
      expected.forEach((entry, index) => visit(entries[index], entry, `${path}[${index}]`, tolerance, found));
  } else if (expected !== undefined) {
    if (typeof got !== "object" || got === null) {
      found.push(`${at}: ${show(got)} instead of an object`);
      return;
    }
    for (const [key, value] of Object.entries(expected)) {
      if (key === "note") continue;
      visit(
        (got as Record<string, unknown>)[key],
        value,
        path === "" ? key : `${path}.${key}`,
        tolerance,
        found,
      );
    }
  }
}

function close(got: number, expected: number, { relative, absolute }: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(got);
  if (!Number.isFinite(expected)) return got === expected;
  return Math.abs(got - expected) <= absolute + relative * Math.abs(expected);
}

function show(value: unknown): string {
  const text = typeof value === "number" || value === undefined ? String(value) : JSON.stringify(value);
  return text !== undefined && text.length > 80 ? `${text.slice(0, 77)}...` : String(text);
}
