import type { JsonValue } from "../model/json";
import type { PlainArray, PlainMap, PlainStub, PlainValue } from "../model/plain";

/** Narrow readers of what pickles and array files hold. They never guess: a value of another type reads as absent. */

export function isArray(value: PlainValue | undefined): value is PlainArray {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "array";
}

export function isStub(value: PlainValue | undefined): value is PlainStub {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "stub";
}

export function isMap(value: PlainValue | undefined): value is PlainMap {
  return value instanceof Map;
}

export function isPlainList(value: PlainValue | undefined): value is readonly PlainValue[] {
  return Array.isArray(value);
}

/** Fields by name of a dict, or of an object whose state or entries are one; undefined for anything else. */
export function fieldsOf(value: PlainValue | undefined): ReadonlyMap<string, PlainValue> | undefined {
  const map = isMap(value)
    ? value
    : isStub(value)
      ? value.entries.size > 0
        ? value.entries
        : (stateOf(value.state) ?? tupleFields(value))
      : undefined;
  if (map === undefined) return undefined;
  const fields = new Map<string, PlainValue>();
  for (const [key, item] of map) if (typeof key === "string") fields.set(key, item);
  return fields;
}

/** Fields of named tuples, which pickles keep without their names; by class, and by how many there are. */
const TUPLES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^imitation\.[\w.]+\.Trajectory\w*$/, ["acts", "obs", "rews", "infos"]],
  [/^imitation\.[\w.]+\.Trajectory\w*$/, ["acts", "obs", "infos"]],
];

function tupleFields({ className, args }: PlainStub): PlainMap | undefined {
  const names = TUPLES.find(([pattern, own]) => own.length === args.length && pattern.test(className))?.[1];
  return names === undefined ? undefined : new Map(names.map((name, index) => [name, args[index] ?? null]));
}

/** Python keeps an object's state as a dict, or as a pair of it and of a dict of slots. */
function stateOf(state: PlainValue): PlainMap | undefined {
  if (isMap(state)) return state;
  if (!isPlainList(state)) return undefined;
  const maps = state.filter(isMap);
  return maps.length === 0 ? undefined : new Map(maps.flatMap((map) => [...map]));
}

/** Numbers with a shape, whatever container they came in. */
export interface Numbers {
  readonly shape: readonly number[];
  data(): Float32Array | Float64Array;
}

/** An array, or nested lists of numbers or arrays that all have one shape; undefined for anything else. */
export function numbersIn(value: PlainValue | undefined): Numbers | undefined {
  if (isArray(value)) return { shape: value.shape, data: () => value.numbers() };
  if (!isPlainList(value) || value.length === 0) return undefined;
  const [first] = value;
  if (
    first === null ||
    typeof first === "number" ||
    typeof first === "boolean" ||
    typeof first === "bigint"
  ) {
    if (!value.every((item) => item === null || ["number", "boolean", "bigint"].includes(typeof item)))
      return undefined;
    return {
      shape: [value.length],
      // Python's None is no number: NaN stands for it.
      data: () => Float64Array.from(value, (item) => (item === null ? Number.NaN : Number(item))),
    };
  }
  const items = value.map(numbersIn);
  const inner = items[0]?.shape;
  if (inner === undefined || !items.every((item) => item !== undefined && sameShape(item.shape, inner)))
    return undefined;
  const size = product(inner);
  return {
    shape: [value.length, ...inner],
    data() {
      const data = new Float64Array(value.length * size);
      for (const [index, item] of items.entries()) data.set(item?.data() ?? [], index * size);
      return data;
    },
  };
}

export function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((size, axis) => size === right[axis]);
}

/** A single number: a scalar, or an array of one element. Python's None is `null`. */
export function plainNumber(value: PlainValue | undefined): number | null | undefined {
  if (value === null || typeof value === "number") return value;
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  if (isArray(value) && product(value.shape) === 1) return value.numbers()[0];
  return undefined;
}

/** Arrays of more elements, and texts and lists beyond this, are told by their size. */
const SHOWN = 64;
const DEEPEST = 12;

/** A value as JSON for `extra`: what is large is named with its type and shape, objects with their class. */
export function jsonOf(value: PlainValue, depth = 0): JsonValue {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
    return value;
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (depth > DEEPEST) return "…";
  if (isArray(value)) {
    if (value.shape.length <= 1 && product(value.shape) <= SHOWN) {
      const numbers = Array.from(value.numbers());
      return value.shape.length === 0 ? (numbers[0] ?? null) : numbers;
    }
    return `${value.type} array of shape [${value.shape.join(", ")}]`;
  }
  if (isMap(value)) {
    const object: Record<string, JsonValue> = {};
    let kept = 0;
    for (const [key, item] of value) {
      if (++kept > SHOWN) {
        object["…"] = `${value.size - SHOWN} more`;
        break;
      }
      object[typeof key === "string" ? key : JSON.stringify(jsonOf(key, depth + 1))] = jsonOf(
        item,
        depth + 1,
      );
    }
    return object;
  }
  if (isStub(value)) {
    const fields = fieldsOf(value);
    return {
      class: value.className,
      ...(fields === undefined ? {} : { state: jsonOf(new Map(fields), depth + 1) }),
      ...(value.args.length === 0 ? {} : { args: jsonOf(value.args, depth + 1) }),
    };
  }
  if (isPlainList(value)) {
    const items = value.slice(0, SHOWN).map((item) => jsonOf(item, depth + 1));
    return value.length > SHOWN ? [...items, `… ${value.length - SHOWN} more`] : items;
  }
  return null;
}
