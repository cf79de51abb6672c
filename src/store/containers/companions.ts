import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Companions, Format } from "../../formats/format";
import { parseDocument } from "../../formats/jsonText";
import type { JsonValue } from "../../model/json";
import { siblingsOf } from "../siblings";
import { FileBytes } from "./byteSource";
import type { ZipArchive } from "./zipArchive";

/** A companion larger than this counts as missing. */
const LARGEST_COMPANION = 16 * 2 ** 20;
const SIBLING_LIMIT = 1000;
/** Parsed companions that are kept: the shards of a run share theirs. */
const KEPT = 32;

const kept = new Map<string, JsonValue>();

/** What the companions hold that a format names for a file; undefined for formats that name none. */
export function companionsOf(
  format: Format,
  path: string,
  siblings: readonly string[] = siblingsOf(path),
  archive?: ZipArchive,
): Companions | undefined {
  if (format.companions === undefined) return undefined;
  const names = format.companions(path, siblings, archive?.names ?? []);
  if (names.length === 0) return undefined;
  const found = new Map<string, JsonValue>();
  for (const name of names.slice(0, SIBLING_LIMIT)) {
    const content = archive === undefined ? fileContent(path, name, siblings) : memberContent(archive, name);
    if (content !== undefined) found.set(name, content);
  }
  return found;
}

function fileContent(path: string, name: string, siblings: readonly string[]): JsonValue | undefined {
  // A listing that is complete tells at once what is not there.
  if (!/[/\\]/.test(name) && siblings.length < SIBLING_LIMIT && !siblings.includes(name)) return undefined;
  const companion = join(dirname(path), name);
  try {
    const stats = statSync(companion);
    if (!stats.isFile() || stats.size > LARGEST_COMPANION) return undefined;
    const key = `${companion}\n${stats.size}\n${stats.mtimeMs}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const content = parsed(new FileBytes(companion, stats.size).read(0, stats.size));
    kept.set(key, content);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? "");
    return content;
  } catch {
    return undefined;
  }
}

function memberContent(archive: ZipArchive, name: string): JsonValue | undefined {
  if (!archive.has(name)) return undefined;
  try {
    return parsed(archive.read(name, LARGEST_COMPANION));
  } catch {
    return undefined;
  }
}

/** JSON, JSON lines as a list, or the text itself. */
function parsed(bytes: Buffer): JsonValue {
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  if (!/^\s*[[{"\d\-tfn]/.test(text)) return text;
  try {
    return parseDocument(text).value;
  } catch {
    return text;
  }
}
