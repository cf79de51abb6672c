import type { JsonValue } from "../model/json";

const NOT_A_NUMBER = "\u0000NaN";
const INFINITE = "\u0000Infinity";
const NEGATIVE_INFINITE = "\u0000-Infinity";

/** Strings, or the three literals that Python's `json.dumps` writes and JSON does not know. */
const LITERALS = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/gs;

/**
 * Parses JSON text. Python writes `NaN` and `Infinity` bare, which `JSON.parse` refuses; they are kept as numbers.
 * @throws SyntaxError when the text is not JSON even so
 */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    const quoted = text.replace(LITERALS, (token) => {
      if (token === "NaN") return JSON.stringify(NOT_A_NUMBER);
      if (token === "Infinity") return JSON.stringify(INFINITE);
      if (token === "-Infinity") return JSON.stringify(NEGATIVE_INFINITE);
      return token;
    });
    return JSON.parse(quoted, (_key, value: unknown) => {
      if (value === NOT_A_NUMBER) return Number.NaN;
      if (value === INFINITE) return Number.POSITIVE_INFINITY;
      if (value === NEGATIVE_INFINITE) return Number.NEGATIVE_INFINITY;
      return value;
    }) as JsonValue;
  }
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
