import { DecodeError, Decoder, decodeMulti, ExtData } from "@msgpack/msgpack";
import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { StubDraft } from "./pickleDrafts";

/** Readers of plain values recurse; what lies deeper is cut. */
const DEEPEST = 500;
/** Lists within lists that are looked into for whole elements where a file breaks off. */
const SALVAGED_LEVELS = 3;
/** 64-bit integers stay exact; those that a number can hold become one. */
const OPTIONS = { useBigInt64: true } as const;

/** Length of the marker that begins an array, 0 for anything else. */
function arrayMarker(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) return 0;
  if (byte >= 0x90 && byte <= 0x9f) return 1;
  return byte === 0xdc ? 3 : byte === 0xdd ? 5 : 0;
}

/**
 * True for MessagePack that begins with an array of arrays, as sequences of structs do. The format has no magic number, and
 * the markers of arrays begin no text in UTF-8; a file of another beginning is not taken for one.
 */
export function isMessagePack(head: Uint8Array): boolean {
  const outer = arrayMarker(head, 0);
  return outer > 0 && arrayMarker(head, outer) > 0;
}

/**
 * What a MessagePack file holds, as plain data: maps keep their keys, extensions become stubs of their number. Of a file that
 * breaks off, the elements that were whole.
 * @throws Failure when nothing can be read
 */
export function readMessagePack(
  bytes: Uint8Array,
  path: string,
): { readonly value: PlainValue; readonly notes: readonly Note[] } {
  try {
    return { value: plain(new Decoder(OPTIONS).decode(bytes), 0), notes: [] };
  } catch (error) {
    const reason =
      error instanceof DecodeError
        ? error.message
        : error instanceof RangeError
          ? "a value begins where too few bytes are left"
          : undefined;
    if (reason === undefined) throw error;
    const value = salvaged(bytes);
    if (value === undefined)
      throw new Failure("bad-message-pack", reason, "The file may be cut off or damaged.");
    return {
      value,
      notes: [
        {
          code: "torn-message-pack",
          message: `${path} is damaged or cut off: the elements before are shown.`,
          where: path,
        },
      ],
    };
  }
}

/** Whole elements of the outermost list that has any, with its place in the lists around it. */
function salvaged(bytes: Uint8Array): PlainValue | undefined {
  let start = 0;
  for (let level = 0; level < SALVAGED_LEVELS; level++) {
    const marker = arrayMarker(bytes, start);
    if (marker === 0) return undefined;
    start += marker;
    const elements: PlainValue[] = [];
    try {
      for (const element of decodeMulti(bytes.subarray(start), OPTIONS)) elements.push(plain(element, level));
    } catch {
      // The element that breaks off is left out.
    }
    if (elements.length === 0) continue;
    let value: PlainValue = elements;
    for (let outer = 0; outer < level; outer++) value = [value];
    return value;
  }
  return undefined;
}

function plain(value: unknown, depth: number): PlainValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null)
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : null;
  if (value instanceof Uint8Array) return value;
  if (depth > DEEPEST) return new StubDraft("value nested too deep", []);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      // Token arrays are most of what there is: numbers stay where they are.
      if (typeof item !== "number") (value as unknown[])[index] = plain(item, depth + 1);
    }
    return value as readonly PlainValue[];
  }
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ExtData) return new StubDraft(`MessagePack extension ${value.type}`, []);
  return new Map(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]));
}
