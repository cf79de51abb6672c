import type { PlainValue } from "../../model/plain";
import { NumericArray } from "./numericArray";
import { checkedShape } from "./numpyType";
import { torchType } from "./torchTensor";

/** tensordict's `_make_td(class, state)`: the dict of tensors that it keeps. */
export function tensorDict([, state]: readonly unknown[]): unknown {
  const fields: unknown = state instanceof Map ? state.get("_tensordict") : undefined;
  return fields instanceof Map ? new Map(fields as Map<PlainValue, PlainValue>) : undefined;
}

/** A consolidated TensorDict: one array of bytes, and where in it each tensor lies. */
export function consolidatedTensorDict([metadata, storage]: readonly unknown[]): unknown {
  if (!(metadata instanceof Map) || !(storage instanceof NumericArray)) return undefined;
  return level(metadata as ReadonlyMap<unknown, unknown>, storage, 0);
}

/** Names that describe a level; any other is a dict inside it. */
const OWN_NAMES = new Set(["cls", "cls_metadata", "leaves", "non_tensors", "size"]);
const DEEPEST = 32;

function level(
  metadata: ReadonlyMap<unknown, unknown>,
  storage: NumericArray,
  depth: number,
): Map<PlainValue, PlainValue> {
  const result = new Map<PlainValue, PlainValue>();
  const leaves = metadata.get("leaves");
  if (leaves instanceof Map)
    for (const [name, leaf] of leaves as ReadonlyMap<unknown, unknown>) {
      if (typeof name !== "string" || !Array.isArray(leaf)) continue;
      const [typeName, shape, start] = leaf as unknown[];
      const type = typeof typeName === "string" ? torchType(typeName) : undefined;
      if (type !== undefined && typeof start === "number")
        result.set(name, storage.reinterpret(type, checkedShape(shape), start));
    }
  const others = metadata.get("non_tensors");
  if (others instanceof Map)
    for (const [name, value] of others as ReadonlyMap<PlainValue, PlainValue>) {
      // A value comes with its batch size behind it.
      result.set(name, Array.isArray(value) ? ((value[0] ?? null) as PlainValue) : value);
    }
  for (const [name, inner] of metadata)
    if (typeof name === "string" && !OWN_NAMES.has(name) && inner instanceof Map && depth < DEEPEST)
      result.set(name, level(inner as ReadonlyMap<unknown, unknown>, storage, depth + 1));
  return result;
}
