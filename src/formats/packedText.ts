import type { PlainValue } from "../model/plain";

/** Reads a value that lies in a text: base64 of a compressed pickle, or hexadecimal bytes of MessagePack. */
export type PackedReader = (text: string) => PlainValue | undefined;

let reader: PackedReader | undefined;

/** Pickles and compression are the store's: it hands its reader over once, when it is loaded. */
export function usePackedReader(own: PackedReader): void {
  reader = own;
}

/**
 * The value in a packed text; undefined for a text that is none, for one that is damaged, and where nothing reads them (the
 * workers that summarise lines of JSON, which need no observations).
 */
export function unpacked(text: string): PlainValue | undefined {
  return reader?.(text);
}

/** Base64 of the mark of an LZ4 frame, or hexadecimal bytes as tables show them. */
export const isPacked = (text: string): boolean => text.startsWith("BCJNG") || text.startsWith("\\x");
