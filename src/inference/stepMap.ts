import { Failure } from "../model/failure";
import type { StepSpan } from "./trajectoryText";

/** Characters [start, end) of one token in the text; empty for tokens that stand for no text (a begin-of-text mark). */
export interface TokenSpan {
  readonly start: number;
  readonly end: number;
}

export interface TokenDecoder {
  decode(ids: readonly number[]): string;
  isSpecial(id: number): boolean;
  /** Texts of tokens behind one token of context (see `pairKey`), kept over calls: the same pairs come again and again. */
  readonly pieces?: Map<number, string | undefined>;
}

/** Bounds the memory of `pieces`; a vocabulary has far more pairs than any text uses. */
const MAX_KEPT_PIECES = 300_000;

/** Ids stay below this, so that two make up one whole number. */
const LARGEST_ID = 2 ** 26;

const pairKey = (first: number, second: number): number => first * LARGEST_ID + second;

/** What decoding adds when token `ids[last]` follows tokens [first, read); undefined when it changes what was before. */
function pieceOf(
  ids: readonly number[],
  first: number,
  read: number,
  last: number,
  decoder: TokenDecoder,
): string | undefined {
  const paired = last === read && read - first === 1 && ids[first]! < LARGEST_ID && ids[last]! < LARGEST_ID;
  const key = paired ? pairKey(ids[first]!, ids[last]!) : undefined;
  if (key !== undefined) {
    const piece = decoder.pieces?.get(key);
    if (piece !== undefined) return piece;
  }
  const before = first === read ? "" : decoder.decode(ids.slice(first, read));
  const after = decoder.decode(ids.slice(first, last + 1));
  const piece = after.startsWith(before) ? after.slice(before.length) : undefined;
  if (key !== undefined && decoder.pieces) {
    if (decoder.pieces.size >= MAX_KEPT_PIECES) decoder.pieces.clear();
    decoder.pieces.set(key, piece);
  }
  return piece;
}

/** A character may be spread over several tokens (bytes of an emoji); more than this is a mismatch. */
const MAX_TOKENS_OF_A_CHARACTER = 12;

/** Tokens that were aligned with a text before. */
export interface AlignedTokens {
  readonly ids: readonly number[];
  readonly text: string;
  readonly tokens: readonly TokenSpan[];
}

/**
 * How many tokens at the beginning stand where they stood in an earlier text: those that both have, up to a place where
 * the last two stood for whole pieces of text, so that aligning can go on from there.
 */
function tokensInCommon(ids: readonly number[], text: string, before: AlignedTokens): number {
  let count = 0;
  while (count < ids.length && ids[count] === before.ids[count]) count++;
  const whole = (index: number): boolean => {
    const span = before.tokens[index];
    return span !== undefined && span.end > span.start;
  };
  while (count >= 2 && !(whole(count - 1) && whole(count - 2))) count--;
  if (count < 2) return 0;
  const { end } = before.tokens[count - 1]!;
  return text.slice(0, end) === before.text.slice(0, end) ? count : 0;
}

/**
 * Exact character offsets of tokens, by decoding them a few at a time and checking each piece against the text.
 * A character that several tokens make up belongs to the last of them.
 * @param before tokens of a text that may begin in the same way, as the rollouts of one prompt do
 * @throws Failure `token-text-mismatch` when the tokens do not spell the text
 */
export function alignTokens(
  ids: readonly number[],
  text: string,
  decoder: TokenDecoder,
  before?: AlignedTokens,
): TokenSpan[] {
  const common = before ? tokensInCommon(ids, text, before) : 0;
  const spans: TokenSpan[] = before && common > 0 ? before.tokens.slice(0, common) : [];
  let cursor = spans.at(-1)?.end ?? 0;
  // Tokens [context, read) were decoded last and stay as context: some decoders treat the first token differently.
  let [context, read] = common > 0 ? [common - 1, common] : [0, 0];
  for (let index = common; index < ids.length; index++) {
    const piece = pieceOf(ids, context, read, index, decoder);
    if (piece !== undefined && piece !== "" && text.startsWith(piece, cursor)) {
      spans.push({ start: cursor, end: cursor + piece.length });
      cursor += piece.length;
      [context, read] = [read, index + 1];
      continue;
    }
    if (piece === "" || decoder.isSpecial(ids[index]!)) {
      // A mark that stands for no text, or half a character that decoders drop at the end.
      spans.push({ start: cursor, end: cursor });
      if (decoder.isSpecial(ids[index]!)) [context, read] = [index + 1, index + 1];
      continue;
    }
    if (index - read >= MAX_TOKENS_OF_A_CHARACTER)
      throw mismatch(text, cursor, piece ?? decoder.decode(ids.slice(read, index + 1)));
    spans.push({ start: cursor, end: cursor });
  }
  if (cursor !== text.length) throw mismatch(text, cursor, "");
  return spans;
}

function mismatch(text: string, at: number, piece: string): Failure {
  const expected = JSON.stringify(text.slice(at, at + 20));
  const got = piece === "" ? "nothing more" : JSON.stringify(piece.slice(0, 20));
  return new Failure(
    "token-text-mismatch",
    `The tokens do not spell the text: at character ${at} the text has ${expected}, the tokens say ${got}.`,
    "The tokenizer rewrites text (for example lower-cases it), or the tokens belong to another model; choose the model that wrote this trajectory.",
  );
}

/**
 * For each step, the token that ends it: the one that holds the step's last character.
 * @param tokens spans in order, as from `alignTokens`
 * @returns token index per span, in the order of `spans`
 * @throws Failure `step-end-mismatch` when one token reaches over a step's end into the next step
 */
export function stepEndTokens(tokens: readonly TokenSpan[], spans: readonly StepSpan[]): number[] {
  let cursor = 0;
  return spans.map((span, index) => {
    while (cursor < tokens.length && tokens[cursor]!.end < span.end) cursor++;
    const token = tokens[cursor];
    if (!token || token.start >= span.end) {
      throw new Failure(
        "step-end-mismatch",
        `No token ends step ${span.step}.`,
        "The step is empty for this tokenizer; score another trajectory.",
      );
    }
    const next = spans[index + 1];
    if (token.end > span.end && next !== undefined && token.end > next.start) {
      throw new Failure(
        "step-end-mismatch",
        `One token of this tokenizer covers the end of step ${span.step} and the beginning of step ${next.step}, so no token ends step ${span.step}.`,
        "Choose a model whose tokenizer keeps step ends apart.",
      );
    }
    return cursor;
  });
}

/** The step that each token belongs to (where its first character is); -1 outside every step. */
export function stepOfTokens(tokens: readonly TokenSpan[], spans: readonly StepSpan[]): Int32Array {
  const steps = new Int32Array(tokens.length).fill(-1);
  let at = 0;
  for (let index = 0; index < tokens.length; index++) {
    const { start } = tokens[index]!;
    while (at < spans.length && spans[at]!.end <= start) at++;
    const span = spans[at];
    if (span && start >= span.start) steps[index] = at;
  }
  return steps;
}
