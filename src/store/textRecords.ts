import { isAscii } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { parseDocument, parseJson } from "../formats/jsonText";
import type { Format, FormatRecord, RecordContext } from "../formats/format";
import { cutLongTexts } from "../formats/longText";
import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import { companionsOf } from "./containers/companions";
import { SpanSum, type ReadSpan } from "./fingerprint";
import type { SummaryBlock } from "./summaryBlock";
import { SummaryBlockBuilder } from "./summaryBlockBuilder";
import { isBroken, jsonProblem, textOf } from "./textBytes";

/** Lines and documents beyond this are left out with a note: V8 holds no longer strings. */
export const LONGEST_RECORD = 400 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const READ_AHEAD = 64 * 1024;
/** Longer lines are decoded by themselves: they are few. */
const LONG_LINE = 256 * 1024;
const NEWLINE = 0x0a;
/** Code of the note on a record that is read although not all of its bytes are UTF-8. */
export const NOT_UTF8 = "not-utf-8";

/** A stretch of a JSONL file to summarise: the lines that start in [start, end). */
export interface LinesJob {
  readonly kind: "lines";
  readonly path: string;
  readonly relativePath: string;
  readonly formatId: string;
  readonly start: number;
  readonly end: number;
  /** Size of the file when the job was cut; nothing beyond it is read. */
  readonly limit: number;
  /** True when a line starts at `start`; otherwise the rest of the line there belongs to the stretch before. */
  readonly atLineStart: boolean;
  /** True when all bytes read are to be summed, because the file may change under the reading. */
  readonly summed: boolean;
}

export interface LinesResult {
  readonly block: SummaryBlock;
  /** First byte that is not taken in: after the last whole line of the stretch; -1 when no line of it ends in reach. */
  readonly endOffset: number;
  /** Bytes of an unfinished last line, left for later. */
  readonly tornBytes: number;
  /** True when the last line taken in had no line end (a file that ends without one). */
  readonly open: boolean;
  /** The lines of the stretch as they were read; absent when none starts in it. */
  readonly span?: ReadSpan;
}

/** A whole JSON file to summarise: the elements of an array, or one document. */
export interface DocumentJob {
  readonly kind: "document";
  readonly path: string;
  readonly relativePath: string;
  readonly formatId: string;
}

/**
 * Splits a stretch of a JSONL file into lines and summarises them. A byte order mark and CR before LF are dropped, blank
 * lines count as rows but give nothing, a line that does not parse or fit gives a note and the rest goes on.
 */
export function summariseLines(job: LinesJob, format: Format): LinesResult {
  const builder = new SummaryBlockBuilder();
  const place = placeOf(job, format);
  const file = openSync(job.path, "r");
  try {
    let buffer = readBuffer(Math.min(job.end, job.limit) - job.start + READ_BYTES);
    let bufferStart = job.atLineStart ? job.start : Math.max(0, job.start - 1);
    let held = 0;
    let lineStart = bufferStart;
    let searched = 0;
    let skipping = !job.atLineStart;
    let row = 0;
    let tornBytes = 0;
    let open = false;
    /** Set while a line longer than LONGEST_RECORD is being passed over. */
    let giant = false;
    /** What was taken in, from the bytes that are parsed, up to `counted`; `settled` is its state before a giant line. */
    let sum = job.atLineStart ? new SpanSum(job.start, job.summed) : undefined;
    let counted = job.start;
    let settled: ReadSpan | undefined;
    const count = (to: number): void => {
      sum?.add(buffer.subarray(counted - bufferStart, to - bufferStart));
      counted = to;
    };

    let broken = false;
    /** What is held, byte by byte, as text: lines of ASCII are slices of it, and are not decoded one by one. */
    let bytesAsText: string | undefined;
    const textBetween = (start: number, end: number): string => {
      if (end - start > LONG_LINE || !isAscii(buffer.subarray(start, end))) {
        const bytes = buffer.subarray(start, end);
        const text = bytes.toString("utf8");
        if (!isBroken(bytes, text)) return text;
        // One is enough: it is told of the file once.
        if (!broken) builder.note({ row, code: NOT_UTF8, reason: "" });
        broken = true;
        return textOf(bytes);
      }
      return (bytesAsText ??= buffer.toString("latin1", 0, held)).slice(start, end);
    };

    const take = (from: number, to: number): void => {
      let start = from;
      let end = to;
      if (
        bufferStart + start === 0 &&
        end - start >= 3 &&
        buffer[start] === 0xef &&
        buffer[start + 1] === 0xbb &&
        buffer[start + 2] === 0xbf
      )
        start += 3;
      if (end > start && buffer[end - 1] === 0x0d) end--;
      if (buffer[start] === 0 && end > start) {
        // A crash or a full disk leaves them where a record was to come; the next writer goes on behind them.
        const from = start;
        while (start < end && buffer[start] === 0) start++;
        if (start === end) {
          const count = (end - from).toLocaleString("en");
          builder.note({ row, code: "nul-bytes", reason: `is nothing but ${count} NUL bytes` });
          return;
        }
      }
      const text = textBetween(start, end);
      // Blank lines are rows that hold nothing; most lines tell by their first character that they are not blank.
      if (text.length === 0 || (text.charCodeAt(0) <= 0x20 && text.trim() === "")) return;
      summariseText(builder, format, text, row, bufferStart + start, end - start, place);
    };

    while (lineStart < job.end || skipping) {
      const found = held > searched ? buffer.indexOf(NEWLINE, searched) : -1;
      const newline = found < held ? found : -1;
      if (newline >= 0) {
        if (skipping) {
          skipping = false;
          counted = bufferStart + newline + 1;
          sum = new SpanSum(counted, job.summed);
        } else {
          if (giant) builder.note({ row, code: "long-line", reason: "is longer than 400 MB" });
          else take(lineStart - bufferStart, newline);
          giant = false;
          settled = undefined;
          row++;
        }
        lineStart = bufferStart + newline + 1;
        searched = newline + 1;
        continue;
      }
      // No line end in what is held: drop what is done, read on.
      // The rest of a line that began before the stretch and goes on beyond it belongs to another stretch.
      if (skipping && bufferStart + held > job.end) break;
      if (skipping || giant || held - (lineStart - bufferStart) > LONGEST_RECORD) {
        if (!skipping) {
          count(lineStart > counted ? lineStart : counted);
          if (!giant) settled = sum?.span();
          giant = true;
          count(bufferStart + held);
        }
        bufferStart += held;
        held = 0;
      } else {
        const keepFrom = lineStart - bufferStart;
        if (!skipping) count(lineStart);
        if (keepFrom > 0) buffer.copyWithin(0, keepFrom, held);
        held -= keepFrom;
        bufferStart = lineStart;
        if (buffer.length - held < READ_BYTES) {
          const larger = Buffer.allocUnsafe(buffer.length * 2);
          buffer.copy(larger, 0, 0, held);
          buffer = larger;
        }
      }
      searched = held;
      bytesAsText = undefined;
      const position = bufferStart + held;
      // As far as the stretch goes, then on in small steps to the end of its last line; in larger ones the longer that is.
      const ahead = Math.max(job.end - position, giant ? READ_BYTES : READ_AHEAD, held);
      const room = Math.min(buffer.length, LONGEST_RECORD + 1) - held;
      const wanted = Math.min(room, job.limit - position, ahead);
      const got = wanted > 0 ? readSync(file, buffer, held, wanted, position) : 0;
      held += got;
      // What is left behind it of longer lines is not searched.
      if (held < buffer.length) buffer[held] = NEWLINE;
      if (got > 0) continue;
      // End of the file without a line end: whole if it parses to an object or list, otherwise it is still being written.
      if (!skipping && !giant && held > 0) {
        if (isWholeLine(buffer.toString("utf8", 0, held))) {
          take(0, held);
          row++;
          lineStart = bufferStart + held;
          open = true;
        } else tornBytes = held;
      } else if (giant) tornBytes = bufferStart + held - lineStart;
      break;
    }
    if (settled === undefined) count(lineStart);
    const span = settled ?? sum?.span();
    return {
      block: builder.pack(row),
      endOffset: skipping ? -1 : lineStart,
      tornBytes,
      open,
      ...(span === undefined ? {} : { span }),
    };
  } finally {
    closeSync(file);
  }
}

let kept: Buffer | undefined;

/** One buffer a thread, used again from job to job: fresh pages cost more than the parsing of small ones. */
function readBuffer(bytes: number): Buffer {
  if (kept === undefined || kept.length < bytes)
    kept = Buffer.allocUnsafeSlow(Math.max(bytes, 6 * READ_BYTES));
  return kept;
}

/** Only objects and lists tell by themselves that they are finished: `12` may be the beginning of `123`. */
function isWholeLine(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === "") return false;
  try {
    const value = parseJson(trimmed.charCodeAt(0) === 0xfeff ? trimmed.slice(1) : trimmed);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

/** What all records of a file know of their surroundings. One object for all of them, with the row of each in turn. */
type Place = Omit<RecordContext, "row"> & { row: number };

function placeOf({ path, relativePath }: LinesJob | DocumentJob, format: Format): Place {
  const companions = companionsOf(format, path);
  return { path, relativePath, row: 0, ...(companions === undefined ? {} : { companions }) };
}

function summariseText(
  builder: SummaryBlockBuilder,
  format: Format,
  text: string,
  row: number,
  offset: number,
  length: number,
  place: Place,
): void {
  let record: ValueRecord;
  try {
    record = recordOf(text, format);
  } catch (error) {
    const reason = jsonProblem(text) ?? shortReason(error);
    builder.note({ row, code: "malformed-line", reason: `is not valid JSON (${reason})` });
    return;
  }
  summariseRecord(builder, format, record, row, offset, length, place);
}

type ValueRecord = Extract<FormatRecord, { kind: "value" }>;

function recordOf(text: string, format: Format): ValueRecord {
  const cut = format.longFields === undefined ? undefined : cutLongTexts(text, format.longFields);
  return cut === undefined
    ? { kind: "value", value: parseJson(text) }
    : { kind: "value", value: parseJson(cut.rest), long: cut.long };
}

function summariseRecord(
  builder: SummaryBlockBuilder,
  format: Format,
  record: ValueRecord,
  row: number,
  offset: number,
  length: number,
  place: Place,
): void {
  try {
    place.row = row;
    builder.add(row, offset, length, format.summarise(record, place));
  } catch (error) {
    if (error instanceof SyntaxError) {
      builder.note({ row, code: "malformed-line", reason: `is not valid JSON (${shortReason(error)})` });
      return;
    }
    builder.note({
      row,
      code: error instanceof Failure ? error.code : "unfit-record",
      reason: `does not fit ${format.title}: ${shortReason(error)}`,
    });
  }
}

/** Summarises a whole JSON file. An array that was cut keeps the elements before the cut. */
export function summariseDocument(job: DocumentJob, format: Format): LinesResult {
  const builder = new SummaryBlockBuilder();
  const place = placeOf(job, format);
  const bytes = readWhole(job.path);
  let records = 0;
  let torn = 0;
  if (isArrayText(bytes) && format.wholeDocument !== true) {
    const { elements, end } = arrayElements(bytes);
    if (beheadedStart(bytes) !== undefined) {
      builder.note({
        row: 0,
        code: "lost-beginning",
        reason: `is cut off at its beginning by ${textStart(bytes).toLocaleString("en")} NUL bytes, and those before it are lost`,
      });
      records = 1;
    }
    for (const [start, stop] of elements) {
      summariseText(
        builder,
        format,
        textOf(bytes.subarray(start, stop)),
        records,
        start,
        stop - start,
        place,
      );
      records++;
    }
    if (end < 0) torn = bytes.length - (elements.at(-1)?.[1] ?? 0);
  } else {
    const start = textStart(bytes);
    const text = textOf(bytes.subarray(start));
    try {
      const { value, broken } =
        format.wholeDocument === true ? parseDocument(text) : { value: parseJson(text), broken: [] };
      for (const line of broken)
        builder.note({ row: 0, code: "broken-line", reason: `has a line ${line} that is not JSON` });
      summariseRecord(builder, format, { kind: "value", value }, 0, start, bytes.length - start, place);
      records = 1;
    } catch {
      torn = bytes.length;
    }
  }
  return { block: builder.pack(records), endOffset: bytes.length, tornBytes: torn, open: false };
}

function readWhole(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    if (size > LONGEST_RECORD)
      throw new Failure(
        "long-document",
        `${path} is one JSON document of ${Math.round(size / 2 ** 20)} MB.`,
        "Documents up to 400 MB can be read; convert it to JSON lines.",
      );
    const bytes = Buffer.allocUnsafe(size);
    let held = 0;
    while (held < size) {
      const got = readSync(file, bytes, held, size - held, held);
      if (got === 0) break;
      held += got;
    }
    return bytes.subarray(0, held);
  } finally {
    closeSync(file);
  }
}

/** Index of the first character that is neither a byte order mark, a NUL nor white space. */
export function textStart(bytes: Uint8Array): number {
  let index = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (
    index < bytes.length &&
    (bytes[index] === 0 ||
      bytes[index] === 0x20 ||
      bytes[index] === 0x09 ||
      bytes[index] === 0x0a ||
      bytes[index] === 0x0d)
  )
    index++;
  return index;
}

export function isArrayText(bytes: Uint8Array): boolean {
  return bytes[textStart(bytes)] === 0x5b || beheadedStart(bytes) !== undefined;
}

/**
 * Where the first whole element begins of an array whose beginning was overwritten with NUL bytes (a disk that lost a
 * block): the rest of its first element stands behind them. Undefined for every other text.
 */
export function beheadedStart(bytes: Uint8Array): number | undefined {
  const start = textStart(bytes);
  const first = bytes[start];
  if (bytes[0] !== 0 || first === undefined || first === 0x5b || first === 0x7b) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "latin1",
    start,
    start + 65_536,
  );
  const found = /[}\]],\s*(?=[{[])/.exec(text);
  return found === null ? undefined : start + found.index + found[0].length;
}

/**
 * Byte ranges of the elements of a JSON array, without parsing them, so that one of many can be read alone.
 * `end` is the index of the closing bracket, -1 when the text ends before it (the last element may then be cut off).
 */
export function arrayElements(bytes: Uint8Array): {
  readonly elements: readonly (readonly [number, number])[];
  readonly end: number;
} {
  const elements: (readonly [number, number])[] = [];
  const beheaded = beheadedStart(bytes);
  let depth = beheaded === undefined ? 0 : 1;
  let inString = false;
  let start = -1;
  const isSpace = (code: number | undefined): boolean =>
    code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
  const trimmedEnd = (end: number): number => {
    let stop = end;
    while (stop > start && isSpace(bytes[stop - 1])) stop--;
    return stop;
  };
  for (let index = beheaded ?? textStart(bytes); index < bytes.length; index++) {
    const code = bytes[index];
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
      continue;
    }
    if (code === 0x5b || code === 0x7b) {
      if (depth === 1 && start < 0) start = index;
      depth++;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
      if (depth === 0) {
        if (start >= 0) elements.push([start, trimmedEnd(index)]);
        return { elements, end: index };
      }
    } else if (code === 0x2c && depth === 1) {
      if (start >= 0) elements.push([start, trimmedEnd(index)]);
      start = -1;
    } else {
      if (code === 0x22) inString = true;
      if (depth === 1 && start < 0 && !isSpace(code)) start = index;
    }
  }
  return { elements, end: -1 };
}

/**
 * Reads one record back by its place.
 * @param whole true when the record is a whole file, whose lines belong together
 * @throws Failure when the file has changed under the index
 */
export function readTextRecord(path: string, offset: number, length: number, whole = false): JsonValue {
  const bytes = Buffer.allocUnsafe(length);
  const file = openSync(path, "r");
  try {
    if (readSync(file, bytes, 0, length, offset) < length) throw changed(path);
  } finally {
    closeSync(file);
  }
  try {
    const text = textOf(bytes);
    return whole ? parseDocument(text).value : parseJson(text);
  } catch {
    throw changed(path);
  }
}

function changed(path: string): Failure {
  return new Failure(
    "changed-file",
    `${path} has changed since it was indexed.`,
    "Refresh the Trajectories view to read it again.",
  );
}

/** The engine's message without the text it quotes, and without its line, which is one within the row: newer engines tell it. */
function shortReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = (message.split("\n", 1)[0] ?? message).replace(/ \(line \d+ column \d+\)$/, "");
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
