/**
 * What differs between servers that all say they speak OpenAI's protocol. vLLM puts `prompt_logprobs` beside the echo
 * and the token that begins a sequence before a text; SGLang puts that token too, knows no offsets (-1), and its
 * `/classify` is another one than vLLM's.
 */
export type Speaks = "openai" | "vllm" | "sglang";

/** The text that a server puts before a text on its own account. */
export const BEGINNING = "<s>";

interface EchoedTokens {
  readonly tokens: readonly string[];
  /** NaN where there is none. */
  readonly logprobs: readonly number[];
  readonly ids: readonly number[];
}

/** A completion in the shape of the server that speaks. */
export function completion(
  model: string | undefined,
  speaks: Speaks,
  echoed: EchoedTokens,
  sent: number,
): object {
  const { tokens, logprobs, ids } = echoed;
  const json = (value: number): number | null => (Number.isNaN(value) ? null : value);
  let offset = 0;
  const top = tokens.map((token, i) =>
    Number.isNaN(logprobs[i]!) ? null : { [token]: json(logprobs[i]!), [`${token}?`]: logprobs[i]! - 1 },
  );
  return {
    id: "cmpl-1",
    object: "text_completion",
    created: 1,
    model: model ?? "model",
    choices: [
      {
        index: 0,
        text: tokens.join(""),
        finish_reason: "length",
        logprobs: {
          tokens,
          token_logprobs: logprobs.map(json),
          // As Python counts: code points.
          text_offset: tokens.map((token) => {
            const at = offset;
            offset += [...token].length;
            return speaks === "sglang" ? -1 : at;
          }),
          ...(speaks === "openai" ? {} : { top_logprobs: top }),
        },
        // vLLM fills it whenever log-probabilities are echoed: the token itself, then the likeliest one.
        ...(speaks === "vllm"
          ? {
              stop_reason: null,
              prompt_logprobs:
                sent === 0
                  ? null
                  : tokens.slice(0, sent).map((token, i) =>
                      i === 0
                        ? null
                        : {
                            [ids[i]!]: { logprob: json(logprobs[i]!), rank: 2, decoded_token: token },
                            [ids[i]! === 0 ? 1 : 0]: { logprob: -0.01, rank: 1, decoded_token: `${token}!` },
                          },
                    ),
            }
          : {}),
      },
    ],
    usage: { prompt_tokens: sent, completion_tokens: 1, total_tokens: sent + 1 },
  };
}
