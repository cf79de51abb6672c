import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";

/** Bytes at each end of what has been read of a file by which its content is known again. */
export const SPAN = 4096;

/** Hashes of the first and last bytes of what has been read of a file, to tell appended from rewritten. */
export interface Fingerprint {
  readonly headHash: string;
  readonly tailHash: string;
}

/** The first and last bytes of what has been read of a file. */
export interface Ends {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

/** A stretch of a file as it was when it was read. */
export interface ReadSpan extends Ends {
  readonly start: number;
  /** First byte behind it. */
  readonly end: number;
  /** CRC-32 of all its bytes; absent when nobody asked for it. */
  readonly crc?: number;
}

const last = (bytes: Uint8Array): Uint8Array => bytes.subarray(Math.max(0, bytes.length - SPAN));

/** The ends of a stretch together with what follows it. */
export function joinEnds(before: Ends, after: Ends): Ends {
  return {
    head:
      before.head.length < SPAN ? Buffer.concat([before.head, after.head]).subarray(0, SPAN) : before.head,
    tail: after.tail.length < SPAN ? last(Buffer.concat([before.tail, after.tail])) : after.tail,
  };
}

export const NO_ENDS: Ends = { head: new Uint8Array(), tail: new Uint8Array() };

/** Ends and checksum of a stretch, from the very bytes that are read of it, buffer by buffer. */
export class SpanSum {
  private ends: Ends = NO_ENDS;
  private crc = 0;
  private end: number;

  /** @param summed false where the ends are enough */
  constructor(
    private readonly start: number,
    private readonly summed: boolean,
  ) {
    this.end = start;
  }

  /** Takes in the next bytes; they are copied as far as they are kept. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.summed) this.crc = crc32(bytes, this.crc);
    this.ends = joinEnds(this.ends, {
      head: Uint8Array.from(bytes.subarray(0, SPAN)),
      tail: Uint8Array.from(last(bytes)),
    });
    this.end += bytes.length;
  }

  span(): ReadSpan {
    return { start: this.start, end: this.end, ...this.ends, ...(this.summed ? { crc: this.crc } : {}) };
  }
}

function hashOf(bytes: Uint8Array): string {
  return `${bytes.length}:${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}`;
}

export function fingerprintOf({ head, tail }: Ends): Fingerprint {
  const headHash = hashOf(head);
  // Of a file that is shorter than that, both are all of it.
  return { headHash, tailHash: head.length === tail.length && tail.length < SPAN ? headHash : hashOf(tail) };
}

/** Reads bytes of an open file; fewer where it ends before. */
export function readRange(file: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, end - start));
  let held = 0;
  while (held < bytes.length) {
    const got = readSync(file, bytes, held, bytes.length - held, start + held);
    if (got === 0) break;
    held += got;
  }
  return bytes.subarray(0, held);
}

/** The ends of the first `bytes` bytes of a file as they are now, if they are those that are known. */
export function knownEnds(path: string, bytes: number, known: Fingerprint): Ends | undefined {
  if (bytes === 0) return NO_ENDS;
  const file = openSync(path, "r");
  try {
    const ends = {
      head: readRange(file, 0, Math.min(SPAN, bytes)),
      tail: readRange(file, Math.max(0, bytes - SPAN), bytes),
    };
    const now = fingerprintOf(ends);
    return now.headHash === known.headHash && now.tailHash === known.tailHash ? ends : undefined;
  } finally {
    closeSync(file);
  }
}
