import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import { complete, type Completion } from "./completions";
import { endpoint, type HttpOptions } from "./http";
import { replySpans } from "./remoteText";

/** Largest difference, in nats, between a token's log-probability when generated and when echoed. */
const TOLERANCE = 1e-2;

/** Tried in turn: the likeliest next token may be the end of the text, or half of a character. */
const prompts = ["The capital of France is", "1 + 1 =", "Once upon a time there was a", "a b c d e f g"];

const INSTEAD = "serve the model with vLLM, which gives prompt_logprobs, or score it on this machine";
const HINT = "Declare another server, or the model's own folder, in trajectoryLens.models.";

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
 * had from them. So one token is generated, echoed, and its two log-probabilities are compared, once for each server.
 */
export class EchoProbe {
  private readonly known = new Map<string, Promise<void>>();

  /** @throws Failure `server-logprobs` when the server's echo cannot be trusted, and what the server refuses */
  check(declaration: ModelDeclaration, options: HttpOptions): Promise<void> {
    const key = JSON.stringify([declaration.url, declaration.model]);
    const before = this.known.get(key);
    if (before) return before;
    const verdict = probe(declaration, options);
    this.known.set(key, verdict);
    verdict.catch((error: unknown) => {
      // A server that did not answer, or a cancelled run, says nothing about its numbers.
      if (!(error instanceof Failure && error.code === "server-logprobs")) this.known.delete(key);
    });
    return verdict;
  }
}

async function probe(declaration: ModelDeclaration, options: HttpOptions): Promise<void> {
  const url = endpoint(declaration.url!, "completions");
  const model = declaration.model === undefined ? {} : { model: declaration.model };
  for (const prompt of prompts) {
    const generated = generatedToken(prompt, await complete(url, { ...model, prompt }, options));
    if (!generated) continue;
    const text = prompt + generated.text;
    const reply = await complete(url, { ...model, prompt: text, echo: true }, options);
    // Whoever scores asks the same and says that there are none.
    if (!reply.logprobs && !reply.prompt_logprobs) return;
    const echoed = echoedToken(text, prompt.length, reply);
    if (!echoed) continue;
    if (Math.abs(echoed.logprob - generated.logprob) <= TOLERANCE) return;
    const shifted =
      echoed.before !== undefined && Math.abs(echoed.before - generated.logprob) <= TOLERANCE
        ? ": it echoes with each token the probabilities of the token after it"
        : "";
    throw new Failure(
      "server-logprobs",
      `${url} gives wrong log-probabilities of a text (“${generated.text}” behind “${prompt}” has ${generated.logprob.toFixed(3)} when it is generated and ${echoed.logprob.toFixed(3)} when it is echoed${shifted}), so no policy is scored through it; ${INSTEAD}.`,
      HINT,
    );
  }
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
function echoedToken(text: string, start: number, reply: Completion): Echoed | undefined {
  const list = reply.prompt_logprobs;
  if (list) {
    // Keys that are numbers have lost the server's order.
    const own = Object.values(list.at(-1) ?? {}).find((entry) => entry.decoded_token === text.slice(start));
    return own && { logprob: own.logprob, before: undefined };
  }
  const logprobs = reply.logprobs;
  if (!logprobs) return undefined;
  const spans = replySpans(text, logprobs.tokens, logprobs.text_offset);
  const at = spans?.findIndex((span) => span.start === start && span.end === text.length) ?? -1;
  const logprob = logprobs.token_logprobs[at];
  if (typeof logprob !== "number") return undefined;
  return { logprob, before: logprobs.top_logprobs?.[at - 1]?.[text.slice(start)] ?? undefined };
}
