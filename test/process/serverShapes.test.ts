import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureData } from "../../src/model/failure";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { Trajectory } from "../../src/model/trajectory";
import { serverBackend } from "../../src/services/remote/chat";
import { EchoProbe } from "../../src/services/remote/echoProbe";
import { askServer } from "../../src/services/remote/http";
import { kserveSeries } from "../../src/services/remote/kserve";
import { remoteEmbeddings } from "../../src/services/remote/remoteEmbeddings";
import { remoteLogprobs } from "../../src/services/remote/remotePolicy";
import { rewardSeries } from "../../src/services/remote/remoteRewards";
import type { RemoteText } from "../../src/services/remote/remoteText";
import { episode, textTrajectory } from "./inferenceClient";

type Answer = { readonly status?: number; readonly body: unknown };

let server: Server;
let base: string;
/** What the server says to a request, and what it was asked. */
let reply: (path: string, body: Record<string, unknown>) => Answer;
let asked: Record<string, unknown>[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
    request.on("end", () => {
      const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
      asked.push(body);
      const { status = 200, body: answer } = reply(request.url ?? "", body);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((done) => server.close(done)));

const says = (body: unknown, status = 200): void => {
  asked = [];
  reply = () => ({ status, body });
};
const failed = async (promise: Promise<unknown>) =>
  failureData(
    await promise.then(
      () => new Error("it answered"),
      (error: unknown) => error,
    ),
  );

const trajectory = textTrajectory("t", "Say: ", ["ab", "c"]);
const spans: RemoteText["spans"] = [
  { step: 0, start: 0, end: 5, policy: false },
  { step: 1, start: 5, end: 7, policy: true },
  { step: 2, start: 7, end: 8, policy: true },
];
const plain: RemoteText = { text: "Say: abc", spans, method: "as written" };
const cut: RemoteText = {
  ...plain,
  tokens: {
    ids: [5, 6, 7],
    spans: [
      { start: 0, end: 5 },
      { start: 5, end: 7 },
      { start: 7, end: 8 },
    ],
  },
};

describe("log-probabilities of a text", () => {
  const policy = (): ModelDeclaration => ({ url: `${base}/v1`, kind: "policy-lm" });
  const choice = (parts: object): object => ({
    id: "cmpl-1",
    object: "text_completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, text: "Say: abc!", finish_reason: "length", ...parts }],
  });

  it("stand behind the token that a server puts before a text, by text and by rank", async () => {
    says(
      choice({
        logprobs: {
          tokens: ["<|begin_of_text|>", "Say", ": ", "ab", "c", "!"],
          token_logprobs: [null, -4, -3, -2, -9999, -0.5],
          text_offset: [0, 17, 20, 22, 24, 25],
          top_logprobs: [null, null, null, null, null, null],
        },
        prompt_logprobs: [
          null,
          { "20": { logprob: -4, rank: 9, decoded_token: "Say" } },
          {
            "9": { logprob: -0.1, rank: 1, decoded_token: " :" },
            "21": { logprob: -3, rank: 4, decoded_token: ": " },
          },
          {
            "3": { logprob: -2, rank: 3, decoded_token: "ab" },
            "2": { logprob: -0.1, rank: 1, decoded_token: "ab" },
          },
          { "1": { logprob: -9999, rank: 50, decoded_token: "c" } },
        ],
      }),
    );
    const found = await remoteLogprobs(policy(), plain, {});
    expect(found.spans.map(({ start, end }) => plain.text.slice(start, end))).toEqual([
      "",
      "Say",
      ": ",
      "ab",
      "c",
    ]);
    // No infinity in JSON: vLLM writes -9999 for a probability of 0.
    expect([...found.logprob]).toEqual([NaN, -4, -3, -2, -Infinity]);
    // Two tokens that look the same: which of them it was cannot be told.
    expect([...found.rank!]).toEqual([NaN, 9, 4, NaN, 50]);
  });

  it("are refused where the ids are not those that were sent", async () => {
    const entry = { logprob: -1, rank: 1, decoded_token: "x" };
    says(choice({ prompt_logprobs: [null, { "6": entry }, { "8": entry }] }));
    expect((await failed(remoteLogprobs(policy(), cut, {}))).message).toBe(
      `${base}/v1/completions gives no log-probability for token 2 (id 7).`,
    );
    says(choice({ prompt_logprobs: [null, { "6": entry }] }));
    expect((await failed(remoteLogprobs(policy(), cut, {}))).message).toContain(
      "of 2 tokens where 3 were sent",
    );
  });

  it("are not taken from offsets that a server does not know", async () => {
    says(
      choice({
        logprobs: {
          tokens: ["Say: ", "a\u00f0", "bc", "!"],
          token_logprobs: [null, -1, -2, -3],
          text_offset: [-1, -1, -1, -1],
        },
      }),
    );
    expect((await failed(remoteLogprobs(policy(), plain, {}))).message).toContain("do not spell the text");
  });

  it.each([
    ["llama.cpp", { content: [{ id: 1, token: "!", bytes: [33], logprob: -1, top_logprobs: [] }] }],
    ["Text Generation Inference", [-1]],
    ["a server without them", null],
  ])("are missed in words at %s", async (_name, logprobs) => {
    says(choice({ logprobs }));
    expect((await failed(remoteLogprobs(policy(), plain, {}))).message).toBe(
      `${base}/v1/completions gave no log-probabilities of the text (echo with logprobs).`,
    );
  });

  it("may be off by what bfloat16 rounds, twice, and never by more", async () => {
    const probe = async (differences: readonly number[]): Promise<string> => {
      let echoes = 0;
      reply = (_path, body) => {
        const prompt = body["prompt"] as string;
        const tokens = body["echo"] === true ? [prompt.slice(0, -2), " x", "."] : [" x"];
        const off = body["echo"] === true ? (differences[echoes++] ?? 9) : 0;
        return { body: choice({ logprobs: { tokens, token_logprobs: tokens.map(() => -1 + off) } }) };
      };
      return new EchoProbe().check(policy(), {}).then(
        () => `right after ${echoes}`,
        (error: unknown) => failureData(error).code,
      );
    };
    expect(await probe([0.005])).toBe("right after 1");
    expect(await probe([0.0625, 0.125])).toBe("right after 2");
    expect(await probe([0.125, 0.005])).toBe("right after 2");
    expect(await probe([0.125, 3])).toBe("server-logprobs");
    expect(await probe([0.5])).toBe("server-logprobs");
  });
});

describe("rewards", () => {
  const ask = (declaration: Omit<ModelDeclaration, "url">, reading: "pooling" | "reward", prepared = cut) =>
    rewardSeries(reading, { url: base, ...declaration }, "m", trajectory, prepared, {});
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const pooled = (data: unknown): object => ({
    id: "pool-1",
    object: "list",
    created: 1,
    model: "m",
    data: [{ index: 0, object: "pooling", data }],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });

  it("of vLLM's step pooling are read in the order of the declared labels", async () => {
    says(
      pooled([
        [2, -1],
        [0.5, 1],
      ]),
    );
    const shepherd = { kind: "process-reward", activation: "softmax" } as const;
    const labelled = await ask({ ...shepherd, stepLabels: ["+", "-"] }, "pooling");
    expect([...labelled.values]).toEqual([NaN, sigmoid(3), sigmoid(-0.5)]);
    expect([...(await ask(shepherd, "pooling")).values]).toEqual([NaN, sigmoid(-3), sigmoid(0.5)]);
    expect(asked[0]).toMatchObject({ input: [5, 6, 7], use_activation: false });
  });

  it("of a sequence are one number, or the row of its last token", async () => {
    for (const data of [[0.75], [[3], [2], [0.75]]]) {
      says(pooled(data));
      expect([...(await ask({ kind: "scalar-reward" }, "pooling")).values]).toEqual([0.75]);
    }
    says(pooled([0.75]));
    const failure = await failed(ask({ kind: "process-reward" }, "pooling"));
    expect(failure.message).toContain("gives 1 numbers for 3 tokens and 2 steps");
    expect(failure.hint).toContain("token_classify");
  });

  it("of SGLang are the embedding of its classify, of a text or of token ids", async () => {
    const answer = { embedding: [1.25], meta_info: { id: "1", prompt_tokens: 3, e2e_latency: 0.1 } };
    for (const body of [answer, [answer]]) {
      says(body);
      const series = await ask({ kind: "scalar-reward" }, "reward", plain);
      expect([...series.values, series.level, series.unit]).toEqual([1.25, "trajectory", "reward"]);
      expect(asked).toEqual([{ text: "Say: abc" }]);
    }
    says({ embedding: [-1, 2] });
    const squashed = await ask({ kind: "scalar-reward", activation: "softmax" }, "reward");
    expect([...squashed.values, squashed.unit]).toEqual([sigmoid(3), "probability"]);
    expect(asked).toEqual([{ input_ids: [5, 6, 7] }]);
  });
});

describe("embeddings", () => {
  it("are asked for in portions that every server takes, and put where their index says", async () => {
    const many = textTrajectory(
      "many",
      "p",
      Array.from({ length: 70 }, (_, i) => `line ${i}`),
    );
    asked = [];
    reply = (_path, body) => ({
      body: {
        object: "list",
        model: "m",
        data: (body["input"] as string[])
          .map((text, index) => ({
            object: "embedding",
            index,
            embedding: [text === "p" ? -1 : Number(text.slice(5)), 0],
          }))
          .reverse(),
        usage: { prompt_tokens: 1, total_tokens: 1 },
      },
    });
    const table = await remoteEmbeddings({ url: `${base}/v1`, kind: "embedding" }, "m", many, {});
    expect(asked.map((body) => (body["input"] as string[]).length)).toEqual([32, 32, 7]);
    expect([table.rows, table.width]).toEqual([71, 2]);
    expect(Array.from({ length: 71 }, (_, row) => table.data[row * 2])).toEqual(
      Array.from({ length: 71 }, (_, row) => row - 1),
    );
    const same = [0, 0].map((index) => ({ object: "embedding", index, embedding: [1] }));
    says({ object: "list", data: same });
    const short: Trajectory = textTrajectory("short", "p", ["a"]);
    const failure = await failed(remoteEmbeddings({ url: `${base}/v1` }, "m", short, {}));
    expect(failure.message).toMatch(/gives 2 embeddings for 2 texts|two for the same text/);
  });
});

describe("KServe v2", () => {
  const tensor = (name: string, datatype: string, shape = [-1, 2]) => ({ name, datatype, shape });
  /** A server that counts from 1 as many rows as it is given. */
  const counts = (name: string, inputs: readonly object[]): void => {
    asked = [];
    reply = (path, body) => {
      const rows = (body["inputs"] as { shape: number[] }[] | undefined)?.[0]?.shape[0] ?? 0;
      const data = Array.from({ length: rows }, (_, row) => [row + 1]);
      return {
        body: path.endsWith("/infer")
          ? {
              model_name: "m",
              model_version: "1",
              outputs: [{ name, shape: [rows, 1], datatype: "FP32", data }],
            }
          : {
              name: "m",
              versions: ["1"],
              platform: "onnx_onnxv1",
              inputs,
              outputs: [tensor(name, "FP32", [-1, 1])],
            },
      };
    };
  };
  const score = (kind: "value" | "transition-reward", rows: readonly (readonly number[])[]) =>
    kserveSeries(
      { url: base, api: "kserve", kind, model: "m" },
      "m",
      episode("e", rows, [[7], [8]]),
      () => Promise.resolve(plain),
      {},
    );

  it("gets truth values as such, and never what JSON cannot say", async () => {
    counts("value", [tensor("observation", "BOOL")]);
    const series = await score("value", [
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
    expect(series.map(({ name, values }) => [name, ...values])).toEqual([
      ["value", 1, 2],
      ["bootstrap_value", 3],
    ]);
    expect(asked[1]).toEqual({
      inputs: [
        {
          name: "observation",
          datatype: "BOOL",
          shape: [3, 2],
          data: [false, true, true, false, false, false],
        },
      ],
      outputs: [{ name: "value" }],
    });
    const failure = await failed(
      score("value", [
        [0, NaN],
        [1, 0],
        [0, 0],
      ]),
    );
    expect(failure).toMatchObject({ code: "bad-numbers" });
    expect(failure.message).toContain("observation");
  });

  it("gets each input by its name: the next observation is the next one, and an unknown one is refused", async () => {
    const inputs = [
      tensor("obs", "FP32"),
      tensor("action", "FP32", [-1, 1]),
      tensor("next_obs", "FP32", [-1, 1, 2]),
      tensor("done", "FP32", [-1, 1]),
    ];
    counts("reward", inputs);
    const rows = [
      [0, 1],
      [2, 3],
      [4, 5],
    ];
    const [series] = await score("transition-reward", rows);
    expect([series!.name, ...series!.values]).toEqual(["reward", 1, 2]);
    const sent = (asked[1]!["inputs"] as { name: string; shape: number[]; data: number[] }[]).map(
      ({ name, shape, data }) => [name, shape, data],
    );
    expect(sent).toEqual([
      ["obs", [2, 2], [0, 1, 2, 3]],
      ["action", [2, 1], [7, 8]],
      ["next_obs", [2, 1, 2], [2, 3, 4, 5]],
      ["done", [2, 1], [0, 0]],
    ]);
    // Without the state after the last step its transition has no reward.
    expect([...(await score("transition-reward", rows.slice(0, 2)))[0]!.values]).toEqual([1, NaN]);
    counts("reward", [tensor("obs", "FP32"), tensor("weather", "FP32")]);
    expect((await failed(score("transition-reward", rows))).message).toContain(
      "takes weather FP32 [free, 2]",
    );
    counts("value", [tensor("obs", "FP32", [-1, 3])]);
    expect(await failed(score("value", rows))).toMatchObject({ code: "shape-mismatch" });
    // The only input is the observation, whatever it is called.
    counts("value", [tensor("INPUT__0", "FP32")]);
    expect((await score("value", rows))[0]!.values.length).toBe(2);
  });
});

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
    asked = [];
    reply = (_path, body) =>
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
        : { body: chat("7") };
    const backend = serverBackend({ url: `${base}/v1`, kind: "judge", model: "m" }, undefined);
    const { signal } = new AbortController();
    const both = await Promise.all([backend.complete(question, signal), backend.complete(question, signal)]);
    expect(both).toEqual(both.map(() => ({ text: "7", inputTokens: 4, outputTokens: 2 })));
    asked = [];
    await backend.complete(question, signal);
    expect(asked).toEqual([
      {
        model: "m",
        messages: [{ role: "user", content: "How good?" }],
        max_completion_tokens: 8,
        temperature: 0,
      },
    ]);
  });

  it("may be refused by the model, in its own words", async () => {
    says(chat(null, { refusal: "I cannot grade this." }));
    const backend = serverBackend({ url: `${base}/v1`, kind: "judge" }, undefined);
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
    says(body, 400);
    expect((await failed(askServer(base, {}, {}))).message).toBe(`${base} answered 400: ${message}.`);
  });
});
