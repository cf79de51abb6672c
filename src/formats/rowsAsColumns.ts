import type { JsonObject, JsonValue } from "../model/json";
import type { ColumnRole } from "../model/trajectory";
import { isList, isObject } from "./jsonFields";
import { columnOfNumbers, type EpisodeColumn } from "./episodeColumns";

/** What rows of one step each hold: columns of numbers, and everything else row by row. */
export interface RowsAsColumns {
  readonly columns: readonly EpisodeColumn[];
  /** Fields of a row that are no numbers: texts, pictures, lists of uneven length. Empty where there are none. */
  others(row: number): JsonObject;
  /** Rows that say `null` where others hold numbers, by column; NaN stands for them in the column. */
  readonly nulls: Readonly<Record<string, readonly number[]>>;
}

const SCALAR_ROLES: ReadonlySet<ColumnRole> = new Set([
  "reward",
  "value",
  "logprob",
  "terminated",
  "truncated",
]);

interface Named {
  readonly role: (name: string) => ColumnRole;
  /** Names of the elements of a column, used when there are as many. */
  readonly labels?: (name: string) => readonly string[] | undefined;
  /** Fields that are read elsewhere. */
  readonly skip?: ReadonlySet<string>;
}

/**
 * Turns rows of a table, one a step, into columns. Lists of numbers are flattened row-major, structures become columns by
 * their path (`observation.position`), booleans count 1 and 0.
 */
export function rowsAsColumns(rows: readonly JsonObject[], { role, labels, skip }: Named): RowsAsColumns {
  const columns: EpisodeColumn[] = [];
  const nulls: Record<string, number[]> = {};
  const textual: { readonly name: string; readonly values: readonly (JsonValue | undefined)[] }[] = [];
  const add = (name: string, values: readonly (JsonValue | undefined)[]): void => {
    const present = values.filter((value) => value !== undefined && value !== null);
    if (present.length > 0 && present.every(isObject)) {
      const keys = new Set(present.flatMap((value) => Object.keys(value as JsonObject)));
      for (const key of keys)
        add(
          `${name}.${key}`,
          values.map((value) => (isObject(value) ? value[key] : undefined)),
        );
      return;
    }
    // A reward that is null throughout is a column of nothing recorded, not a column that is missing.
    const empty = SCALAR_ROLES.has(role(name)) && values.includes(null) ? 1 : undefined;
    const width = present.length === 0 ? empty : widthOf(present[0]);
    if (width === undefined || !present.every((value) => widthOf(value) === width)) {
      textual.push({ name, values });
      return;
    }
    const data = new Float64Array(values.length * width).fill(Number.NaN);
    for (const [row, value] of values.entries()) {
      if (value === null) (nulls[name] ??= []).push(row);
      else if (value !== undefined) fill(data, row * width, value);
    }
    const names = labels?.(name);
    columns.push(columnOfNumbers(name, role(name), data, width, names?.length === width ? names : undefined));
  };
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  for (const name of names)
    if (skip?.has(name) !== true)
      add(
        name,
        rows.map((row) => row[name]),
      );
  return {
    columns,
    nulls,
    others(row) {
      const fields: Record<string, JsonValue> = {};
      for (const { name, values } of textual) {
        const value = values[row];
        if (value !== undefined) fields[name] = withoutBytes(value);
      }
      return fields;
    },
  };
}

/** Numbers in a value: 1 for a number or boolean, their count for a list of them; undefined for anything else. */
function widthOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === "number" || typeof value === "boolean") return 1;
  if (!isList(value)) return undefined;
  let width = 0;
  for (const item of value) {
    const inner = item === null ? 1 : widthOf(item);
    if (inner === undefined) return undefined;
    width += inner;
  }
  return width;
}

/** Writes the numbers of a value from `at` on; returns where the next one goes. */
function fill(data: Float64Array, at: number, value: JsonValue): number {
  if (typeof value === "number" || typeof value === "boolean") {
    data[at] = Number(value);
    return at + 1;
  }
  if (!isList(value)) return at + 1;
  let next = at;
  for (const item of value) next = item === null ? next + 1 : fill(data, next, item);
  return next;
}

/** Bytes come out of tables as hexadecimal text; of pictures and the like only the size is worth showing. */
function withoutBytes(value: JsonValue): JsonValue {
  return typeof value === "string" && value.length > 256 && /^\\x[0-9a-f]{254}/.test(value)
    ? `${(value.length - 2) / 2} bytes`
    : value;
}
