import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ChatBackend } from "../judgingContract";
import { askServer, endpoint } from "./http";

const chatSchema = v.object({
  choices: v.pipe(
    v.array(v.looseObject({ message: v.looseObject({ content: v.nullable(v.string()) }) })),
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

/** `/v1/chat/completions` of a server. */
export function serverBackend(declaration: ModelDeclaration, key: string | undefined): ChatBackend {
  return {
    async complete({ system, user, maxTokens, temperature }, signal) {
      const url = endpoint(declaration.url!, "chat/completions");
      const body = {
        ...(declaration.model === undefined ? {} : { model: declaration.model }),
        messages: [
          ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
          { role: "user", content: user },
        ],
        max_tokens: maxTokens,
        temperature,
      };
      const parsed = v.safeParse(chatSchema, await askServer(url, body, { key, signal }));
      if (!parsed.success)
        throw new Failure(
          "server-reply",
          `${url} answered in another shape than /v1/chat/completions has.`,
          "Check the kind of server (api).",
        );
      const { choices, usage } = parsed.output;
      return {
        text: choices[0]!.message.content ?? "",
        ...(usage?.prompt_tokens === undefined ? {} : { inputTokens: usage.prompt_tokens }),
        ...(usage?.completion_tokens === undefined ? {} : { outputTokens: usage.completion_tokens }),
      };
    },
  };
}
