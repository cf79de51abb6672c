import { closeSync, openSync, statSync, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { FileEntry } from "./fileEntry";
import {
  fingerprintOf,
  joinEnds,
  knownEnds,
  readRange,
  SPAN,
  type Ends,
  type Fingerprint,
  type ReadSpan,
} from "./fingerprint";

/** Clocks of file systems are coarser than ours: a file changed this recently may have changed again within the same time. */
export const CLOCK_GRAIN_MS = 2_000;
/** A file that has not been written for this long is not expected to change while it is read. */
const AT_REST_MS = 10 * 60_000;
const CHECKED_AT_ONCE = 1024 * 1024;

/**
 * One reading of what is new in a file of lines. It remembers what it builds on and what it has read, from the very bytes that
 * were parsed, so that it can say at its end whether all of it belonged together: a file that is cut and grows
 * again meanwhile would otherwise give lines of two states of itself.
 */
export class Reading {
  private readonly spans: ReadSpan[] = [];
  private readonly beganMs = Date.now();
  private readonly from: number;
  private next: number;
  private ends: Ends;
  /** False when stretches that were read do not follow each other: the file has changed between them. */
  joined = true;

  private constructor(
    private readonly path: string,
    private readonly stats: Stats,
    private readonly before: Ends,
    start: number,
  ) {
    this.from = start;
    this.next = start;
    this.ends = before;
  }

  /**
   * Begins behind what the index holds of a file.
   * @param stats from before anything is read
   * @returns undefined when the file no longer begins with what the index holds of it
   */
  static begin(file: FileEntry, stats: Stats): Reading | undefined {
    const ends = knownEnds(file.path, file.indexedBytes, file);
    return ends === undefined ? undefined : new Reading(file.path, stats, ends, file.indexedBytes);
  }

  /** True when all bytes that are read have to be summed, because the file may well change meanwhile. */
  get summed(): boolean {
    return this.beganMs - this.stats.mtimeMs < AT_REST_MS;
  }

  /** Length of the line end with which the unread part begins: 1 for LF, 2 for CR LF, 0 for anything else. It counts as read. */
  passLineEnd(): 0 | 1 | 2 {
    const file = openSync(this.path, "r");
    try {
      const bytes = readRange(file, this.next, this.next + 2);
      const length = bytes[0] === 0x0a ? 1 : bytes[0] === 0x0d && bytes[1] === 0x0a ? 2 : 0;
      const passed = bytes.subarray(0, length);
      this.add({ start: this.next, end: this.next + length, head: passed, tail: passed, crc: crc32(passed) });
      return length;
    } finally {
      closeSync(file);
    }
  }

  /** Takes in what was read next. */
  add(span: ReadSpan): void {
    if (span.start !== this.next) this.joined = false;
    this.spans.push(span);
    this.next = span.end;
    this.ends = joinEnds(this.ends, span);
  }

  /** Fingerprint of the file up to the end of what was read. */
  fingerprint(): Fingerprint {
    return fingerprintOf(this.ends);
  }

  /**
   * True when all that was read is one state of the file. A file that nobody has touched needs no second look; of one that has
   * changed, be it by growing, what was read is compared with what is there now.
   */
  async holds(): Promise<boolean> {
    if (!this.joined) return false;
    // In this thread, as all that is read: of many small files, each would wait for its turn elsewhere.
    const now = statSync(this.path);
    const { size, mtimeMs, ctimeMs, ino } = this.stats;
    const still = now.size === size && now.mtimeMs === mtimeMs && now.ctimeMs === ctimeMs && now.ino === ino;
    if (still && this.beganMs - mtimeMs > CLOCK_GRAIN_MS) return true;
    const file = await open(this.path, "r");
    const buffer = Buffer.allocUnsafe(CHECKED_AT_ONCE);
    try {
      const tailStart = Math.max(0, this.from - SPAN);
      if (!(await isThere(0, this.before.head)) || !(await isThere(tailStart, this.before.tail)))
        return false;
      for (const { start, end, crc } of this.spans) {
        let sum = 0;
        for (let at = start; at < end;) {
          const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
          if (bytesRead === 0) return false;
          sum = crc32(buffer.subarray(0, bytesRead), sum);
          at += bytesRead;
        }
        if (sum !== crc) return false;
      }
      return true;
    } finally {
      await file.close();
    }

    async function isThere(start: number, bytes: Uint8Array): Promise<boolean> {
      const { bytesRead } = await file.read(buffer, 0, bytes.length, start);
      return bytesRead === bytes.length && buffer.subarray(0, bytesRead).equals(bytes);
    }
  }
}
