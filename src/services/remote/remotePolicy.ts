import { stepOfTokens } from "../../inference/stepMap";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { complete, type PromptLogprobs } from "./completions";
import { endpoint, type HttpOptions } from "./http";
import { contradiction, replySpans, type RemoteText } from "./remoteText";

/** Log-probabilities of the tokens of a text. NaN where the server gives none (the first token). */
export interface RemoteLogprobs {
  readonly tokens: readonly string[];
  readonly spans: readonly { readonly start: number; readonly end: number }[];
  readonly logprob: Float64Array;
  /** From vLLM's `prompt_logprobs`. */
  readonly rank?: Float64Array;
}

/** Asks an OpenAI-compatible server for the log-probabilities of a text. @throws Failure in one sentence */
export async function remoteLogprobs(
  declaration: ModelDeclaration,
  prepared: RemoteText,
  options: HttpOptions,
): Promise<RemoteLogprobs> {
  const url = endpoint(declaration.url!, "completions");
  const choice = await complete(
    url,
    {
      ...(declaration.model === undefined ? {} : { model: declaration.model }),
      // Token ids, where they are known, leave no doubt about how the text is cut.
      prompt: prepared.tokens?.ids ?? prepared.text,
      echo: true,
    },
    options,
  );
  const { logprobs, prompt_logprobs: list } = choice;
  if (list && prepared.tokens) return fromPromptLogprobs(url, list, prepared.tokens);
  if (!logprobs)
    throw new Failure(
      "server-reply",
      `${url} gave no log-probabilities of the text (echo with logprobs).`,
      "Use a server that echoes log-probabilities, such as vLLM or SGLang.",
    );
  const spans = prepared.tokens?.spans ?? replySpans(prepared.text, logprobs.tokens, logprobs.text_offset);
  if (!spans || spans.length > logprobs.token_logprobs.length)
    throw new Failure(
      "server-reply",
      `The tokens that ${url} gives back do not spell the text that was sent.`,
      "Name the model's tokenizer folder in its declaration (tokenizer).",
    );
  const wrong = contradiction(prepared.text, logprobs.tokens, spans);
  if (wrong !== undefined)
    throw new Failure(
      "server-reply",
      `${url} does not give back every token that was sent: token ${wrong} is “${logprobs.tokens[wrong]!}” where the text has “${prepared.text.slice(spans[wrong]!.start, spans[wrong]!.end)}”.`,
      "Serve the model with vLLM, which gives prompt_logprobs, or score it on this machine.",
    );
  return {
    tokens: logprobs.tokens.slice(0, spans.length),
    spans,
    logprob: Float64Array.from(spans, (_, i) => (i === 0 ? NaN : (logprobs.token_logprobs[i] ?? NaN))),
    ...(list ? { rank: Float64Array.from(spans, (_, i) => rankOf(list[i], logprobs.tokens[i])) } : {}),
  };
}

/** Rank of a token that is known by its text alone; NaN where two tokens have that text. */
function rankOf(entries: PromptLogprobs[number] | undefined, token: string | undefined): number {
  const own = Object.values(entries ?? {}).filter((entry) => entry.decoded_token === token);
  return own.length === 1 ? (own[0]!.rank ?? NaN) : NaN;
}

/**
 * Log-probabilities by token id: JavaScript puts keys that are numbers in order, so that vLLM's own order, the token itself
 * first, is lost.
 */
function fromPromptLogprobs(
  url: string,
  list: PromptLogprobs,
  { ids, spans }: NonNullable<RemoteText["tokens"]>,
): RemoteLogprobs {
  const own = list.map((entries, i) => entries?.[String(ids[i])]);
  const missing = list.findIndex((entries, i) => entries && !own[i]);
  if (list.length !== ids.length || missing >= 0)
    throw new Failure(
      "server-reply",
      list.length === ids.length
        ? `${url} gives no log-probability for token ${missing} (id ${ids[missing]}).`
        : `${url} gives log-probabilities of ${list.length} tokens where ${ids.length} were sent.`,
      "Declare the tokenizer of the very model that the server has.",
    );
  return {
    tokens: own.map((entry) => entry?.decoded_token ?? ""),
    spans,
    logprob: Float64Array.from(own, (entry) => entry?.logprob ?? NaN),
    rank: Float64Array.from(own, (entry) => entry?.rank ?? NaN),
  };
}

/** Token series of what the policy wrote, from a server's log-probabilities. */
export function policySeries(
  declaration: ModelDeclaration,
  modelPath: string,
  trajectory: Trajectory,
  prepared: RemoteText,
  found: RemoteLogprobs,
): ScoreSeries[] {
  const steps = stepOfTokens(found.spans, prepared.spans);
  const own = (values: Float64Array): Float64Array =>
    values.map((value, i) => (steps[i]! >= 0 && prepared.spans[steps[i]!]!.policy ? value : NaN));
  const base = {
    trajectoryId: trajectory.id,
    level: "token" as const,
    tokenText: found.spans.map(({ start, end }) => prepared.text.slice(start, end)),
    modelPath,
    modelKind: "policy-lm" as const,
    provider: "remote" as const,
    method: `temperature 1, ${prepared.method}, prompt masked, log-probabilities of ${declaration.url}`,
  };
  return [
    { ...base, name: "logprob", unit: "nats", values: own(found.logprob) },
    ...(found.rank ? [{ ...base, name: "rank", unit: "rank (1 = likeliest)", values: own(found.rank) }] : []),
  ];
}
