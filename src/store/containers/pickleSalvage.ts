import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import { ArrayDraft, StubDraft } from "./pickleDrafts";
import { keyOf } from "./pickleText";

type Value = PlainValue;

/** Puts keys and values that follow each other into a dict. @throws Failure when a value is missing */
export function setPairs(map: Map<Value, Value>, pairs: readonly unknown[]): void {
  if (pairs.length % 2 !== 0)
    throw new Failure("bad-pickle", "a dict has a key without a value", "The file is damaged.");
  for (let index = 0; index < pairs.length; index += 2)
    map.set(keyOf(pairs[index]), pairs[index + 1] as Value);
}

/**
 * What was read of a pickle that breaks off: the outermost value with all elements that were whole. The element of a
 * list that was being read is left out, the value of a dict that was being read is kept as far as it goes.
 */
export function salvaged(levels: readonly (readonly unknown[])[]): unknown {
  for (let level = levels.length - 1; level >= 1; level--) {
    const items = levels[level] as unknown[];
    const holder = (levels[level - 1] as unknown[]).at(-1);
    const unfinished = level < levels.length - 1;
    if (Array.isArray(holder)) {
      const own = items.slice();
      const last = own.at(-1);
      // What would be filled by the next instructions is no element yet.
      if (unfinished ? !(Array.isArray(last) && own.length === 1) : isUnfilled(last)) own.pop();
      for (const item of own) (holder as unknown[]).push(item);
    } else if (holder instanceof Map) {
      const pairs = items.length % 2 === 0 ? items : items.slice(0, -1);
      setPairs(holder as Map<Value, Value>, pairs);
    }
  }
  const [outermost] = levels[0] as unknown[];
  const isHolder =
    (Array.isArray(outermost) && outermost.length > 0) || (outermost instanceof Map && outermost.size > 0);
  return isHolder ? outermost : undefined;
}

/** True for a value that was created and not filled yet. */
function isUnfilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  if (value instanceof StubDraft)
    return value.state === null && value.entries.size === 0 && value.items.length === 0;
  return value instanceof ArrayDraft && value.content === undefined && value.objects === undefined;
}
