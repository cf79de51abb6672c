import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

const SPAN = 4096;

/** Hashes of the first and last bytes of what has been read of a file, to tell appended from rewritten. */
export interface Fingerprint {
  readonly headHash: string;
  readonly tailHash: string;
}

function hashOf(file: number, start: number, end: number): string {
  const bytes = Buffer.alloc(end - start);
  const got = readSync(file, bytes, 0, bytes.length, start);
  return `${end - start}:${createHash("sha256").update(bytes.subarray(0, got)).digest("hex").slice(0, 32)}`;
}

/** Fingerprint of the first `bytes` bytes of a file. */
export function fingerprint(path: string, bytes: number): Fingerprint {
  const file = openSync(path, "r");
  try {
    return {
      headHash: hashOf(file, 0, Math.min(SPAN, bytes)),
      tailHash: hashOf(file, Math.max(0, bytes - SPAN), bytes),
    };
  } finally {
    closeSync(file);
  }
}

/** True when the first `bytes` bytes still look as they did. */
export function isUnchanged(path: string, bytes: number, known: Fingerprint): boolean {
  const now = fingerprint(path, bytes);
  return now.headHash === known.headHash && now.tailHash === known.tailHash;
}
