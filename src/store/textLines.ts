import { isAscii } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { parseJson } from "../formats/jsonText";
import type { Format } from "../formats/format";
import { SpanSum, type ReadSpan } from "./fingerprint";
import { placeOf, summariseText } from "./summariseRecord";
import type { SummaryBlock } from "./summaryBlock";
import { SummaryBlockBuilder } from "./summaryBlockBuilder";
import { isBroken, textOf } from "./textBytes";

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
