import type { JsonObject, JsonValue } from "../model/json";
import type { FileHead, FormatRecord } from "./format";

/** Narrow readers of JSON fields. They never guess: a field of another type reads as absent. */

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The record as a JSON object; without fields when it is something else, so that each missing field is refused by name. */
export function objectOf(record: FormatRecord): JsonObject {
  return record.kind === "value" && isObject(record.value) ? record.value : {};
}

/** Names of a table's columns, or of the first record's fields. */
export function fieldNames(head: FileHead): readonly string[] {
  return (
    head.columns?.map((column) => column.name) ??
    (isObject(head.firstRecord) ? Object.keys(head.firstRecord) : [])
  );
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The value where it is a list. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  return isList(value) ? value : undefined;
}

export function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

const NUMERIC_TEXT = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/;

/** Letters with which no number, and none of `nan`, `inf`, `true` and `false` begins: most texts tell by their first character. */
function startsLikeNoNumber(text: string): boolean {
  const letter = text.charCodeAt(0) | 0x20;
  return (
    letter >= 0x61 &&
    letter <= 0x7a &&
    letter !== 0x6e &&
    letter !== 0x69 &&
    letter !== 0x74 &&
    letter !== 0x66
  );
}

/**
 * A recorded number: numbers as they are, `null` as `null`, numeric strings (Python's `json.dumps(default=str)` turns
 * numpy scalars into strings) as numbers, booleans as 1 and 0. Anything else reads as absent.
 */
export function recordedNumber(value: JsonValue | undefined): number | null | undefined {
  if (typeof value === "number" || value === null) return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") {
    if (startsLikeNoNumber(value)) return undefined;
    if (NUMERIC_TEXT.test(value)) return Number(value);
    const lower = value.trim().toLowerCase();
    if (lower === "nan") return Number.NaN;
    if (lower === "inf" || lower === "infinity") return Number.POSITIVE_INFINITY;
    if (lower === "-inf" || lower === "-infinity") return Number.NEGATIVE_INFINITY;
    if (lower === "true") return 1;
    if (lower === "false") return 0;
  }
  return undefined;
}

/** A whole number, from a number or a numeric string. */
export function wholeNumber(value: JsonValue | undefined): number | undefined {
  const number = typeof value === "boolean" ? undefined : recordedNumber(value);
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}

/** True or false from a boolean, or from exactly 1 and 0. `null` stays `null`; anything else reads as absent. */
export function recordedFlag(value: JsonValue | undefined): boolean | null | undefined {
  const number = recordedNumber(value);
  if (number === null) return null;
  if (number === 1) return true;
  if (number === 0) return false;
  return undefined;
}

/** Copy of an object without some keys. */
export function without(object: JsonObject, keys: ReadonlySet<string>): JsonObject {
  const rest: Record<string, JsonValue | undefined> = {};
  for (const [key, value] of Object.entries(object)) if (!keys.has(key)) rest[key] = value;
  return rest;
}

const UNEVEN_SPACE = /[^\S ]|^ | $| {2}/;

/** The first 200 characters on one line, for lists. */
export function titleOf(text: string): string {
  // Enough for 200 characters even where indentation is deep.
  let head = text.length > 400 ? text.slice(0, 400) : text;
  if (UNEVEN_SPACE.test(head)) head = head.replace(/\s+/g, " ").trim();
  if (head.length < 200 && text.length > 400) head = text.slice(0, 4000).replace(/\s+/g, " ").trim();
  return head.length > 200 ? `${head.slice(0, 199)}…` : head;
}

/** Numbers of a list as float64; `null` and anything that is no number become NaN ("not recorded there"). */
export function float64(values: readonly JsonValue[]): Float64Array {
  const out = new Float64Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const number = recordedNumber(values[index]);
    out[index] = typeof number === "number" ? number : Number.NaN;
  }
  return out;
}

/** The integer that a file's stem is, or ends in: `12.jsonl` -> 12, `train_data_step3.jsonl` -> 3. */
export function stemNumber(path: string): number | undefined {
  const stem = /([^/\\]*?)(?:\.[A-Za-z]\w*)*$/.exec(path.replace(/[\\]/g, "/"))?.[1] ?? "";
  const digits = /(\d+)$/.exec(stem)?.[1];
  return digits === undefined || digits.length > 15 ? undefined : Number(digits);
}
