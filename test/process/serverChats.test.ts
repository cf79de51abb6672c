import { describe, expect, it } from "vitest";
import { serverBackend } from "../../src/services/remote/chat";
import { askServer } from "../../src/services/remote/http";
import { failed, ReplyingServer } from "./replyingServer";

const server = new ReplyingServer();

describe("chats", () => {
  const chat = (content: string | null, more = {}) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [
      { index: 0, message: { role: "assistant", content, ...more }, logprobs: null, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
  });
  const question = { user: "How good?", maxTokens: 8, temperature: 0 };

  it("name the most tokens as the model wants it, asking once for which", async () => {
    server.answers((_path, body) =>
      "max_tokens" in body
        ? {
            status: 400,
            body: {
              error: {
                message:
                  "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                type: "invalid_request_error",
                param: "max_tokens",
                code: "unsupported_parameter",
              },
            },
          }
        : { body: chat("7") },
    );
    const backend = serverBackend({ url: `${server.url}/v1`, kind: "judge", model: "m" }, undefined);
    const { signal } = new AbortController();
    const both = await Promise.all([backend.complete(question, signal), backend.complete(question, signal)]);
    expect(both).toEqual(both.map(() => ({ text: "7", inputTokens: 4, outputTokens: 2 })));
    server.asked = [];
    await backend.complete(question, signal);
    expect(server.asked).toEqual([
      {
        model: "m",
        messages: [{ role: "user", content: "How good?" }],
        max_completion_tokens: 8,
        temperature: 0,
      },
    ]);
  });

  it("may be refused by the model, in its own words", async () => {
    server.says(chat(null, { refusal: "I cannot grade this." }));
    const backend = serverBackend({ url: `${server.url}/v1`, kind: "judge" }, undefined);
    expect((await backend.complete(question, new AbortController().signal)).text).toBe(
      "I cannot grade this.",
    );
  });
});

describe("what a server says about an error", () => {
  it.each([
    ["OpenAI", { error: { message: "no such model", type: "x", param: null, code: 404 } }, "no such model"],
    [
      "vLLM before 0.11",
      { object: "error", message: "too long", type: "BadRequestError", code: 400 },
      "too long",
    ],
    ["KServe", { error: "unexpected shape" }, "unexpected shape"],
    [
      "Text Embeddings Inference",
      { error: "batch size 40 > 32", error_type: "Validation" },
      "batch size 40 > 32",
    ],
    [
      "FastAPI",
      { detail: [{ type: "missing", loc: ["body", "text"], msg: "Field required", input: {} }] },
      "Field required",
    ],
  ])("is told: %s", async (_name, body, message) => {
    server.says(body, 400);
    expect((await failed(askServer(server.url, {}, {}))).message).toBe(
      `${server.url} answered 400: ${message}.`,
    );
  });
});
