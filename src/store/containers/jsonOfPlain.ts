import { dataFrameColumns } from "./dataFrame";
import { fieldsOf, isArray, isMap, isPlainList } from "../../formats/plainFields";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { PlainArray, PlainValue } from "../../model/plain";

/** Values that are turned; a file that holds more is read by formats of arrays alone. */
const MOST_VALUES = 20_000_000;
const DEEPEST = 200;

/**
 * Plain data as JSON, whole: dicts with their keys as texts, arrays as nested lists, objects as their fields.
 * @throws Failure when there is too much of it
 */
export function jsonOfPlain(value: PlainValue): JsonValue {
  return turned(value, { left: MOST_VALUES }, 0);
}

function turned(value: PlainValue, budget: { left: number }, depth: number): JsonValue {
  if (--budget.left < 0)
    throw new Failure(
      "large-pickle",
      `The file holds more than ${MOST_VALUES.toLocaleString("en")} values.`,
      "Convert it to JSON lines or Parquet.",
    );
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (depth > DEEPEST) return "…";
  const columns = dataFrameColumns(value);
  if (columns !== undefined) return rowsOfColumns(columns, budget, depth);
  if (isArray(value)) return nested(value, budget);
  if (isPlainList(value)) return value.map((item) => turned(item, budget, depth + 1));
  const fields = isMap(value) ? value : fieldsOf(value);
  if (fields === undefined) return isMap(value) ? {} : value.className;
  const object: Record<string, JsonValue> = {};
  for (const [key, item] of fields)
    object[typeof key === "string" ? key : JSON.stringify(turned(key, budget, depth + 1))] = turned(
      item,
      budget,
      depth + 1,
    );
  return object;
}

/** Rows of a DataFrame. */
function rowsOfColumns(
  columns: ReadonlyMap<string, readonly PlainValue[]>,
  budget: { left: number },
  depth: number,
): JsonValue {
  const length = Math.max(0, ...[...columns.values()].map((column) => column.length));
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(
      [...columns].map(([name, column]) => [name, turned(column[row] ?? null, budget, depth + 1)]),
    ),
  );
}

function nested(array: PlainArray, budget: { left: number }): JsonValue {
  const numbers = array.numbers();
  budget.left -= numbers.length;
  const flags = array.type === "bool";
  const at = (index: number): JsonValue => (flags ? numbers[index] !== 0 : (numbers[index] ?? null));
  const level = (axis: number, offset: number, size: number): JsonValue => {
    const length = array.shape[axis];
    if (length === undefined) return at(offset);
    const step = length === 0 ? 0 : size / length;
    return Array.from({ length }, (_, index) => level(axis + 1, offset + index * step, step));
  };
  return level(0, 0, numbers.length);
}
