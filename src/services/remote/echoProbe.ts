import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import { complete, type Completion } from "./completions";
import { endpoint, type HttpOptions } from "./http";
import { replySpans } from "./remoteText";

/** Largest difference, in nats, between a token's log-probability when generated and when echoed. */
const TOLERANCE = 1e-2;
/**
 * Difference up to which another token is tried: of logits in bfloat16 each is off by up to 1/16 from 16 on, and a longer
 * batch rounds them otherwise. Twice as close as that is no accident: wrong numbers differ by whole nats.
 */
const ROUNDING = 0.25;

/** Tried in turn: the likeliest next token may be the end of the text, or half of a character. */
const texts = ["The capital of France is", "1 + 1 =", "Once upon a time there was a", "a b c d e f g"];
/** Lengths of the beginnings of a text of token ids that are tried. */
const lengths = [4, 8, 16, 32, 64];

const INSTEAD = "serve the model with vLLM, which gives prompt_logprobs, or score it on this machine";
const HINT = "Declare another server, or the model's own folder, in trajectoryLens.models.";

/** A text as token ids, with the tokenizer that made them. */
export interface TokenIds {
  readonly ids: readonly number[];
  /** Text of the first tokens, for messages. */
  textOf(count: number): string;
  encode(text: string): Promise<readonly number[]>;
}

/** What one token is generated behind, and what is echoed with it. */
interface Opening {
  readonly prompt: string | readonly number[];
  readonly shown: string;
  /** The prompt and one more token; undefined where the two cannot be put together. */
  with(token: string): Promise<string | readonly number[] | undefined>;
  /** Index of that token in what the server echoed; -1 where it was cut in another way. */
  place(token: string, logprobs: NonNullable<Completion["logprobs"]>): number;
}

const ofText = (text: string): Opening => ({
  prompt: text,
  shown: text,
  with: (token) => Promise.resolve(text + token),
  place: (token, { tokens, text_offset: offsets }) => {
    const whole = text + token;
    const spans = replySpans(whole, tokens, offsets) ?? [];
    return spans.findIndex((span) => span.start === text.length && span.end === whole.length);
  },
});

const ofIds = ({ ids, textOf, encode }: TokenIds, count: number): Opening => ({
  prompt: ids.slice(0, count),
  shown: textOf(count).replace(/\s+/g, " ").slice(-40),
  with: async (token) => {
    const more = await encode(token);
    return more.length === 1 ? [...ids.slice(0, count), more[0]!] : undefined;
  },
  place: (token, { tokens }) => (tokens[count] === token ? count : -1),
});

/** One token as the server gave it: log-probability when it was generated. */
interface Generated {
  readonly text: string;
  readonly logprob: number;
}

/** The same token echoed as part of a text. */
interface Echoed {
  readonly logprob: number;
  /** Log-probability of the token in the list that belongs to the token before it, where it stands there. */
  readonly before: number | undefined;
}

/**
 * Finds out whether a server's echoed log-probabilities are those of its model. Some servers give token i the
 * probability that it has *behind* token i; such numbers look plausible and are all wrong, and the right ones cannot be
 * had from them. So one token is generated, echoed, and its two log-probabilities are compared, once for each server; and
 * once more for token ids, before which a server puts no token of its own, so that the same server may be right about texts
 * and wrong about ids.
 */
export class EchoProbe {
  private readonly known = new Map<string, Promise<void>>();

  /**
   * @param tokens what is going to be sent, where it is token ids
   * @throws Failure `server-logprobs` when the server's echo cannot be trusted, and what the server refuses
   */
  check(declaration: ModelDeclaration, options: HttpOptions, tokens?: TokenIds): Promise<void> {
    const key = JSON.stringify([declaration.url, declaration.model, tokens && declaration.tokenizer]);
    const before = this.known.get(key);
    if (before) return before;
    const openings = tokens
      ? lengths.filter((count) => count <= tokens.ids.length).map((count) => ofIds(tokens, count))
      : texts.map(ofText);
    const verdict = probe(declaration, options, openings);
    this.known.set(key, verdict);
    verdict.catch((error: unknown) => {
      // A server that did not answer, or a cancelled run, says nothing about its numbers.
      if (!(error instanceof Failure && error.code === "server-logprobs")) this.known.delete(key);
    });
    return verdict;
  }
}

async function probe(
  declaration: ModelDeclaration,
  options: HttpOptions,
  openings: readonly Opening[],
): Promise<void> {
  const url = endpoint(declaration.url!, "completions");
  const model = declaration.model === undefined ? {} : { model: declaration.model };
  let close = 0;
  for (const opening of openings) {
    const { prompt, shown } = opening;
    const generated = generatedToken(shown, await complete(url, { ...model, prompt }, options));
    const longer = generated && (await opening.with(generated.text));
    if (!generated || longer === undefined) continue;
    const reply = await complete(url, { ...model, prompt: longer, echo: true }, options);
    // Whoever scores asks the same and says that there are none.
    if (!reply.logprobs && !reply.prompt_logprobs) return;
    const echoed = echoedToken(opening, generated.text, reply);
    if (!echoed) continue;
    const difference = Math.abs(echoed.logprob - generated.logprob);
    if (difference <= TOLERANCE) return;
    if (difference <= ROUNDING) {
      close++;
      if (close === 2) return;
      continue;
    }
    const shifted =
      echoed.before !== undefined && Math.abs(echoed.before - generated.logprob) <= TOLERANCE
        ? ": it echoes with each token the probabilities of the token after it"
        : "";
    throw new Failure(
      "server-logprobs",
      `${url} gives wrong log-probabilities of a text (“${generated.text}” behind “${shown}” has ${generated.logprob.toFixed(3)} when it is generated and ${echoed.logprob.toFixed(3)} when it is echoed${shifted}), so no policy is scored through it; ${INSTEAD}.`,
      HINT,
    );
  }
  if (close > 0) return;
  throw new Failure(
    "server-logprobs",
    `Whether ${url} gives right log-probabilities of a text cannot be found out: no token that it generates comes back as one token when it is echoed; ${INSTEAD}.`,
    HINT,
  );
}

/** @returns undefined where nothing came that can be sent again as text */
function generatedToken(prompt: string, reply: Completion): Generated | undefined {
  const { tokens, token_logprobs: values } = reply.logprobs ?? { tokens: [], token_logprobs: [] };
  // The new token is the last one, also where the server echoes without being asked.
  const [text, logprob] = [tokens.at(-1), values.at(-1)];
  if (text === undefined || typeof logprob !== "number") return undefined;
  if (text === "" || text.includes("\uFFFD") || prompt.endsWith(text)) return undefined;
  return { text, logprob };
}

/** @returns undefined where the text was cut into other tokens */
function echoedToken(opening: Opening, token: string, reply: Completion): Echoed | undefined {
  const list = reply.prompt_logprobs;
  if (list) {
    // Keys that are numbers have lost the server's order.
    const own = Object.values(list.at(-1) ?? {}).find((entry) => entry.decoded_token === token);
    return own && { logprob: own.logprob, before: undefined };
  }
  const logprobs = reply.logprobs;
  if (!logprobs) return undefined;
  const at = opening.place(token, logprobs);
  const logprob = logprobs.token_logprobs[at];
  if (typeof logprob !== "number") return undefined;
  return { logprob, before: logprobs.top_logprobs?.[at - 1]?.[token] ?? undefined };
}
