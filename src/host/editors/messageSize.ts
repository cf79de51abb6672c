import { MESSAGE_LIMIT_BYTES } from "../../protocol/webviewMessages";

/** Room for the envelope around the entries of a window. */
const ENVELOPE_BYTES = 4 * 1024;
export const PAYLOAD_LIMIT_BYTES = MESSAGE_LIMIT_BYTES - ENVELOPE_BYTES;

/** Bytes of a value as it travels to a view: JSON for plain values, raw bytes for typed arrays. */
export function wireBytes(value: unknown): number {
  let raw = 0;
  const json = JSON.stringify(value, (_key, item: unknown) => {
    if (ArrayBuffer.isView(item)) {
      raw += item.byteLength + 64;
      return 0;
    }
    return item;
  });
  return raw + (json === undefined ? 0 : Buffer.byteLength(json));
}

/**
 * Cuts entries into runs that each fit into one message.
 * @returns runs in order; an entry that is too large alone still gets a run of its own
 */
export function splitBySize<T>(entries: readonly T[], limit: number = PAYLOAD_LIMIT_BYTES): T[][] {
  const runs: T[][] = [];
  let run: T[] = [];
  let size = 0;
  for (const entry of entries) {
    const bytes = wireBytes(entry) + 1;
    if (run.length > 0 && size + bytes > limit) {
      runs.push(run);
      run = [];
      size = 0;
    }
    run.push(entry);
    size += bytes;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

/** The first `limit` UTF-16 units of a text, never half a surrogate pair. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}
