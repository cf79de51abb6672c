import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Format } from "../../formats/format";

/** A folder with more files than this is no trajectory. */
const MOST_FILES = 100_000;

/** Files of the trajectory that fills a folder, in order; empty when the format sees none in it. */
export function folderMembers(path: string, format: Format): readonly string[] {
  const names = format.folderFiles?.(allBeside(path)) ?? [];
  return names.map((name) => join(dirname(path), name));
}

/** The file by which a folder's trajectory is found, where `path` is one of its files; undefined otherwise. */
export function folderLeader(path: string, format: Format): string | undefined {
  const [first, ...rest] = format.folderFiles?.(allBeside(path)) ?? [];
  if (first === undefined) return undefined;
  const name = basename(path);
  return name === first || rest.includes(name) ? join(dirname(path), first) : undefined;
}

/** The siblings that formats see are cut; a trajectory may have more steps than that. */
function allBeside(path: string): readonly string[] {
  try {
    return readdirSync(dirname(path)).slice(0, MOST_FILES);
  } catch {
    return [];
  }
}
