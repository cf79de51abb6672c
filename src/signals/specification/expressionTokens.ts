import { SpecificationError } from "./sourceText";

export interface ExpressionToken {
  readonly kind: "number" | "text" | "pattern" | "name" | "sign" | "end";
  /** The token as written; of texts the content, of patterns the source. */
  readonly text: string;
  /** Flags of a pattern. */
  readonly flags?: string;
  readonly start: number;
  readonly end: number;
}

const signs = ["&&", "||", "==", "!=", "<=", ">=", "!~"];

/**
 * Cuts an expression into tokens. A `/` opens a pattern only behind `~` and `!~`; elsewhere it divides.
 *
 * @throws SpecificationError at a text or pattern without end, or a character that means nothing
 */
export function expressionTokens(source: string): readonly ExpressionToken[] {
  const tokens: ExpressionToken[] = [];
  let at = 0;
  while (at < source.length) {
    const start = at;
    const character = source[at]!;
    if (/\s/u.test(character)) {
      at++;
      continue;
    }
    const number = /^(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/u.exec(source.slice(at));
    if (number) {
      at += number[0].length;
      tokens.push({ kind: "number", text: number[0], start, end: at });
      continue;
    }
    const name = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(source.slice(at));
    if (name) {
      at += name[0].length;
      tokens.push({ kind: "name", text: name[0], start, end: at });
      continue;
    }
    const before = tokens.at(-1)?.text;
    if (character === "/" && (before === "~" || before === "!~")) {
      const end = endOf(source, at, "/", "pattern");
      const flags = /^[a-z]*/u.exec(source.slice(end))![0];
      at = end + flags.length;
      tokens.push({ kind: "pattern", text: source.slice(start + 1, end - 1), flags, start, end: at });
      continue;
    }
    if (character === '"' || character === "'") {
      at = endOf(source, at, character, "text");
      const text = source
        .slice(start + 1, at - 1)
        .replace(/\\(.)/gsu, (_all, escaped: string) =>
          escaped === "n" ? "\n" : escaped === "t" ? "\t" : escaped,
        );
      tokens.push({ kind: "text", text, start, end: at });
      continue;
    }
    const sign = signs.find((candidate) => source.startsWith(candidate, at)) ?? character;
    if (sign.length === 1 && !"()[].,<>~!+-*/%".includes(sign))
      throw new SpecificationError(
        sign === "="
          ? 'A comparison is written "==".'
          : sign === "&" || sign === "|"
            ? `Write "${sign}${sign}" for ${sign === "&" ? "and" : "or"}.`
            : `The character "${sign}" means nothing here.`,
        { start, end: start + 1 },
      );
    at += sign.length;
    tokens.push({ kind: "sign", text: sign, start, end: at });
  }
  tokens.push({ kind: "end", text: "", start: source.length, end: source.length });
  return tokens;
}

/** Position behind the closing quote or slash. */
function endOf(source: string, start: number, quote: string, what: string): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === quote) return at + 1;
  }
  throw new SpecificationError(`This ${what} has no closing ${quote}.`, { start, end: source.length });
}
