/**
 * Texts that are read from a copy in plain form: UTF-16, as PowerShell writes it, what is JSON but for comments, commas
 * before a closing bracket or line ends between records, and what Python prints in place of JSON.
 */
import { parseJson } from "../../formats/jsonText";
import type { JsonValue } from "../../model/json";
import { LooseJson } from "./looseJson";
import { pythonLiteral } from "./pythonLiteral";

/** `loose-lines` keeps the ends of lines as the ends of records, so that a damaged one does not take others along. */
export type TextForm = "utf-16le" | "utf-16be" | "loose-lines" | "loose-document" | "python";

/** What a form is called in a remark on the file; UTF-16 is none. */
export const FORM_REMARKS: Readonly<Partial<Record<TextForm, string>>> = {
  "loose-lines":
    "is not strict JSON lines (comments, commas behind the last value, or records without line ends between them)",
  "loose-document": "is not strict JSON (comments, or commas behind the last value)",
  python: "holds what Python prints, not JSON (single quotes, True, None)",
};

/** Longer beginnings are not tried. */
const HEAD_BYTES = 64 * 1024;
const LONGEST_LINE = 64 * 2 ** 20;

/**
 * The form of a text by its beginning; undefined for plain JSON and everything else.
 * @param whole true when the head is all of the file
 */
export function textFormOf(bytes: Buffer, whole: boolean): TextForm | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe && (bytes[2] !== 0 || bytes[3] !== 0)) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  // Without a mark, by the first letters of JSON.
  const opening = (byte: number | undefined): boolean => byte === 0x7b || byte === 0x5b;
  if (opening(bytes[0]) && bytes[1] === 0 && bytes[3] === 0 && bytes[2] !== 0) return "utf-16le";
  if (bytes[0] === 0 && opening(bytes[1]) && bytes[2] === 0 && bytes[3] !== 0) return "utf-16be";
  const text = bytes
    .subarray(0, HEAD_BYTES)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  if (!/^\s*(?:[{[]|\/\/|\/\*|#)/.test(text)) return undefined;
  const isWhole = whole && bytes.length <= HEAD_BYTES;
  const first = firstLine(text, isWhole);
  if (first !== undefined && isJson(first)) return undefined;
  if (first !== undefined && isObject(pythonOf(first))) return "python";
  if (isWhole && isJson(text)) return undefined;
  const commented = /^\s*(?:\/\/|\/\*|#)/.test(text);
  // A document spread over lines begins with nothing but its bracket.
  if (commented || first === undefined || !/^[[{]$/.test(first)) {
    const lines = new LooseJson(true);
    const loose = restated(lines, text, isWhole).split("\n");
    // The last line of a head may be cut.
    const record = (isWhole ? loose : loose.slice(0, -1)).find((line) => line.trim() !== "");
    if (record !== undefined && lines.loosened && isJson(record)) return "loose-lines";
  }
  if (!isWhole) return commented && !text.trimStart().startsWith("#") ? "loose-document" : undefined;
  const document = new LooseJson(false);
  const values = restated(document, text, true)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return document.loosened && values.length === 1 && values.every(isJson) ? "loose-document" : undefined;
}

const restated = (machine: LooseJson, text: string, ended: boolean): string =>
  Buffer.concat([machine.push(Buffer.from(text)), ...(ended ? [machine.end()] : [])]).toString("utf8");

/** The first line that is not blank; undefined where the text ends before it does. */
function firstLine(text: string, isWhole: boolean): string | undefined {
  const start = text.search(/\S/);
  const end = text.indexOf("\n", start);
  if (start < 0 || (end < 0 && !isWhole)) return undefined;
  return text.slice(start, end < 0 ? text.length : end).trim();
}

function isJson(text: string): boolean {
  try {
    return isObject(parseJson(text));
  } catch {
    return false;
  }
}

const isObject = (value: JsonValue | undefined): boolean => typeof value === "object" && value !== null;

/** A line that cannot be JSON, because it begins with a single quote, as what Python prints. */
function pythonOf(line: string): JsonValue | undefined {
  return /^[[({]\s*(?:\{\s*)?'/.test(line) ? pythonLiteral(line) : undefined;
}

/** Turns the bytes of a text into plain form, piece by piece. */
export interface Restating {
  push(bytes: Buffer): Buffer;
  end(): Buffer;
}

export function restating(form: TextForm): Restating {
  if (form === "python") return new PythonLines();
  if (form === "loose-lines" || form === "loose-document") return new LooseJson(form === "loose-lines");
  const decoder = new TextDecoder(form);
  return {
    push: (bytes) => Buffer.from(decoder.decode(bytes, { stream: true })),
    end: () => Buffer.from(decoder.decode()),
  };
}

/** Lines of Python's literals as lines of JSON; a line that is none stays what it is. */
class PythonLines implements Restating {
  private held: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.held, bytes]);
    const end = all.lastIndexOf(0x0a) + 1;
    this.held = Buffer.from(all.subarray(end));
    if (this.held.length > LONGEST_LINE) {
      const line = this.held;
      this.held = Buffer.alloc(0);
      return Buffer.concat([plainLines(all.subarray(0, end)), line]);
    }
    return plainLines(all.subarray(0, end));
  }

  end(): Buffer {
    const rest = this.held;
    this.held = Buffer.alloc(0);
    return plainLines(rest);
  }
}

function plainLines(bytes: Buffer): Buffer {
  const lines = bytes.toString("utf8").split("\n");
  return Buffer.from(
    lines
      .map((line) => {
        const value = /^\s*[[({]/.test(line) ? pythonLiteral(line.trim()) : undefined;
        return value === undefined ? line : jsonWithNumbers(value);
      })
      .join("\n"),
  );
}

/** JSON that keeps NaN and the infinities as Python's own writer spells them. */
function jsonWithNumbers(value: JsonValue): string {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(jsonWithNumbers).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${jsonWithNumbers(item as JsonValue)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}
