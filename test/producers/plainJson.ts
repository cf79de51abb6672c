import type { PlainValue } from "../../src/model/plain";
import { fieldsOf, isArray, isMap, isPlainList, isStub } from "../../src/formats/plainFields";

/** What a pickle holds in the shape in which write_torch.py describes it: arrays by dtype, shape and nested values. */
export function plainJson(value: PlainValue): unknown {
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (isArray(value))
    return { dtype: value.type, shape: value.shape, values: nested(value.numbers(), value.shape) };
  if (isMap(value))
    return Object.fromEntries([...value].map(([key, item]) => [String(key as string), plainJson(item)]));
  if (isStub(value)) {
    const fields = fieldsOf(value);
    if (fields !== undefined)
      return Object.fromEntries([...fields].map(([key, item]) => [key, plainJson(item)]));
    return value.items.length > 0 ? value.items.map(plainJson) : { stub: value.className };
  }
  if (isPlainList(value)) return value.map(plainJson);
  return value;
}

function nested(data: ArrayLike<number>, shape: readonly number[], offset = 0): unknown {
  const [rows, ...inner] = shape;
  if (rows === undefined) return data[offset];
  const size = inner.reduce((product, length) => product * length, 1);
  return Array.from({ length: rows }, (_, row) => nested(data, inner, offset + row * size));
}
