import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { Trajectory } from "../../model/trajectory";
import type { InferenceCalls } from "../../protocol/inferenceCalls";
import { textOf, type StepSpan } from "../../inference/trajectoryText";

/** A trajectory as a model on a server reads it. */
export interface RemoteText {
  readonly text: string;
  readonly spans: readonly StepSpan[];
  readonly method: string;
  /** With a declared tokenizer: the tokens, and where each stands in the text. */
  readonly tokens?: {
    readonly ids: readonly number[];
    readonly spans: readonly { readonly start: number; readonly end: number }[];
  };
}

/** Renders a trajectory with the tokenizer that the declaration names, in the inference process. */
export type PrepareText = (
  params: InferenceCalls["prepare"]["params"],
) => Promise<InferenceCalls["prepare"]["result"]>;

/**
 * The text of a trajectory: through the declared tokenizer's chat template, else as written.
 * @throws Failure when the trajectory has no text
 */
export async function remoteText(
  declaration: ModelDeclaration,
  trajectory: Trajectory,
  prepare: PrepareText,
): Promise<RemoteText> {
  if (declaration.tokenizer === undefined) return textOf(trajectory, undefined);
  const { text, spans, method, ids, tokens } = await prepare({
    tokenizer: declaration.tokenizer,
    trajectory,
  });
  return { text, spans, method, tokens: { ids: [...ids], spans: tokens } };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Places of tokens that spell a text one after the other; undefined where they do not. */
function spelled(text: string, tokens: readonly string[]): Span[] | undefined {
  let cursor = 0;
  const spans: Span[] = [];
  for (const token of tokens) {
    if (!text.startsWith(token, cursor)) return undefined;
    spans.push({ start: cursor, end: cursor + token.length });
    cursor += token.length;
    if (cursor >= text.length) return spans;
  }
  return undefined;
}

/**
 * Where the tokens of a reply stand in the text that was sent: by their own texts where these spell it, else by the
 * offsets that the server gives, which count code points as Python does. A token that the server put before the text (the
 * beginning of a sequence) has an empty place there.
 * @returns undefined when the tokens are not those of the text
 */
export function replySpans(
  text: string,
  tokens: readonly string[],
  offsets: readonly number[] | undefined,
): readonly Span[] | undefined {
  const own = spelled(text, tokens);
  if (own) return own;
  const behindFirst = spelled(text, tokens.slice(1));
  if (behindFirst) return [{ start: 0, end: 0 }, ...behindFirst];
  if (!offsets || offsets.length !== tokens.length) return undefined;
  // SGLang writes -1 for offsets that it does not know.
  if (offsets.some((offset) => offset < 0)) return undefined;
  const units = [0];
  for (const character of text) units.push(units.at(-1)! + character.length);
  const inside = offsets.filter((offset) => offset < units.length - 1);
  if (inside.length === 0 || inside.some((offset, i) => i > 0 && offset < inside[i - 1]!)) return undefined;
  return inside.map((offset, i) => ({
    start: units[offset]!,
    end: units[inside[i + 1] ?? units.length - 1]!,
  }));
}

/** What servers write for a token that is no text of its own: a byte, or an id. */
const UNREADABLE = /^(<0x[0-9A-Fa-f]{2}>|bytes:.*|token_id:\d+)$/;
const ASCII = /^[!-~]+$/;

/**
 * The first echoed token that cannot be the one at its place. Servers leave out tokens (a beginning of the text, special
 * tokens between turns), and all behind them would get another token's number. Spaces and cases are not compared, nor is what a
 * server does not spell: they differ on how they write these.
 * @returns its index, or undefined when nothing speaks against the places
 */
export function contradiction(
  text: string,
  tokens: readonly string[],
  spans: readonly Span[],
): number | undefined {
  const bare = (token: string): string => token.replace(/^[\s\u2581\u0120]+|\s+$/g, "").toLowerCase();
  const at = spans.findIndex(({ start, end }, i) => {
    if (end === 0) return false;
    const [given, sent] = [bare(tokens[i] ?? ""), bare(text.slice(start, end))];
    return given !== sent && ASCII.test(given) && !UNREADABLE.test(given);
  });
  return at < 0 ? undefined : at;
}
