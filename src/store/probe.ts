import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { parseJson, parseJsonPrefix } from "../formats/jsonText";
import type { Container, Detection, FileHead, Format } from "../formats/format";
import { formats } from "../formats/index";
import { columnOffers, proposeMapping } from "../formats/mappingProposal";
import type { FileColumns, MappingProposal } from "../model/columnMapping";
import type { JsonValue } from "../model/json";
import type { Note } from "../model/trajectory";
import type { ArchiveKind } from "./containers/archiveEntries";
import type { ByteSource } from "./containers/byteSource";
import { companionsOf } from "./containers/companions";
import { folderLeader } from "./containers/folder";
import type { StoredContainer } from "./containers/recordSource";
import { sniff, type Sniffed } from "./containers/sniff";
import { byCells, byHeldRows, canSummarise, followedByDocument } from "./probeRows";
import { sampledRecords } from "./sampledRecords";
import { siblingsOf } from "./siblings";
import { beheadedStart, textStart } from "./textRecords";

const HEAD_BYTES = 64 * 1024;
/** A first record longer than this is looked at by its beginning alone. */
const WHOLE_RECORD_BYTES = 16 * 1024 * 1024;

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

/** Container and first record of a text file; undefined when it is not JSON. */
function probeText(
  path: string,
  source: ByteSource,
): Pick<FileHead, "container" | "firstRecord" | "array"> | undefined {
  const bytes = source.read(0, HEAD_BYTES);
  const { size } = source;
  const start = textStart(bytes);
  const first = bytes[start];
  const beheaded = beheadedStart(bytes);
  if (beheaded !== undefined) {
    const rest = source.read(beheaded, Math.min(size - beheaded, HEAD_BYTES)).toString("utf8");
    const value = parseJsonPrefix(`[${rest}`);
    return {
      container: "json",
      array: true,
      ...withRecord(Array.isArray(value) ? (value as readonly JsonValue[])[0] : undefined),
    };
  }
  // The first lines of a log may be null, where its writer had nothing to say.
  const nulls = /^(?:null\s*\n)+(?=\s*[{[])/.exec(bytes.toString("latin1", start, start + 256));
  if (nulls !== null) {
    const next = firstLine(bytes, start + nulls[0].length);
    const record = next === undefined ? undefined : tryParse(next.text);
    return { container: "jsonl", ...withRecord(isContainer(record) ? record : laterLine(bytes, start)) };
  }
  if (first !== 0x7b && first !== 0x5b) return undefined;
  // A bracket that no value can follow is a text's own, such as a tag at the beginning of a log.
  if (first === 0x5b && /^\[\s*[^\s"{[\]\-\dtfnNI]/.test(bytes.toString("latin1", start, start + 256)))
    return undefined;
  const whole =
    size <= WHOLE_RECORD_BYTES ? source.read(0, WHOLE_RECORD_BYTES) : wholeFirstLine(source, bytes);
  if (first === 0x5b) {
    // A list that is alone on its line may be a JSONL line of a list; then the next line starts another one.
    const line = firstLine(whole, start);
    if (
      line !== undefined &&
      line.next !== undefined &&
      tryParse(line.text) !== undefined &&
      whole[textStart(whole.subarray(line.next)) + line.next] === 0x5b
    ) {
      return { container: "jsonl", ...withRecord(tryParse(line.text)) };
    }
    const value = tryParse(whole.toString("utf8", start)) ?? parseJsonPrefix(whole.toString("utf8", start));
    return {
      container: "json",
      array: true,
      ...withRecord(Array.isArray(value) ? (value as readonly JsonValue[])[0] : undefined),
    };
  }
  // JSON lines, whatever the extension: the first line parses alone.
  const line = firstLine(whole, start);
  const value = line === undefined ? undefined : tryParse(line.text);
  if (line !== undefined && isContainer(value)) {
    const onlyLine =
      line.next === undefined || textStart(whole.subarray(line.next)) + line.next >= whole.length;
    // One line alone: a JSON document if it is called so, otherwise the first line of a file that will grow.
    return {
      container: onlyLine && whole.length === size && /\.(json|traj)$/i.test(path) ? "json" : "jsonl",
      firstRecord: value,
    };
  }
  const document = tryParse(whole.toString("utf8", start));
  if (document !== undefined) return { container: "json", firstRecord: document };
  // A broken first line, and whole ones after it; a document spread over lines has none that ends where it began.
  const later = laterLine(whole, line?.next);
  if (later !== undefined) return { container: "jsonl", firstRecord: later };
  const prefix = parseJsonPrefix(
    whole.toString("utf8", start, Math.min(whole.length, start + WHOLE_RECORD_BYTES)),
  );
  // A first line cut in two by the end of the file is a JSONL file whose writer has just begun.
  const oneLine = whole.indexOf(0x0a, start) < 0;
  return { container: oneLine && !/\.json$/i.test(path) ? "jsonl" : "json", ...withRecord(prefix) };
}

/** The head of a large file, grown to hold its first line and what follows, where that line ends within reach. */
function wholeFirstLine(source: ByteSource, head: Buffer): Buffer {
  if (head.indexOf(0x0a, textStart(head)) >= 0) return head;
  for (let bytes = 16 * HEAD_BYTES; bytes <= WHOLE_RECORD_BYTES; bytes *= 4) {
    const longer = source.read(0, bytes);
    const newline = longer.indexOf(0x0a, textStart(longer));
    if (newline >= 0) return longer.subarray(0, newline + HEAD_BYTES);
  }
  return head;
}

/** The first record among the next lines that is an object with several keys and starts its line. */
function laterLine(bytes: Buffer, from: number | undefined): JsonValue | undefined {
  let at = from;
  for (let attempt = 0; attempt < 20 && at !== undefined; attempt++) {
    const line = firstLine(bytes, at);
    if (line === undefined) return undefined;
    const value = line.text.startsWith("{") ? tryParse(line.text) : undefined;
    if (isContainer(value) && Object.keys(value).length >= 2) return value;
    at = line.next;
  }
  return undefined;
}

function isContainer(
  value: JsonValue | undefined,
): value is Exclude<JsonValue, string | number | boolean | null> {
  return typeof value === "object" && value !== null;
}

function withRecord(value: JsonValue | undefined): Pick<FileHead, "firstRecord"> {
  return value === undefined ? {} : { firstRecord: value };
}

function firstLine(
  bytes: Buffer,
  start: number,
): { readonly text: string; readonly next: number | undefined } | undefined {
  if (start >= bytes.length) return undefined;
  const newline = bytes.indexOf(0x0a, start);
  if (newline < 0) return { text: bytes.toString("utf8", start), next: undefined };
  return { text: bytes.toString("utf8", start, newline), next: newline + 1 };
}

function tryParse(text: string): JsonValue | undefined {
  try {
    return parseJson(text.trim());
  } catch {
    return undefined;
  }
}

/** First bytes of packers that no library here reads. */
const PACKERS: readonly (readonly [Buffer, string])[] = [
  [Buffer.from("fd377a585a00", "hex"), "xz"],
  [Buffer.from("377abcaf271c", "hex"), "7-Zip"],
  [Buffer.from("425a68", "hex"), "bzip2"],
  [Buffer.from("526172211a07", "hex"), "RAR"],
];

/** Files that carry a data file's name and are something else. */
function falseFriend(path: string, bytes: Buffer, size: number): Note | undefined {
  const name = basename(path);
  if (size === 0) return { code: "empty-file", message: `${name} is empty.`, where: path };
  const packed = PACKERS.find(([magic]) => bytes.subarray(0, magic.length).equals(magic));
  if (packed !== undefined)
    return {
      code: "unknown-compression",
      message: `${name} is packed with ${packed[1]}, which is not read here: unpack it and open what is inside.`,
      where: path,
    };
  const text = bytes.toString("utf8", 0, Math.min(bytes.length, 2048));
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    return {
      code: "lfs-pointer",
      message: `${name} is a Git LFS pointer, not the data: run \`git lfs pull\` in its repository.`,
      where: path,
    };
  }
  if (/^\s*(?:<!doctype html|<html)/i.test(text)) {
    return {
      code: "html-page",
      message: `${name} is an HTML page, probably an error page saved by a download: fetch the file again.`,
      where: path,
    };
  }
  if (
    /^<{7} \S/m.test(bytes.toString("utf8")) &&
    /^={7}$/m.test(bytes.toString("utf8")) &&
    /^\s*[[{<]/.test(text)
  ) {
    return {
      code: "conflict-markers",
      message: `${name} holds Git conflict markers: resolve them, then refresh.`,
      where: path,
    };
  }
  return undefined;
}
