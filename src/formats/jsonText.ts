import type { JsonValue } from "../model/json";

const NOT_A_NUMBER = "\u0000NaN";
const INFINITE = "\u0000Infinity";
const NEGATIVE_INFINITE = "\u0000-Infinity";

/** The literals that Python's `json.dumps` writes and JSON does not know, and whole numbers. Applied between strings only. */
const LITERALS = /-?\bInfinity\b|\bNaN\b/g;
const NUMBERS = /-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
const LONG_WHOLE_NUMBER = /(?:^|[[,:\s])-?\d{16,}(?=[\],}\s]|$)/;
const WHOLE_NUMBER = /^-?\d{16,}$/;

const CONTROL = /[\u0000-\u001f]/;

/**
 * Parses JSON text. Line ends and other control characters that a careless writer left unescaped in a string are taken as
 * they stand. Python writes `NaN` and `Infinity` bare, which `JSON.parse` refuses; they are kept as numbers. Whole
 * numbers beyond 2^53, which a double would round (ids, hashes, seeds), are kept as text with all their digits.
 * @throws SyntaxError when the text is not JSON even so
 */
export function parseJson(text: string): JsonValue {
  let value: JsonValue;
  let standard = text;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    if (CONTROL.test(text)) {
      const escaped = escapeControls(text);
      if (escaped !== text) return parseJson(escaped);
    }
    if (!/NaN|Infinity/.test(text)) throw error;
    standard = outsideStrings(text, (part) =>
      part.replace(LITERALS, (token) =>
        JSON.stringify(token === "NaN" ? NOT_A_NUMBER : token === "Infinity" ? INFINITE : NEGATIVE_INFINITE),
      ),
    );
    value = parseQuoted(standard);
  }
  // Large doubles, such as the least float32 in masks of logits, are no reason to read a text twice.
  if (!holdsRoundedNumber(value) || !LONG_WHOLE_NUMBER.test(standard)) return value;
  const exact = outsideStrings(standard, (part) =>
    part.replace(NUMBERS, (token) =>
      WHOLE_NUMBER.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
    ),
  );
  return standard === text ? (JSON.parse(exact) as JsonValue) : parseQuoted(exact);
}

/** Parses text whose literals were quoted, and puts the numbers in their place: without recursion, however deep it nests. */
function parseQuoted(text: string): JsonValue {
  const root: { value: unknown } = { value: JSON.parse(text) };
  const waiting: (Record<string, unknown> | unknown[])[] = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const holder = next as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      const value = holder[key];
      if (value === NOT_A_NUMBER) holder[key] = Number.NaN;
      else if (value === INFINITE) holder[key] = Number.POSITIVE_INFINITY;
      else if (value === NEGATIVE_INFINITE) holder[key] = Number.NEGATIVE_INFINITY;
      else if (typeof value === "object" && value !== null) waiting.push(value as Record<string, unknown>);
    }
  }
  return root.value as JsonValue;
}

/** True when a whole number somewhere is too large to have come through exactly. Nesting may be as deep as it likes. */
function holdsRoundedNumber(value: JsonValue): boolean {
  const waiting: JsonValue[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (Array.isArray(next)) {
      for (const item of next as readonly JsonValue[]) {
        if (typeof item === "number") {
          if (isRounded(item)) return true;
        } else if (typeof item === "object" && item !== null) waiting.push(item);
      }
    } else if (typeof next === "object" && next !== null) {
      for (const key in next) {
        const item = (next as Readonly<Record<string, JsonValue>>)[key];
        if (typeof item === "number") {
          if (isRounded(item)) return true;
        } else if (typeof item === "object" && item !== null) waiting.push(item);
      }
    } else if (typeof next === "number" && isRounded(next)) return true;
  }
  return false;
}

const isRounded = (value: number): boolean =>
  (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) && Number.isInteger(value);

function escapeControls(text: string): string {
  return insideStrings(text, (part) =>
    part.replace(
      /[\u0000-\u001f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  );
}

/** Rewrites what stands between the strings of a JSON text. */
function outsideStrings(text: string, rewrite: (part: string) => string): string {
  return rewritten(text, rewrite, (part) => part);
}

/** Rewrites the strings of a JSON text. */
function insideStrings(text: string, rewrite: (part: string) => string): string {
  return rewritten(text, (part) => part, rewrite);
}

function rewritten(
  text: string,
  outside: (part: string) => string,
  inside: (part: string) => string,
): string {
  let out = "";
  let start = 0;
  for (let open = text.indexOf('"'); open >= 0; open = text.indexOf('"', start)) {
    let close = text.indexOf('"', open + 1);
    while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
    if (close < 0) break;
    out += outside(text.slice(start, open)) + inside(text.slice(open, close + 1));
    start = close + 1;
  }
  return out + outside(text.slice(start));
}

function isEscaped(text: string, index: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(index - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

/**
 * Parses a whole text that is one JSON document or JSON lines; of JSON lines the value is the list of the lines.
 * `broken` names the lines, from 1, that are not JSON (the last one may still be in writing); they are left out.
 * @throws SyntaxError when the text is neither
 */
export function parseDocument(text: string): {
  readonly value: JsonValue;
  readonly broken: readonly number[];
} {
  try {
    return { value: parseJson(text), broken: [] };
  } catch (error) {
    const values: JsonValue[] = [];
    const broken: number[] = [];
    for (const [index, line] of text.split("\n").entries()) {
      const trimmed = line.trim();
      if (trimmed === "") continue;
      try {
        values.push(parseJson(trimmed));
      } catch {
        broken.push(index + 1);
        // A document spread over lines: none of its first lines is whole.
        if (values.length === 0 && broken.length > 20) throw error;
      }
    }
    if (values.length === 0) throw error;
    return { value: values, broken };
  }
}

/**
 * Parses the beginning of a JSON text that was cut anywhere: what is open is closed, what is half-written is dropped.
 * For looking at the head of a document that is too large to parse as a whole.
 * @returns undefined when nothing sensible is left
 */
export function parseJsonPrefix(text: string): JsonValue | undefined {
  const closers: string[] = [];
  let inString = false;
  // The last place where cutting leaves whole values, and what has to be closed there.
  let safeEnd = -1;
  let safeClosers: readonly string[] = [];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
      continue;
    }
    if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      closers.push(code === 0x7b ? "}" : "]");
      safeEnd = index + 1;
      safeClosers = [...closers];
    } else if (code === 0x7d || code === 0x5d) {
      closers.pop();
      safeEnd = index + 1;
      safeClosers = [...closers];
      if (closers.length === 0) break;
    } else if (code === 0x2c) {
      safeEnd = index;
      safeClosers = [...closers];
    }
    if (closers.length > 1000) break;
  }
  if (safeEnd < 0) return undefined;
  try {
    return parseJson(text.slice(0, safeEnd) + [...safeClosers].reverse().join(""));
  } catch {
    return undefined;
  }
}
