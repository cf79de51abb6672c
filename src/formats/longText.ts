import { parseJson } from "./jsonText";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Shorter texts are parsed with the rest of the line: cutting them out would cost more. */
const LONG = 64;

/**
 * A long text of a JSON line as it stands in the line, between its quotes. An index needs of most texts their length and
 * their line ends alone, and one that equals the text before (the prompt of a group) need not be decoded again.
 */
export class LongText {
  private decoded: string | undefined;

  /** @param raw the text with its JSON escapes */
  constructor(readonly raw: string) {}

  /**
   * The text itself, a copy of its own: `raw` is a slice that holds on to all of the file's stretch around it.
   * @throws SyntaxError when an escape in it is none that JSON knows
   */
  get text(): string {
    this.decoded ??= parseJson(`"${this.raw}"`) as string;
    return this.decoded;
  }
}

/** A JSON line whose long texts were cut out: the rest as JSON text in which they are empty. */
export interface CutLine {
  readonly rest: string;
  /** In the order of the wanted fields; undefined where the line has no such field, or a short one that stayed in `rest`. */
  readonly long: readonly (LongText | undefined)[];
}

/**
 * Cuts the long texts of some fields out of a JSON object, without looking into them. What stays goes through the parser, so that all
 * that is wrong with it is found there.
 * @returns undefined when nothing was cut, or when the line is not so simple that this is safe
 */
export function cutLongTexts(line: string, fields: readonly string[]): CutLine | undefined {
  let at = afterSpace(line, 0);
  if (line.charCodeAt(at) !== 0x7b) return undefined;
  at = afterSpace(line, at + 1);
  const long: (LongText | undefined)[] = new Array<LongText | undefined>(fields.length).fill(undefined);
  let rest = "";
  let kept = 0;
  while (line.charCodeAt(at) === QUOTE) {
    const keyStart = at + 1;
    const keyEnd = stringEnd(line, keyStart);
    if (keyEnd < 0) return undefined;
    at = afterSpace(line, keyEnd + 1);
    if (line.charCodeAt(at) !== 0x3a) return undefined;
    at = afterSpace(line, at + 1);
    const code = line.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(line, at + 1);
      if (end < 0) return undefined;
      if (end - at > LONG) {
        const field = fieldAt(line, keyStart, keyEnd, fields);
        if (field >= 0) {
          if (long[field] !== undefined) return undefined;
          long[field] = new LongText(line.slice(at + 1, end));
          rest += line.slice(kept, at + 1);
          kept = end;
        }
      }
      at = end + 1;
    } else if (code === 0x7b || code === 0x5b) {
      at = nestedEnd(line, at);
      if (at < 0) return undefined;
    } else at = scalarEnd(line, at);
    at = afterSpace(line, at);
    const next = line.charCodeAt(at);
    if (next === 0x7d) return kept === 0 ? undefined : { rest: rest + line.slice(kept), long };
    if (next !== 0x2c) return undefined;
    at = afterSpace(line, at + 1);
  }
  return undefined;
}

/** Which of the fields has this name; -1 = none. */
function fieldAt(line: string, start: number, end: number, fields: readonly string[]): number {
  for (let index = 0; index < fields.length; index++) {
    const name = fields[index] as string;
    if (name.length === end - start && line.startsWith(name, start)) return index;
  }
  return -1;
}

function afterSpace(line: string, start: number): number {
  let at = start;
  for (let code = line.charCodeAt(at); code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;)
    code = line.charCodeAt(++at);
  return at;
}

/** Index of the quote that ends the string whose first character is at `start`; -1 = there is none. */
function stringEnd(line: string, start: number): number {
  let end = line.indexOf('"', start);
  while (end > 0 && line.charCodeAt(end - 1) === BACKSLASH) {
    let backslashes = 1;
    while (end - 1 - backslashes >= start && line.charCodeAt(end - 1 - backslashes) === BACKSLASH)
      backslashes++;
    if (backslashes % 2 === 0 || end - 1 < start) break;
    end = line.indexOf('"', end + 1);
  }
  return end;
}

function scalarEnd(line: string, start: number): number {
  let at = start;
  for (
    let code = line.charCodeAt(at);
    code !== 0x2c && code !== 0x7d && code === code;
    code = line.charCodeAt(++at)
  );
  return at;
}

/** Index after the bracket that closes the one at `start`; -1 = there is none. */
function nestedEnd(line: string, start: number): number {
  let depth = 0;
  for (let at = start; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(line, at + 1);
      if (at < 0) return -1;
    } else if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1;
  }
  return -1;
}
