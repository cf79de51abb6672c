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
      /** All of them, made when one is looked for. */
      readonly all: () => ReadonlySet<string>;
    }
  | undefined;

/** Takes over a listing that was made anyway: that of 100,000 files takes as long as reading many of them. */
export function knowSiblings(
  folder: string,
  mtimeMs: number,
  listedMs: number,
  entries: readonly { readonly name: string }[],
): void {
  last = listing(
    folder,
    mtimeMs,
    listedMs,
    entries.map(({ name }) => name),
  );
}

function listing(folder: string, mtimeMs: number, listedMs: number, names: readonly string[]): typeof last {
  let all: ReadonlySet<string> | undefined;
  return {
    folder,
    mtimeMs,
    listedMs,
    names: names.slice(0, SIBLING_LIMIT),
    all: () => (all ??= new Set(names)),
  };
}

/** Whether a file lies beside another one, by the listing that `siblingsOf` gave for it last; undefined when there is none. */
export function isBeside(path: string, name: string): boolean | undefined {
  return last?.folder === dirname(path) ? last.all().has(name) : undefined;
}

/** Names of the files beside a file, sorted, at most 1,000; none when the folder cannot be listed. */
export function siblingsOf(path: string): readonly string[] {
  const folder = dirname(path);
  try {
    const { mtimeMs } = statSync(folder);
    if (last?.folder === folder && last.mtimeMs === mtimeMs && last.listedMs - mtimeMs > GRAIN_MS)
      return last.names;
    const listedMs = Date.now();
    last = listing(folder, mtimeMs, listedMs, readdirSync(folder));
    return last?.names ?? [];
  } catch {
    return [];
  }
}
