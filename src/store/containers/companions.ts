import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Companions, Format } from "../../formats/format";
import { parseDocument } from "../../formats/jsonText";
import type { JsonValue } from "../../model/json";
import type { PlainValue } from "../../model/plain";
import { parquetRowCount, parquetRows } from "../parquet";
import { isBeside, siblingsOf } from "../siblings";
import { FileBytes, MemoryBytes } from "./byteSource";
import { isNpy, npyArray } from "./npyArray";
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

/**
 * What the companions hold, tables included: their reader is asynchronous, so that `companionsOf` does not open them. A table
 * is the list of its rows; one that cannot be read is missing.
 */
export async function companionsWithTables(format: Format, path: string): Promise<Companions | undefined> {
  const found = companionsOf(format, path);
  if (found === undefined) return undefined;
  const all = new Map(found);
  for (const name of format.companions?.(path, siblingsOf(path), []) ?? []) {
    if (!name.endsWith(".parquet") || all.has(name)) continue;
    const companion = join(dirname(path), name);
    try {
      const key = keyOf(companion);
      if (key === undefined) continue;
      const rows = kept.get(key) ?? (await parquetRows(companion, 0, await parquetRowCount(companion)));
      keep(key, rows);
      all.set(name, rows);
    } catch {
      continue;
    }
  }
  return all;
}

/** Names of a file's companions, pickled ones included, beside it or not; those inside an archive are part of it. */
export function companionNames(format: Format, path: string): readonly string[] {
  if (format.companions === undefined && format.plainCompanions === undefined) return [];
  return [
    ...(format.companions?.(path, siblingsOf(path), []) ?? []).slice(0, SIBLING_LIMIT),
    ...(format.plainCompanions?.(path) ?? []),
  ];
}

/** Which companions of a file are there, and in which state; empty when there are none. */
export function companionState(format: Format, path: string): string {
  const states = companionNames(format, path).flatMap((name) => {
    const stats = statSync(join(dirname(path), name), { throwIfNoEntry: false });
    return stats?.isFile() === true ? [`${name}\n${stats.size}\n${stats.mtimeMs}`] : [];
  });
  return states.length === 0 ? "" : createHash("sha256").update(states.join("\n")).digest("hex").slice(0, 32);
}

/** Under which a companion's content is kept, until it changes; undefined when it is missing or too large. */
function keyOf(companion: string): string | undefined {
  const stats = statSync(companion, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size > LARGEST_COMPANION) return undefined;
  return `${companion}\n${stats.size}\n${stats.mtimeMs}`;
}

function keep(key: string, content: JsonValue): void {
  kept.set(key, content);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? "");
}

function fileContent(path: string, name: string, siblings: readonly string[]): JsonValue | undefined {
  // A listing that is complete tells at once what is not there.
  if (
    !/[/\\]/.test(name) &&
    !(isBeside(path, name) ?? (siblings.length >= SIBLING_LIMIT || siblings.includes(name)))
  )
    return undefined;
  const companion = join(dirname(path), name);
  try {
    const key = keyOf(companion);
    if (key === undefined) return undefined;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const content = parsed(FileBytes.of(companion).read(0, LARGEST_COMPANION));
    if (content === undefined) return undefined;
    keep(key, content);
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

/** JSON, JSON lines as a list, the nested lists of an npy file, or the text itself; undefined for a table. */
function parsed(bytes: Buffer): JsonValue | undefined {
  if (isNpy(bytes)) return nested(npyArray(new MemoryBytes(bytes), "companion").value);
  if (bytes.subarray(0, 4).equals(PARQUET)) return undefined;
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  if (!/^\s*[[{"\d\-tfn]/.test(text)) return text;
  try {
    return parseDocument(text).value;
  } catch {
    return text;
  }
}

const PARQUET = Buffer.from("PAR1");

/** A numeric array as lists of lists; undefined for anything else. */
function nested(value: PlainValue): JsonValue | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "array")
    return undefined;
  const numbers = value.numbers();
  const level = (axis: number, at: number): JsonValue => {
    const size = value.shape[axis];
    if (size === undefined) return numbers[at] ?? null;
    return Array.from({ length: size }, (_, index) => level(axis + 1, at * size + index));
  };
  return level(0, 0);
}
