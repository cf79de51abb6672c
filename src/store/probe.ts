import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Container, Detection, FileHead, Format } from "../formats/format";
import { formats } from "../formats/index";
import { columnOffers, proposeMapping } from "../formats/mappingProposal";
import type { FileColumns, MappingProposal } from "../model/columnMapping";
import type { Note } from "../model/trajectory";
import type { ArchiveKind } from "./containers/archiveEntries";
import { companionsOf } from "./containers/companions";
import { folderLeader } from "./containers/folder";
import type { StoredContainer } from "./containers/recordSource";
import { sniff, type Sniffed } from "./containers/sniff";
import { byCells, byHeldRows, canSummarise, followedByDocument } from "./probeRows";
import { falseFriend } from "./falseFriend";
import { firstLine, HEAD_BYTES, probeText, WHOLE_RECORD_BYTES } from "./probeText";
import { sampledRecords } from "./sampledRecords";
import { siblingsOf } from "./siblings";
import { textStart } from "./arrayText";

/** What a file turned out to be. */
export type Probe =
  | {
      readonly kind: "readable";
      readonly head: FileHead;
      readonly format: Format;
      readonly detection: Detection;
      /** Where the records lie; `head.container` is what the format sees of it. */
      readonly stored: StoredContainer;
    }
  /** One of the files of a folder that is one trajectory as a whole; `leader` stands for it. */
  | { readonly kind: "part"; readonly leader: string }
  /** An archive of files, each of which is looked at by itself. */
  | { readonly kind: "archive"; readonly archive: ArchiveKind }
  /** Data in a container we read, but no format claims it. */
  | {
      readonly kind: "unknown";
      readonly container: Container;
      /** What its columns look like; a guess that nobody applies. */
      readonly proposal: MappingProposal | undefined;
      /** What is damaged: reason enough that no format claims it. */
      readonly damage?: Note;
    }
  /** Not data at all, though it may look so: said in one sentence. */
  | { readonly kind: "false-friend"; readonly note: Note }
  | { readonly kind: "other" };

function readHead(path: string, bytes: number): { readonly head: Buffer; readonly size: number } {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    const head = Buffer.allocUnsafe(Math.min(bytes, size));
    let held = 0;
    while (held < head.length) {
      const got = readSync(file, head, held, head.length - held, held);
      if (got === 0) break;
      held += got;
    }
    return { head: head.subarray(0, held), size };
  } finally {
    closeSync(file);
  }
}

/**
 * Looks at a file's content and asks the formats. Never trusts the name. Throws what the file system throws.
 * @param mapped the format of the user's own mapping for this file, which goes first where it fits
 */
export async function probe(path: string, mapped?: Format): Promise<Probe> {
  const { head: bytes, size } = readHead(path, HEAD_BYTES);
  const friend = falseFriend(path, bytes, size);
  if (friend !== undefined) return { kind: "false-friend", note: friend };
  const sniffed = await sniff(path, bytes, probeText);
  if (sniffed === undefined) return { kind: "other" };
  try {
    const following =
      mapped === undefined && followedByDocument(path, sniffed)
        ? await byHeldRows(path, size, sniffed)
        : undefined;
    if (following !== undefined) return following;
    const found = choose(path, size, sniffed, mapped);
    const { firstRecord } = sniffed.parts;
    // Columns by their names may look like the one record of a format, which then cannot read it.
    if (
      mapped === undefined &&
      found.kind === "readable" &&
      found.stored === "json" &&
      sniffed.parts.array !== true &&
      firstRecord !== undefined &&
      !canSummarise(found.format, path, firstRecord, 0)
    ) {
      const held = await byHeldRows(path, size, sniffed);
      if (held !== undefined) return held;
    }
    if (confidenceOf(found) >= (mapped === undefined ? sureOf(sniffed) : SURE)) return found;
    const other = otherReading(path, sniffed);
    const again = other === undefined ? found : choose(path, size, other, mapped);
    const first = confidenceOf(again) > confidenceOf(found) ? again : found;
    if (mapped !== undefined) return first;
    const further = await byFurtherRecords(path, size, sniffed, first);
    if (sniffed.parts.columns !== undefined) return (await byCells(path, size, further)) ?? further;
    return further.kind === "unknown" ? ((await byHeldRows(path, size, sniffed)) ?? further) : further;
  } finally {
    sniffed.close?.();
  }
}

/** A format this sure is not doubted. */
const SURE = 0.5;
/** The names of columns tell less than the values below them. */
const SURE_OF_COLUMNS = 0.9;

const sureOf = ({ parts }: Sniffed): number => (parts.columns === undefined ? SURE : SURE_OF_COLUMNS);

const confidenceOf = (found: Probe): number => (found.kind === "readable" ? found.detection.confidence : 0);

/** What another record than the first says counts a little less. */
const FURTHER = 0.95;
/** Formats below this are so general that one record among others tells nothing: half of those looked at must agree. */
const GENERIC = 0.3;

/**
 * Asks the formats about further records where the first, or the columns of a table, do not tell for sure. A table's rows
 * are what the lines of a JSON file would be.
 */
async function byFurtherRecords(path: string, bytes: number, sniffed: Sniffed, first: Probe): Promise<Probe> {
  const { parts, stored } = sniffed;
  const table = parts.columns !== undefined;
  const sure = sureOf(sniffed);
  if (confidenceOf(first) >= sure || first.kind === "part") return first;
  const records = await sampledRecords(path, stored, parts.array === true).catch(() => []);
  const generic = new Map<string, number>();
  let best = first;
  for (const [index, firstRecord] of records.entries()) {
    if (!table && index === 0) continue;
    const { columns: _columns, ...text } = parts;
    const own: Sniffed = {
      ...sniffed,
      parts: { ...(table ? { ...text, container: "jsonl" as const } : parts), firstRecord },
    };
    const found = choose(path, bytes, own, undefined, table);
    if (found.kind !== "readable") continue;
    const weight = table && index === 0 ? 1 : FURTHER;
    if (found.detection.confidence < GENERIC) {
      const count = (generic.get(found.format.id) ?? 0) + 1;
      generic.set(found.format.id, count);
      if (2 * count < records.length) continue;
    }
    if (weight * found.detection.confidence <= confidenceOf(best)) continue;
    const reason = `${found.detection.reason} (${table ? "row" : "record"} ${index + 1})`;
    const detection = { confidence: weight * found.detection.confidence, reason };
    best = { ...found, head: { ...found.head, ...parts }, detection };
    if (confidenceOf(best) >= sure) break;
  }
  return best;
}

/** One object alone is a document and a line as well: what the name does not promise may still be so. */
function otherReading(path: string, sniffed: Sniffed): Sniffed | undefined {
  const { stored, parts } = sniffed;
  if (parts.array === true || parts.firstRecord === undefined) return undefined;
  if (stored !== "json" && stored !== "jsonl") return undefined;
  const { head: bytes, size } = readHead(path, WHOLE_RECORD_BYTES);
  const line = firstLine(bytes, textStart(bytes));
  if (bytes.length < size || line === undefined) return undefined;
  if (line.next !== undefined && textStart(bytes.subarray(line.next)) + line.next < bytes.length)
    return undefined;
  const container = stored === "json" ? "jsonl" : "json";
  return { ...sniffed, stored: container, parts: { ...parts, container } };
}

/** The columns of a file that a mapping could name, and what they look like. Throws what the file system throws. */
export async function columnsOf(path: string): Promise<FileColumns> {
  const { head: bytes, size } = readHead(path, HEAD_BYTES);
  const sniffed = await sniff(path, bytes, probeText);
  if (sniffed === undefined) return { columns: [] };
  try {
    const head: FileHead = { path, bytes: size, siblings: [], ...sniffed.parts };
    const proposal = proposeMapping(head);
    return { columns: columnOffers(head), ...(proposal === undefined ? {} : { proposal }) };
  } finally {
    sniffed.close?.();
  }
}

function choose(
  path: string,
  bytes: number,
  { parts, stored, archive, notes = [] }: Sniffed,
  mapped: Format | undefined,
  rows = false,
): Probe {
  const siblings = siblingsOf(path);
  const plainHead: FileHead = { path, bytes, siblings, ...parts };
  let best: { format: Format; detection: Detection; head: FileHead } | undefined;
  const own = mapped !== undefined && detect(mapped, plainHead) !== undefined ? [mapped] : undefined;
  for (const format of own ?? formats) {
    const offered = offeredTo(format, plainHead, rows);
    if (offered === undefined) continue;
    const companions = companionsOf(format, path, siblings, archive);
    const head = companions === undefined ? offered : { ...offered, companions };
    const detection = detect(format, head);
    if (detection !== undefined && detection.confidence > (best?.detection.confidence ?? 0))
      best = { format, detection, head };
  }
  if (best === undefined && (parts.container === "zip" || parts.container === "tar"))
    return { kind: "archive", archive: parts.container };
  // A text that no format knows was never promised to be data.
  if (best === undefined)
    return parts.container === "text"
      ? { kind: "other" }
      : {
          kind: "unknown",
          container: parts.container,
          proposal: proposeMapping(plainHead),
          ...(notes[0] === undefined ? {} : { damage: notes[0] }),
        };
  const leader = folderLeader(path, best.format);
  if (leader !== undefined && leader !== path) return { kind: "part", leader };
  if (leader !== undefined) return { kind: "readable", ...best, stored: "folder" };
  // Lines that belong together are read as one document.
  const whole = best.format.wholeDocument === true;
  if (whole && stored === "jsonl")
    return { kind: "readable", ...best, head: { ...best.head, container: "json" }, stored: "json" };
  return {
    kind: "readable",
    ...best,
    stored: whole && stored === "compressed-jsonl" ? "compressed-json" : stored,
  };
}

/**
 * A file's head as a format can take it; undefined when it cannot. What is written as lines may be written as an array or
 * a document as well, and the other way round.
 * @param rows true for a row of a table, which is a record by itself unless the format takes whole tables
 */
function offeredTo(format: Format, head: FileHead, rows: boolean): FileHead | undefined {
  const takes = (container: Container): boolean => format.containers.includes(container);
  if (rows && format.wholeDocument === true && format.episodeColumns === undefined) return undefined;
  if (takes(head.container)) return head;
  if (head.container === "json") return takes("jsonl") ? head : undefined;
  if (head.container !== "jsonl" || !takes("json")) return undefined;
  // Lines that a format takes together are to it what the elements of an array are.
  return format.wholeDocument === true ? { ...head, container: "json", array: true } : head;
}

/** A format that stumbles over a file does not claim it. */
function detect(format: Format, head: FileHead): Detection | undefined {
  try {
    return format.detect(head);
  } catch {
    return undefined;
  }
}
