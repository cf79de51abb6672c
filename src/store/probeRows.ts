import { basename } from "node:path";
import type { Format } from "../formats/format";
import { formats } from "../formats/index";
import { parseJsonPrefix } from "../formats/jsonText";
import type { JsonValue } from "../model/json";
import { FileBytes } from "./containers/byteSource";
import { bestRows, heldRows } from "./containers/heldRows";
import type { Sniffed } from "./containers/sniff";
import { unpackedRows } from "./containers/tableCells";
import { documentEnd, unwrapped } from "./containers/unwrapped";
import type { Probe } from "./probe";
import { sampledRecords } from "./sampledRecords";
import { siblingsOf } from "./siblings";

/** Rows of a format that are not the records of a file as they stand: in cells, under a key, in columns, pickled. */

const HEAD_BYTES = 64 * 1024;
/** What was looked for counts a little less than what stands there. */
const HELD = 0.95;

/**
 * Cells of a table may hold lists and objects as text. They are taken as such where no format knows the rows as they stand, or
 * the one that does by their columns' names can read none of them.
 */
export async function byCells(path: string, bytes: number, found: Probe): Promise<Probe | undefined> {
  if (found.kind !== "unknown" && found.kind !== "readable") return undefined;
  if (found.kind === "readable" && found.format.episodeColumns !== undefined) return undefined;
  const rows = await unpackedRows(path).catch(() => undefined);
  if (rows === undefined) return undefined;
  if (found.kind === "readable") {
    const packed = await sampledRecords(path, found.stored, false).catch(() => []);
    if (packed.some((value, row) => canSummarise(found.format, path, value, row))) return undefined;
  }
  const best = bestRows([{ place: "cells that hold lists", rows }], formats, {
    path,
    bytes,
    siblings: siblingsOf(path),
  });
  if (best === undefined) return undefined;
  const reason = `${best.detection.reason} (lists and objects as text in cells)`;
  return {
    kind: "readable",
    format: best.format,
    head: best.head,
    detection: { confidence: HELD * best.detection.confidence, reason },
    stored: "rows-in-table",
  };
}

/** True where a format can take a record for one of its own. */
export function canSummarise(format: Format, path: string, value: JsonValue, row: number): boolean {
  try {
    return format.summarise({ kind: "value", value }, { path, relativePath: basename(path), row }).length > 0;
  } catch {
    return false;
  }
}

/** Documents up to this size are looked through as a whole for the rows that they may hold; of larger ones the beginning. */
const LOOKED_THROUGH = 16 * 2 ** 20;
const BEGINNING = 2 * 2 ** 20;

/** A document that no format knows may hold the rows of one: under a key, in columns, by id, or pickled. */
export async function byHeldRows(
  path: string,
  bytes: number,
  { stored, parts }: Sniffed,
): Promise<Probe | undefined> {
  const kind =
    stored === "pickle" ? "pickle" : /json$/.test(stored) || stored === "jsonl" ? "json" : undefined;
  // Lines that no format knows hold no rows together, unless each is a list of them.
  if (kind === undefined || stored === "compressed-jsonl") return undefined;
  // Elements that no format knows hold rows only where they are lists of them.
  if (parts.array === true && !Array.isArray(parts.firstRecord)) return undefined;
  if (
    stored === "jsonl" &&
    !Array.isArray(parts.firstRecord) &&
    FileBytes.of(path).read(0, HEAD_BYTES).includes(0x0a)
  )
    return undefined;
  const head = { path, bytes, siblings: siblingsOf(path) };
  if ((stored === "json" || stored === "jsonl") && bytes > LOOKED_THROUGH) {
    const beginning = parseJsonPrefix(FileBytes.of(path).read(0, BEGINNING).toString("utf8"));
    if (beginning === undefined || bestRows(heldRows(beginning), formats, head) === undefined)
      return undefined;
  }
  const { held } = await unwrapped(path, kind).catch(() => ({ held: [] }));
  const found = bestRows(held, formats, head);
  if (found === undefined) return undefined;
  const { format, detection } = found;
  const reason = `${detection.reason} (${found.held.rows.length} rows${found.held.place === "" ? "" : `: ${found.held.place}`})`;
  return {
    kind: "readable",
    format,
    head: found.head,
    detection: { confidence: HELD * detection.confidence, reason },
    stored: `rows-in-${kind}`,
  };
}

/** True where a JSON document is followed by another one, as repeated `json.dump` with indents writes them. */
export function followedByDocument(path: string, { stored, parts }: Sniffed): boolean {
  if (stored !== "json" || parts.array === true) return false;
  const text = FileBytes.of(path)
    .read(0, BEGINNING)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  const end = documentEnd(text, 0);
  return end >= 0 && /^[\s,]*\{/.test(text.slice(end, end + 256));
}
