import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ChatBackend } from "../judgingContract";
import { askServer, endpoint } from "./http";
import { readReply } from "./serverReply";

const chatSchema = v.object({
  choices: v.pipe(
    v.array(
      v.looseObject({
        message: v.looseObject({
          content: v.nullish(v.string()),
          refusal: v.nullish(v.string()),
        }),
      }),
    ),
    v.minLength(1),
  ),
  usage: v.optional(
    v.nullable(
      v.looseObject({
        prompt_tokens: v.optional(v.number()),
        completion_tokens: v.optional(v.number()),
      }),
    ),
  ),
});

/** How a server calls the most tokens of a reply: OpenAI's newer models refuse the older name, older servers the newer. */
type Limit = "max_tokens" | "max_completion_tokens";

/** `/v1/chat/completions` of a server. */
export function serverBackend(declaration: ModelDeclaration, key: string | undefined): ChatBackend {
  let limit: Limit = "max_tokens";
  const ask = async (url: string, body: object, maxTokens: number, signal: AbortSignal): Promise<unknown> => {
    const tried = limit;
    try {
      return await askServer(url, { ...body, [tried]: maxTokens }, { key, signal });
    } catch (error) {
      const told = error instanceof Failure && error.code === "server-refused" ? error.message : "";
      if (tried !== "max_tokens" || !told.includes("max_completion_tokens")) throw error;
      limit = "max_completion_tokens";
      return askServer(url, { ...body, [limit]: maxTokens }, { key, signal });
    }
  };
  return {
    async complete({ system, user, maxTokens, temperature }, signal) {
      const url = endpoint(declaration.url!, "chat/completions");
      const body = {
        ...(declaration.model === undefined ? {} : { model: declaration.model }),
        messages: [
          ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
          { role: "user", content: user },
        ],
        temperature,
      };
      const reply = await ask(url, body, maxTokens, signal);
      const { choices, usage } = readReply(url, "/v1/chat/completions", chatSchema, reply);
      return {
        text: choices[0]!.message.content ?? choices[0]!.message.refusal ?? "",
        ...(usage?.prompt_tokens === undefined ? {} : { inputTokens: usage.prompt_tokens }),
        ...(usage?.completion_tokens === undefined ? {} : { outputTokens: usage.completion_tokens }),
      };
    },
  };
}
