import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { resolveDraft } from "./pickleClasses";
import { ArrayDraft, NamedClass, OldText, StorageDraft, StubDraft, TypeDraft } from "./pickleDrafts";

/** Readers of plain values recurse; what lies deeper is cut. */
const DEEPEST = 500;
/**
 * Values may be shared, so that a short pickle can stand for any number of them ("billion laughs"). A reader walks them as
 * a tree, so the tree's size is what counts.
 */
const MOST_VALUES = 100_000_000;

interface Walked {
  /** Levels below and with this value. */
  readonly height: number;
  /** Values of the tree below and with this value. */
  readonly values: number;
}

/**
 * Turns what a pickle built into plain values: drafts become what they stand for, references to an enclosing value and
 * levels beyond the deepest become stubs, so that walking the result always ends.
 * @throws Failure when the value stands for too many values
 */
export function finishPlain(root: unknown): { readonly value: PlainValue; readonly notes: readonly Note[] } {
  const walker = new Walker();
  const value = walker.replace(root, 1);
  const total = walker.sizeOf(value);
  if (total > MOST_VALUES)
    throw new Failure(
      "large-pickle",
      `The pickle stands for ${total.toExponential(1)} values by repeating its parts.`,
      "It is hostile or damaged.",
    );
  const notes: Note[] = [];
  if (walker.cut > 0)
    notes.push({
      code: "deep-value",
      message: `${walker.cut} values lie deeper than ${DEEPEST} levels and are left out.`,
    });
  return { value, notes };
}

class Walker {
  cut = 0;
  /** False while a value is being walked. */
  private readonly seen = new Map<object, Walked | false>();
  private readonly resolved = new Map<object, PlainValue>();

  /** What stands in the place of a value, whose own parts are replaced in place. */
  replace(value: unknown, depth: number): PlainValue {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array)
      return value as PlainValue;
    let plain = value as PlainValue & object;
    if (isDraft(value)) {
      let known = this.resolved.get(value);
      if (known === undefined) {
        known = resolveDraft(value);
        this.resolved.set(value, known);
      }
      if (typeof known !== "object" || known === null || known instanceof Uint8Array) return known;
      plain = known;
    }
    const state = this.seen.get(plain);
    if (state === false) return new StubDraft("reference to an enclosing value", []);
    if (state !== undefined) {
      if (state.height + depth <= 2 * DEEPEST) return plain;
      this.cut++;
      return new StubDraft("value nested too deep", []);
    }
    if (depth > DEEPEST) {
      this.cut++;
      return new StubDraft("value nested too deep", []);
    }
    this.seen.set(plain, false);
    this.seen.set(plain, this.walk(plain, depth));
    return plain;
  }

  sizeOf(value: PlainValue): number {
    const walked = typeof value === "object" && value !== null ? this.seen.get(value) : undefined;
    return walked === undefined || walked === false ? 1 : walked.values;
  }

  private heightOf(value: PlainValue): number {
    const walked = typeof value === "object" && value !== null ? this.seen.get(value) : undefined;
    return walked === undefined || walked === false ? 1 : walked.height;
  }

  private walk(value: PlainValue & object, depth: number): Walked {
    let height = 0;
    let values = 1;
    const take = (part: unknown): PlainValue => {
      if (typeof part !== "object" || part === null) {
        values++;
        return part as PlainValue;
      }
      const plain = this.replace(part, depth + 1);
      height = Math.max(height, this.heightOf(plain));
      values += this.sizeOf(plain);
      return plain;
    };
    const list = (items: PlainValue[]): void => {
      for (let index = 0; index < items.length; index++) {
        const item = items[index];
        if (typeof item !== "object" || item === null) values++;
        else items[index] = take(item);
      }
    };
    const map = (entries: Map<PlainValue, PlainValue>): void => {
      let changed = false;
      const pairs: [PlainValue, PlainValue][] = [];
      for (const [key, item] of entries) {
        const pair: [PlainValue, PlainValue] = [take(key), take(item)];
        if (pair[0] !== key || pair[1] !== item) changed = true;
        pairs.push(pair);
      }
      if (!changed) return;
      entries.clear();
      for (const [key, item] of pairs) entries.set(key, item);
    };
    if (Array.isArray(value)) list(value as PlainValue[]);
    else if (value instanceof Map) map(value as Map<PlainValue, PlainValue>);
    else if (value instanceof StubDraft) {
      value.args = value.args.slice();
      list(value.args as PlainValue[]);
      value.state = take(value.state);
      list(value.items);
      map(value.entries);
    } else if ("kind" in value && value.kind === "stub") {
      // A structured or complex NumPy array: arrays and names, already plain.
      values += value.args.length + value.entries.size;
    }
    return { height: height + 1, values };
  }
}

function isDraft(value: object): boolean {
  return (
    value instanceof ArrayDraft ||
    value instanceof OldText ||
    value instanceof NamedClass ||
    value instanceof TypeDraft ||
    value instanceof StorageDraft
  );
}
