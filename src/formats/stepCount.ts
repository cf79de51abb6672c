/**
 * Counts what `splitReasoning` would give, without building it. An index does this for every row, on texts of which most
 * still hold their JSON escapes.
 */

const BACKSLASH = 0x5c;
const LINE_END = 0x6e;

let ends = new Int32Array(1024);

/** The scanned text: where its line ends begin, and how many characters each takes (`\n` is one, escaped it is two). */
interface Scanned {
  readonly text: string;
  readonly width: 1 | 2;
  readonly count: number;
}

function keep(count: number, at: number): void {
  if (count === ends.length) {
    const larger = new Int32Array(2 * count);
    larger.set(ends);
    ends = larger;
  }
  ends[count] = at;
}

/** @returns the number of steps of reasoning in a text */
export function countReasoning(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) keep(count++, at);
  return reasoningIn({ text, width: 1, count });
}

/**
 * The same for a text with its JSON escapes, and its length without them.
 * @returns undefined when the text has to be decoded and split first: it has bare role lines, or escapes other than of line
 * ends, tabs, carriage returns, quotes and backslashes
 */
export function countEscapedReasoning(
  raw: string,
): { readonly steps: number; readonly characters: number } | undefined {
  let count = 0;
  let escapes = 0;
  for (let at = raw.indexOf("\\"); at >= 0; at = raw.indexOf("\\", at + 2)) {
    const code = raw.charCodeAt(at + 1);
    if (code === LINE_END) {
      if (isRoleLine(raw, at + 2)) return undefined;
      keep(count++, at);
    } else if (code !== 0x22 && code !== BACKSLASH && code !== 0x74 && code !== 0x72) return undefined;
    escapes++;
  }
  return { steps: reasoningIn({ text: raw, width: 2, count }), characters: raw.length - escapes };
}

/** True when an escaped text has a bare role line at `at`, behind a line end. */
function isRoleLine(raw: string, at: number): boolean {
  const first = raw.charCodeAt(at);
  if (first !== 0x75 && first !== 0x61 && first !== 0x74) return false;
  return raw.startsWith("user\\n", at) || raw.startsWith("assistant\\n", at) || raw.startsWith("tool\\n", at);
}

function reasoningIn(scanned: Scanned): number {
  const { text } = scanned;
  const open = text.indexOf("<think>");
  const close = text.indexOf("</think>");
  const thoughtEnd = close >= 0 ? close + "</think>".length : open >= 0 ? text.length : 0;
  const thoughtStart = open >= 0 && open < thoughtEnd ? open : 0;
  let steps = 0;
  let start = 0;
  if (thoughtEnd > 0 && !isBlank(scanned, 0, thoughtStart)) {
    steps += piecesIn(scanned, 0, thoughtStart);
    start = thoughtStart;
  }
  if (thoughtEnd > start) steps += piecesIn(scanned, start, thoughtEnd);
  if (steps > 0 && isBlank(scanned, thoughtEnd, text.length)) return steps;
  return steps + piecesIn(scanned, thoughtEnd, text.length);
}

/** Blank-line paragraphs, or lines where there is only one paragraph. */
function piecesIn(scanned: Scanned, from: number, to: number): number {
  const paragraphs = cutsIn(scanned, from, to, 2);
  return paragraphs > 1 ? paragraphs : cutsIn(scanned, from, to, 1);
}

/** Pieces of a stretch that is cut after each run of line ends that holds at least `lineEnds` of them. */
function cutsIn(scanned: Scanned, from: number, to: number, lineEnds: 1 | 2): number {
  const { text, width, count } = scanned;
  let pieces = 1;
  let start = from;
  let index = 0;
  while (index < count && (ends[index] as number) < from) index++;
  while (index < count && (ends[index] as number) < to) {
    let at = (ends[index] as number) + width;
    let run = 1;
    for (; at < to;) {
      if (index + 1 < count && ends[index + 1] === at) {
        index++;
        run++;
        at += width;
        continue;
      }
      const code = text.charCodeAt(at);
      if (code === 0x20 || code === 0x09 || code === 0x0d) at++;
      else if (code === BACKSLASH && width === 2 && isEscapedTab(text.charCodeAt(at + 1))) at += 2;
      else break;
    }
    const boundary = (ends[index] as number) + width;
    index++;
    if (run < lineEnds || isBlank(scanned, start, boundary) || isBlank(scanned, boundary, to)) continue;
    pieces++;
    start = boundary;
  }
  return pieces;
}

const isEscapedTab = (code: number): boolean => code === 0x74 || code === 0x72;

/** True when a stretch holds white space alone; an empty one does. */
function isBlank({ text, width }: Scanned, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH && width === 2) {
      const escaped = text.charCodeAt(at + 1);
      if (escaped !== LINE_END && !isEscapedTab(escaped)) return false;
      at++;
    } else if (code > 0x20 && code < 0x7f) return false;
    else if (!isSpace(code)) return false;
  }
  return true;
}

function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return String.fromCharCode(code).trim() === "";
}
