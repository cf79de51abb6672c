import { RE2JS } from "re2js";
import { Failure } from "../model/failure";
import type { SearchPattern } from "../protocol/storeCalls";

/** A match in a text: the half-open range [start, end) of UTF-16 units. */
export interface TextMatch {
  readonly start: number;
  readonly end: number;
}

const LONGEST_PATTERN = 10_000;
const WORD = /[\p{L}\p{N}_]/u;

/**
 * Finds a pattern in texts that may be hostile: plain text is compared, regular expressions run on RE2's automata, whose
 * time grows with the text's length alone. `^` and `$` match at line ends.
 */
export class TextMatcher {
  private readonly regex: RE2JS | undefined;
  private readonly plain: string | undefined;

  /** @throws Failure for an empty pattern, and for a regular expression that RE2 does not know */
  constructor(private readonly pattern: SearchPattern) {
    const { pattern: text, regex, matchCase } = pattern;
    if (text === "")
      throw new Failure("bad-pattern", "The search pattern is empty.", "Write what to look for.");
    if (text.length > LONGEST_PATTERN)
      throw new Failure(
        "bad-pattern",
        `The search pattern has ${text.length} characters.`,
        `Patterns of up to ${LONGEST_PATTERN} characters can be searched for.`,
      );
    if (regex === true) this.regex = compile(text, matchCase === true);
    else this.plain = matchCase === true ? text : text.toLowerCase();
  }

  /** All matches, from left to right, without overlaps. Empty matches are none. */
  *matches(text: string): Generator<TextMatch> {
    for (const match of this.candidates(text))
      if (this.pattern.wholeWord !== true || isWord(text, match)) yield match;
  }

  private candidates(text: string): Iterable<TextMatch> {
    if (this.regex !== undefined) return regexMatches(this.regex, text);
    const plain = this.plain ?? "";
    if (this.pattern.matchCase === true) return plainMatches(text, plain);
    const lower = text.toLowerCase();
    // Few letters change their length with their case; then places in the two texts differ.
    if (lower.length === text.length) return plainMatches(lower, plain);
    return regexMatches(compile(RE2JS.quote(this.pattern.pattern), false), text);
  }
}

function compile(pattern: string, matchCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.MULTILINE | (matchCase ? 0 : RE2JS.CASE_INSENSITIVE));
  } catch (error) {
    throw new Failure(
      "bad-pattern",
      `The regular expression cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      "Patterns are RE2's: as in most languages, without backreferences and look-around.",
    );
  }
}

function* plainMatches(text: string, pattern: string): Generator<TextMatch> {
  for (let start = text.indexOf(pattern); start >= 0; start = text.indexOf(pattern, start + pattern.length))
    yield { start, end: start + pattern.length };
}

function* regexMatches(regex: RE2JS, text: string): Generator<TextMatch> {
  const matcher = regex.matcher(text);
  while (matcher.find()) {
    const match = { start: matcher.start(), end: matcher.end() };
    if (match.end > match.start) yield match;
  }
}

function isWord(text: string, { start, end }: TextMatch): boolean {
  return !isWordCharacter(characterBefore(text, start)) && !isWordCharacter(characterAt(text, end));
}

const isWordCharacter = (character: string): boolean => WORD.test(character);

function characterAt(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? "" : String.fromCodePoint(code);
}

function characterBefore(text: string, index: number): string {
  const code = text.charCodeAt(index - 1);
  return code >= 0xdc00 && code <= 0xdfff
    ? text.slice(index - 2, index)
    : text.slice(Math.max(0, index - 1), index);
}
