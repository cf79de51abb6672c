import type * as DuckDB from "@duckdb/node-api";
import type * as Bindings from "@duckdb/node-bindings";
import { createRequire } from "node:module";

/** Both are CommonJS: `import()` would first parse each of their files a second time to find the names of its exports. */
const require = createRequire(import.meta.url);

/** Where the data process has the library in one file, which loads in a quarter of the time of its many. */
declare const DUCKDB_API: string | undefined;

/** The DuckDB library, loaded at first use so that worker threads and cold starts never pay for it. */
export function loadDuckdb(): Promise<typeof DuckDB> {
  const api = typeof DUCKDB_API === "string" ? DUCKDB_API : "@duckdb/node-api";
  return Promise.resolve().then(() => require(api) as typeof DuckDB);
}

/** DuckDB's own bindings: they copy a whole column at once, where the API above them sets value by value. */
export function loadBindings(): Promise<typeof Bindings> {
  return Promise.resolve().then(() => require("@duckdb/node-bindings") as typeof Bindings);
}

/** Big integers become numbers where that is exact, and text where it is not. */
export function plainInteger(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();
}

/**
 * Converts DuckDB's values to JavaScript's. Maps with keys of text or whole numbers become objects, as they are in every
 * other container; the library's own converter makes lists of {key, value} of them.
 */
export async function valueConverter(): Promise<DuckDB.DuckDBValueConverter<DuckDB.JS>> {
  const { DuckDBMapType, DuckDBMapValue, JSDuckDBValueConverter } = await loadDuckdb();
  return (value, type, converter) => {
    if (!(value instanceof DuckDBMapValue) || !(type instanceof DuckDBMapType))
      return JSDuckDBValueConverter(value, type, converter);
    const entries = value.entries.map(
      ({ key, value: item }) => [key, converter(item, type.valueType, converter)] as const,
    );
    return entries.every(([key]) => ["string", "number", "bigint"].includes(typeof key))
      ? Object.fromEntries(entries.map(([key, item]) => [String(key as string), item]))
      : JSDuckDBValueConverter(value, type, converter);
  };
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
