import * as v from "valibot";
import { Failure } from "../../model/failure";
import { askServer, type HttpOptions } from "./http";

const number = v.nullable(v.number());

const promptEntry = v.looseObject({
  logprob: v.number(),
  rank: v.optional(number),
  decoded_token: v.optional(v.nullable(v.string())),
});

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
              top_logprobs: v.optional(v.nullable(v.array(v.nullable(v.record(v.string(), number))))),
            }),
          ),
        ),
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
  const result = v.safeParse(completionSchema, reply);
  if (result.success) return result.output.choices[0]!;
  const [issue] = result.issues;
  throw new Failure(
    "server-reply",
    `${url} answered in another shape than /v1/completions has (${v.getDotPath(issue) ?? "reply"}: ${issue.message}).`,
    "Check the kind of server (api).",
  );
}
