import { describe, expect, it } from "vitest";
import { failureData } from "../../src/model/failure";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { Trajectory } from "../../src/model/trajectory";
import { EchoProbe } from "../../src/services/remote/echoProbe";
import { remoteEmbeddings } from "../../src/services/remote/remoteEmbeddings";
import { remoteLogprobs } from "../../src/services/remote/remotePolicy";
import { rewardSeries } from "../../src/services/remote/remoteRewards";
import type { RemoteText } from "../../src/services/remote/remoteText";
import { textTrajectory } from "./inferenceClient";
import { failed, ReplyingServer } from "./replyingServer";

const server = new ReplyingServer();

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
  const policy = (): ModelDeclaration => ({ url: `${server.url}/v1`, kind: "policy-lm" });
  const choice = (parts: object): object => ({
    id: "cmpl-1",
    object: "text_completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, text: "Say: abc!", finish_reason: "length", ...parts }],
  });

  it("stand behind the token that a server puts before a text, by text and by rank", async () => {
    server.says(
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
    server.says(choice({ prompt_logprobs: [null, { "6": entry }, { "8": entry }] }));
    expect((await failed(remoteLogprobs(policy(), cut, {}))).message).toBe(
      `${server.url}/v1/completions gives no log-probability for token 2 (id 7).`,
    );
    server.says(choice({ prompt_logprobs: [null, { "6": entry }] }));
    expect((await failed(remoteLogprobs(policy(), cut, {}))).message).toContain(
      "of 2 tokens where 3 were sent",
    );
  });

  it("are not taken from offsets that a server does not know", async () => {
    server.says(
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
    server.says(choice({ logprobs }));
    expect((await failed(remoteLogprobs(policy(), plain, {}))).message).toBe(
      `${server.url}/v1/completions gave no log-probabilities of the text (echo with logprobs).`,
    );
  });

  it("may be off by what bfloat16 rounds, twice, and never by more", async () => {
    const probe = async (differences: readonly number[]): Promise<string> => {
      let echoes = 0;
      server.answers((_path, body) => {
        const prompt = body["prompt"] as string;
        const tokens = body["echo"] === true ? [prompt.slice(0, -2), " x", "."] : [" x"];
        const off = body["echo"] === true ? (differences[echoes++] ?? 9) : 0;
        return { body: choice({ logprobs: { tokens, token_logprobs: tokens.map(() => -1 + off) } }) };
      });
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
    rewardSeries(reading, { url: server.url, ...declaration }, "m", trajectory, prepared, {});
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
    server.says(
      pooled([
        [2, -1],
        [0.5, 1],
      ]),
    );
    const shepherd = { kind: "process-reward", activation: "softmax" } as const;
    const labelled = await ask({ ...shepherd, stepLabels: ["+", "-"] }, "pooling");
    expect([...labelled.values]).toEqual([NaN, sigmoid(3), sigmoid(-0.5)]);
    expect([...(await ask(shepherd, "pooling")).values]).toEqual([NaN, sigmoid(-3), sigmoid(0.5)]);
    expect(server.asked[0]).toMatchObject({ input: [5, 6, 7], use_activation: false });
  });

  it("of a sequence are one number, or the row of its last token", async () => {
    for (const data of [[0.75], [[3], [2], [0.75]]]) {
      server.says(pooled(data));
      expect([...(await ask({ kind: "scalar-reward" }, "pooling")).values]).toEqual([0.75]);
    }
    server.says(pooled([0.75]));
    const failure = await failed(ask({ kind: "process-reward" }, "pooling"));
    expect(failure.message).toContain("gives 1 numbers for 3 tokens and 2 steps");
    expect(failure.hint).toContain("token_classify");
  });

  it("of SGLang are the embedding of its classify, of a text or of token ids", async () => {
    const answer = { embedding: [1.25], meta_info: { id: "1", prompt_tokens: 3, e2e_latency: 0.1 } };
    for (const body of [answer, [answer]]) {
      server.says(body);
      const series = await ask({ kind: "scalar-reward" }, "reward", plain);
      expect([...series.values, series.level, series.unit]).toEqual([1.25, "trajectory", "reward"]);
      expect(server.asked).toEqual([{ text: "Say: abc" }]);
    }
    server.says({ embedding: [-1, 2] });
    const squashed = await ask({ kind: "scalar-reward", activation: "softmax" }, "reward");
    expect([...squashed.values, squashed.unit]).toEqual([sigmoid(3), "probability"]);
    expect(server.asked).toEqual([{ input_ids: [5, 6, 7] }]);
  });
});

describe("embeddings", () => {
  it("are asked for in portions that every server takes, and put where their index says", async () => {
    const many = textTrajectory(
      "many",
      "p",
      Array.from({ length: 70 }, (_, i) => `line ${i}`),
    );
    server.answers((_path, body) => ({
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
    }));
    const table = await remoteEmbeddings({ url: `${server.url}/v1`, kind: "embedding" }, "m", many, {});
    expect(server.asked.map((body) => (body["input"] as string[]).length)).toEqual([32, 32, 7]);
    expect([table.rows, table.width]).toEqual([71, 2]);
    expect(Array.from({ length: 71 }, (_, row) => table.data[row * 2])).toEqual(
      Array.from({ length: 71 }, (_, row) => row - 1),
    );
    const same = [0, 0].map((index) => ({ object: "embedding", index, embedding: [1] }));
    server.says({ object: "list", data: same });
    const short: Trajectory = textTrajectory("short", "p", ["a"]);
    const failure = await failed(remoteEmbeddings({ url: `${server.url}/v1` }, "m", short, {}));
    expect(failure.message).toMatch(/gives 2 embeddings for 2 texts|two for the same text/);
  });
});
