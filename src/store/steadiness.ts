import type { Stats } from "node:fs";
import type { FileEntry } from "./fileEntry";
import { knownEnds } from "./fingerprint";
import { CLOCK_GRAIN_MS } from "./reading";

/** A file that was rewritten under each reading is left alone for this many times what they took. */
const REST_SHARE = 4;

/** Remembers which files changed while or shortly before they were read, so that what the index holds of them is doubted. */
export class Steadiness {
  /** Files that were rewritten under each reading, with the time before which they are not read again. */
  private readonly rewritten = new Map<string, number>();
  /** Files that were changed so shortly before they were read that a change after it may not show in their times. */
  private readonly fresh = new Set<string>();

  forget(path: string): void {
    this.rewritten.delete(path);
    this.fresh.delete(path);
  }

  /** A file has been taken in. */
  wasRead({ container, path, mtimeMs }: FileEntry): void {
    if (container === "jsonl" && Date.now() - mtimeMs <= CLOCK_GRAIN_MS) this.fresh.add(path);
    else this.fresh.delete(path);
  }

  /** A file was rewritten under all readings, the first of which began at this time. */
  rest(path: string, beganMs: number): void {
    this.rewritten.set(path, Date.now() + REST_SHARE * (Date.now() - beganMs));
  }

  /** True while a file is left alone because it was rewritten under each reading. */
  isResting(path: string): boolean {
    return Date.now() < (this.rewritten.get(path) ?? 0);
  }

  wasRewritten(path: string): boolean {
    return this.rewritten.has(path);
  }

  /** Whether a file of the size and time that the index knows still holds what the index holds. */
  holds(entry: FileEntry, stats: Stats): boolean {
    if (entry.container !== "jsonl") return true;
    // Another file may have been put in its place with the same size and time; some file systems give new numbers to files
    // that stay, so that the content decides. So it does once the clock has passed a change shortly before the reading.
    const isDue = this.fresh.has(entry.path) && Date.now() - stats.mtimeMs > CLOCK_GRAIN_MS;
    if (entry.inode === stats.ino && !isDue) return true;
    if (knownEnds(entry.path, entry.indexedBytes, entry) === undefined) return false;
    entry.inode = stats.ino;
    if (isDue) this.fresh.delete(entry.path);
    return true;
  }
}
