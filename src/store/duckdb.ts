import type * as DuckDB from "@duckdb/node-api";

let loaded: Promise<typeof DuckDB> | undefined;

/** The DuckDB library, loaded at first use so that worker threads and cold starts never pay for it. */
export function loadDuckdb(): Promise<typeof DuckDB> {
  loaded ??= import("@duckdb/node-api");
  return loaded;
}

/** Big integers become numbers where that is exact, and text where it is not. */
export function plainInteger(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();
}

/** A DuckDB value that was converted for JavaScript, as plain data: no big integers, dates as ISO text. */
export function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return plainInteger(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item)]));
  }
  return value;
}
