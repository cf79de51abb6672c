import { Failure } from "../model/failure";
import type { ContextPolicy } from "../model/modelDeclaration";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls } from "../protocol/inferenceCalls";
import type { LoadedModel } from "./loadedModel";
import { contextLength } from "./modelConfig";
import { alignTokens, type AlignedTokens, type TokenSpan } from "./stepMap";
import { tokenizerOf, type TextTokenizer } from "./tokenizing";
import { textOf, type StepSpan, type TrajectoryText } from "./trajectoryText";

/**
 * A trajectory as the tokens that a model reads. Where a token stands in the text is worked out when it is asked for, and
 * throws a Failure for tokenizers that rewrite text (lower-case it, drop spaces): a number for a whole text needs none of it.
 */
export interface PreparedText {
  readonly ids: readonly number[];
  /** The text of each token; a character of several tokens stands at the last of them. */
  readonly tokenText: readonly string[];
  readonly tokens: readonly TokenSpan[];
  readonly spans: readonly StepSpan[];
  readonly text: string;
  /** How the tokens came about, for `ScoreSeries.method`. */
  readonly method: string;
  /** True when these are the file's own tokens: series align with the trajectory's TokenColumns. */
  readonly fromFile: boolean;
}

/**
 * The trajectory's own token ids where the file has them and they are this tokenizer's, else its text in tokens.
 * @param edit changes the text before it becomes tokens (for example to add a separator)
 * @throws Failure with one sentence when the trajectory has no text
 */
export async function prepareText(
  model: LoadedModel,
  trajectory: Trajectory,
  edit?: (text: TrajectoryText) => TrajectoryText,
): Promise<PreparedText> {
  const tokenizer = await model.tokenizer();
  const own = edit === undefined ? ownTokens(model, tokenizer, trajectory) : undefined;
  if (own) return own;
  let text = textOf(trajectory, tokenizer.chatTemplate);
  if (edit) text = edit(text);
  const ids = tokenizer.encode(text.text, !text.templated);
  let aligned: readonly TokenSpan[] | undefined;
  const tokens = (): readonly TokenSpan[] => (aligned ??= alignTokens(ids, text.text, tokenizer));
  return {
    ids,
    get tokens() {
      return tokens();
    },
    get tokenText() {
      return tokens().map(({ start, end }) => text.text.slice(start, end));
    },
    spans: text.spans,
    text: text.text,
    method: text.method,
    fromFile: false,
  };
}

/** A trajectory's text and tokens as a model on a server reads them, by its tokenizer's folder. */
export async function prepareForServer({
  tokenizer: folder,
  trajectory,
}: InferenceCalls["prepare"]["params"]): Promise<InferenceCalls["prepare"]["result"]> {
  const tokenizer = await tokenizerOf(folder);
  const text = textOf(trajectory, tokenizer.chatTemplate);
  const ids = tokenizer.encode(text.text, !text.templated);
  return {
    text: text.text,
    method: text.method,
    spans: text.spans,
    ids: Int32Array.from(ids),
    tokens: alignTokens(ids, text.text, tokenizer),
  };
}

/** What was aligned last: the next rollout of the same prompt, or branch of the same tree, begins alike. */
const newest = new WeakMap<TextTokenizer, AlignedTokens>();

/** The file's ids, when every one is in the vocabulary and they spell the trajectory's own text (where it has one). */
function ownTokens(
  model: LoadedModel,
  tokenizer: TextTokenizer,
  trajectory: Trajectory,
): PreparedText | undefined {
  const columns = trajectory.tokens;
  if (!columns?.ids || columns.count === 0) return undefined;
  const vocabulary = model.files.config?.vocab_size ?? tokenizer.vocabularySize;
  const ids = [...columns.ids];
  if (ids.some((id) => id < 0 || id >= vocabulary)) return undefined;
  const text = tokenizer.decode(ids);
  let tokens: TokenSpan[];
  try {
    tokens = alignTokens(ids, text, tokenizer, newest.get(tokenizer));
  } catch {
    return undefined;
  }
  newest.set(tokenizer, { ids, text, tokens });
  if (!spellsSameText(trajectory, text, tokenizer)) return undefined;
  const spans = trajectory.steps.flatMap((step): StepSpan[] => {
    if (step.tokenStart === undefined || step.tokenEnd === undefined || step.tokenEnd <= step.tokenStart)
      return [];
    const [first, last] = [tokens[step.tokenStart], tokens[step.tokenEnd - 1]];
    return first && last
      ? [{ step: step.index, start: first.start, end: last.end, policy: step.role === "assistant" }]
      : [];
  });
  return {
    ids,
    tokens,
    tokenText: tokens.map(({ start, end }) => text.slice(start, end)),
    spans,
    text,
    method: "token ids of the file",
    fromFile: true,
  };
}

/** False when the ids are another tokenizer's: they decode, but to a different text than the steps say. */
function spellsSameText(trajectory: Trajectory, decoded: string, tokenizer: TextTokenizer): boolean {
  const columns = trajectory.tokens!;
  if (columns.text && columns.text.length === columns.count) {
    const clean = columns.text.join("").trim();
    return clean === decoded.trim() || clean === withoutSpecial(columns.ids!, tokenizer).trim();
  }
  let cursor = 0;
  for (const step of trajectory.steps) {
    for (const piece of [step.observation, step.thought, step.action]) {
      const wanted = piece?.trim();
      if (!wanted) continue;
      const at = decoded.indexOf(wanted, cursor);
      if (at < 0) return false;
      cursor = at + wanted.length;
    }
  }
  return true;
}

const withoutSpecial = (ids: Int32Array, tokenizer: TextTokenizer): string =>
  tokenizer.decode([...ids].filter((id) => !tokenizer.isSpecial(id)));

/** A text longer than the context is refused in words, never cut in silence. @returns the sentence, or undefined */
export function tooLong(model: LoadedModel, length: number): string | undefined {
  const context = contextLength(model.files.config);
  if (context === undefined || length <= context) return undefined;
  return `The text has ${length.toLocaleString("en")} tokens, more than the ${context.toLocaleString("en")} that ${model.files.name} was made for.`;
}

/** A text that fits into the model's context, and which of its tokens were left out for that. */
export interface FittedText {
  readonly ids: readonly number[];
  /** Tokens left out behind the first `kept` ones. */
  readonly cut: number;
  /** Tokens kept at the very beginning: the begin-of-text mark, where there is one. */
  readonly kept: number;
  /** ", first 12 tokens left out (…)" for `ScoreSeries.method`; empty when nothing was. */
  readonly note: string;
}

/**
 * Leaves out the beginning of a text that is longer than the model's context, where that policy was chosen.
 * @returns the text, or one sentence that says why it cannot be read
 */
export function fitText(
  model: LoadedModel,
  tokenizer: TextTokenizer,
  ids: readonly number[],
  policy: ContextPolicy,
): FittedText | string {
  const limit = contextLength(model.files.config);
  if (limit === undefined || ids.length <= limit) return { ids, cut: 0, kept: 0, note: "" };
  if (policy !== "truncate-head") return tooLong(model, ids.length)!;
  const kept = ids[0] !== undefined && tokenizer.isSpecial(ids[0]) ? 1 : 0;
  const cut = ids.length - limit;
  return {
    ids: [...ids.slice(0, kept), ...ids.slice(kept + cut)],
    cut,
    kept,
    note: `, the first ${cut.toLocaleString("en")} of ${ids.length.toLocaleString("en")} tokens left out (longer than the context of ${limit.toLocaleString("en")})`,
  };
}

/** Where a token of the whole text stands in the fitted one; -1 when it was left out. */
export const fittedIndex = ({ cut, kept }: FittedText, index: number): number =>
  index < kept ? index : index < kept + cut ? -1 : index - cut;

/** What the model's declaration says about long texts, unless the call says otherwise. */
export const contextPolicy = (model: LoadedModel, asked: ContextPolicy | undefined): ContextPolicy =>
  asked ?? model.files.config?.trajectory_lens?.context ?? "refuse";

/** A Failure's sentence, or the error's message: what a user reads about one trajectory. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** True for errors that end the whole call, not one trajectory. */
export const endsCall = (error: unknown): boolean => error instanceof Failure && error.code === "cancelled";
