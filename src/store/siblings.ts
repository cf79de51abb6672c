import { readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

const SIBLING_LIMIT = 1000;
/** A folder that changed this recently may change again without its time telling. */
const GRAIN_MS = 100;

/** The last folder listed: the files of a run are looked at one after another, and its folder may hold 100,000. */
let last:
  | {
      readonly folder: string;
      readonly mtimeMs: number;
      readonly listedMs: number;
      readonly names: readonly string[];
    }
  | undefined;

/** Names of the files beside a file, sorted, at most 1,000; none when the folder cannot be listed. */
export function siblingsOf(path: string): readonly string[] {
  const folder = dirname(path);
  try {
    const { mtimeMs } = statSync(folder);
    if (last?.folder === folder && last.mtimeMs === mtimeMs && last.listedMs - mtimeMs > GRAIN_MS)
      return last.names;
    const listedMs = Date.now();
    last = { folder, mtimeMs, listedMs, names: readdirSync(folder).slice(0, SIBLING_LIMIT) };
    return last.names;
  } catch {
    return [];
  }
}
