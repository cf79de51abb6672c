import * as v from "valibot";
import { askServer, type HttpOptions } from "./http";
import { readReply } from "./serverReply";

/** vLLM writes -9999 for a probability of 0, because JSON has no infinity. */
const logprob = v.pipe(
  v.number(),
  v.transform((value) => (value === -9999 ? -Infinity : value)),
);
const number = v.nullable(logprob);

const promptEntry = v.looseObject({
  logprob,
  rank: v.optional(v.nullable(v.number())),
  decoded_token: v.optional(v.nullable(v.string())),
});

/** OpenAI's lists, one entry a token: of the prompt too where it was echoed. */
const echoSchema = v.looseObject({
  tokens: v.array(v.string()),
  token_logprobs: v.array(number),
  text_offset: v.optional(v.array(v.number())),
  top_logprobs: v.optional(v.nullable(v.array(v.nullable(v.record(v.string(), number))))),
});

/** What some servers put in place of the lists, about generated tokens alone: llama.cpp's `content`, TGI's bare numbers. */
const generatedAlone = v.pipe(
  v.union([v.looseObject({ content: v.array(v.unknown()) }), v.array(v.number())]),
  v.transform(() => undefined),
);

/** The part of `/v1/completions` that is read: OpenAI's echoed log-probabilities, or vLLM's `prompt_logprobs`. */
const completionSchema = v.object({
  choices: v.pipe(
    v.array(
      v.looseObject({
        logprobs: v.optional(v.nullable(v.union([echoSchema, generatedAlone]))),
        prompt_logprobs: v.optional(v.nullable(v.array(v.nullable(v.record(v.string(), promptEntry))))),
      }),
    ),
    v.minLength(1),
  ),
});

/** What a server completed: the first choice. */
export type Completion = v.InferOutput<typeof completionSchema>["choices"][number];
/** vLLM's log-probabilities of a prompt: for each token those by id, the token itself first; null for the first one. */
export type PromptLogprobs = NonNullable<Completion["prompt_logprobs"]>;

/**
 * Asks `/v1/completions` for one new token with log-probabilities. One is the least that every server gives: they differ
 * on whether nothing may be generated.
 * @param body prompt, model and `echo`
 * @throws Failure in one sentence
 */
export async function complete(url: string, body: object, options: HttpOptions): Promise<Completion> {
  const reply = await askServer(url, { ...body, max_tokens: 1, temperature: 0, logprobs: 1 }, options);
  return readReply(url, "/v1/completions", completionSchema, reply).choices[0]!;
}
