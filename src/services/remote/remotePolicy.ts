import * as v from "valibot";
import { stepOfTokens } from "../../inference/stepMap";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { askServer, endpoint, type HttpOptions } from "./http";
import { replySpans, type RemoteText } from "./remoteText";

const number = v.nullable(v.number());

/** The part of `/v1/completions` that is read: OpenAI's echoed log-probabilities, or vLLM's `prompt_logprobs`. */
const completionSchema = v.object({
  choices: v.pipe(
    v.array(
      v.looseObject({
        logprobs: v.optional(
          v.nullable(
            v.looseObject({
              tokens: v.array(v.string()),
              token_logprobs: v.array(number),
              text_offset: v.optional(v.array(v.number())),
            }),
          ),
        ),
        prompt_logprobs: v.optional(
          v.nullable(
            v.array(
              v.nullable(
                v.record(
                  v.string(),
                  v.looseObject({
                    logprob: v.number(),
                    rank: v.optional(number),
                    decoded_token: v.optional(v.nullable(v.string())),
                  }),
                ),
              ),
            ),
          ),
        ),
      }),
    ),
    v.minLength(1),
  ),
});

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
  const base = {
    ...(declaration.model === undefined ? {} : { model: declaration.model }),
    // Token ids, where they are known, leave no doubt about how the text is cut.
    prompt: prepared.tokens?.ids ?? prepared.text,
    // Servers differ on whether nothing may be generated; the one new token is dropped.
    max_tokens: 1,
    temperature: 0,
  };
  const reply = await askServer(url, { ...base, echo: true, logprobs: 1 }, options);
  const [choice] = parsed(url, reply).choices;
  if (choice?.prompt_logprobs) return fromPromptLogprobs(url, choice.prompt_logprobs, prepared);
  const logprobs = choice?.logprobs;
  if (!logprobs)
    throw new Failure(
      "server-reply",
      `${url} gave no log-probabilities of the text (echo with logprobs).`,
      "Use a server that echoes log-probabilities, such as vLLM or llama.cpp's Python server.",
    );
  const spans = prepared.tokens?.spans ?? replySpans(prepared.text, logprobs.tokens, logprobs.text_offset);
  if (!spans || spans.length > logprobs.token_logprobs.length)
    throw new Failure(
      "server-reply",
      `The tokens that ${url} gives back do not spell the text that was sent.`,
      "Name the model's tokenizer folder in its declaration (tokenizer).",
    );
  return {
    tokens: logprobs.tokens.slice(0, spans.length),
    spans,
    logprob: Float64Array.from(spans, (_, i) => (i === 0 ? NaN : (logprobs.token_logprobs[i] ?? NaN))),
  };
}

function parsed(url: string, reply: unknown): v.InferOutput<typeof completionSchema> {
  const result = v.safeParse(completionSchema, reply);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure(
    "server-reply",
    `${url} answered in another shape than /v1/completions has (${v.getDotPath(issue) ?? "reply"}: ${issue.message}).`,
    "Check the kind of server (api).",
  );
}

type PromptLogprobs = readonly (Readonly<
  Record<
    string,
    { logprob: number; rank?: number | null | undefined; decoded_token?: string | null | undefined }
  >
> | null)[];

/** vLLM lists the token itself first, then the likeliest ones. */
function fromPromptLogprobs(url: string, list: PromptLogprobs, prepared: RemoteText): RemoteLogprobs {
  const ids = prepared.tokens?.ids;
  const own = list.map((entry, i) => {
    if (!entry) return undefined;
    const id = ids?.[i];
    return id === undefined ? Object.values(entry)[0] : entry[String(id)];
  });
  const tokens = own.map((entry) => entry?.decoded_token ?? "");
  const spans = prepared.tokens?.spans;
  if (!spans || spans.length !== list.length)
    throw new Failure(
      "server-reply",
      `${url} gives prompt_logprobs, which can only be placed with the model's tokenizer.`,
      "Name the model's tokenizer folder in its declaration (tokenizer).",
    );
  return {
    tokens,
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
