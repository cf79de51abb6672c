import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Trajectory } from "../../src/model/trajectory";
import { BEGINNING, completion, type Speaks } from "./completionReply";
import { fixture, InferenceClient, textTrajectory } from "./inferenceClient";
import { kserve, type InferRequest } from "./kserveModels";

interface Body extends InferRequest {
  readonly model?: string;
  readonly prompt?: string | readonly number[];
  readonly input?: string | readonly number[] | readonly string[];
  readonly text?: string;
  readonly text_1?: string;
  readonly text_2?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  /** vLLM squashes the outputs of classifiers unless this is false. */
  readonly use_activation?: boolean;
  readonly echo?: boolean;
  readonly logprobs?: number;
  /** SGLang's own `/classify`. */
  readonly input_ids?: readonly number[];
}

/**
 * A server that speaks the protocols of OpenAI, vLLM, SGLang and KServe v2 over real models: the numbers come from the
 * inference process (and, for KServe, from onnxruntime itself), so that they must equal the local ones.
 */
export class ModelServer {
  private constructor(
    private readonly server: Server,
    private readonly client: InferenceClient,
    readonly requests: { readonly path: string; readonly authorization: string | undefined }[],
  ) {}

  /** @param options `shifted`: echo with each token the probability that it has behind itself, as some servers do */
  static async start(
    options: { readonly key?: string; readonly shifted?: boolean; readonly speaks?: Speaks } = {},
  ): Promise<ModelServer> {
    const client = new InferenceClient();
    const requests: { path: string; authorization: string | undefined }[] = [];
    const server = createServer((request, response) => {
      requests.push({ path: request.url ?? "", authorization: request.headers.authorization });
      const send = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      };
      if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`) {
        send(401, { error: { message: "wrong key", code: 401 } });
        return;
      }
      answer(client, request, options.shifted ?? false, options.speaks ?? "openai").then(
        (body) => (body === undefined ? send(404, { detail: "Not Found" }) : send(200, body)),
        (error: unknown) => send(500, { error: { message: (error as Error).message } }),
      );
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return new ModelServer(server, client, requests);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    await new Promise((done) => this.server.close(done));
    await this.client.close();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString("utf8")) as Body);
}

/** A trajectory of token ids alone, all of which count. */
function ofIds(ids: readonly number[]): Trajectory {
  const { flatText: _text, ...rest } = textTrajectory("server", "", []);
  const count = ids.length;
  return {
    ...rest,
    steps: [{ index: 0, role: "assistant", tokenStart: 0, tokenEnd: count }],
    tokens: { count, ids: Int32Array.from(ids), mask: new Uint8Array(count).fill(1), series: {} },
  };
}

/** Log-probability of each token as the next one behind itself. */
async function behindThemselves(client: InferenceClient, ids: readonly number[]): Promise<number[]> {
  const { series } = await client.call("score", {
    modelPath: fixture("tiny-policy"),
    provider: "cpu",
    trajectories: ids.map((id, i) => ({ ...ofIds([...ids.slice(0, i + 1), id]), id: `t${i}` })),
  });
  return ids.map((_, i) => {
    const own = series.find((one) => one.name === "logprob" && one.trajectoryId === `t${i}`);
    return i === 0 ? NaN : own!.values.at(-1)!;
  });
}

/** The list that vLLM's endpoints of one kind of result each, and OpenAI's embeddings, answer with. */
const list = (prefix: string, data: readonly object[]): object => ({
  id: `${prefix}-1`,
  object: "list",
  created: 1,
  model: "model",
  data,
  usage: { prompt_tokens: 1, total_tokens: 1 },
});

async function answer(
  client: InferenceClient,
  request: IncomingMessage,
  shifted: boolean,
  speaks: Speaks,
): Promise<unknown> {
  const body = await bodyOf(request);
  const policy = fixture("tiny-policy");
  const prepare = (text: string) =>
    client.call("prepare", { tokenizer: policy, trajectory: textTrajectory("server", text, []) });
  const score = async (model: string, trajectory: Trajectory, extras = {}) => {
    const report = await client.call("score", {
      modelPath: fixture(model),
      provider: "cpu",
      trajectories: [trajectory],
      extras,
    });
    if (report.failures[0]) throw new Error(report.failures[0].message);
    return report;
  };
  switch (request.url) {
    case "/v1/completions": {
      const prompt = body.prompt!;
      const ids = typeof prompt === "string" ? [...(await prepare(prompt)).ids] : prompt;
      const next = await client.call("generate", {
        modelPath: policy,
        provider: "cpu",
        trajectory: ofIds(ids),
        point: { afterToken: ids.length - 1 },
        options: {
          count: 1,
          temperature: 0,
          topP: 1,
          maxNewTokens: body.max_tokens ?? 16,
          stop: [],
          seed: 0,
        },
      });
      const { text, logprobs: generated } = next.continuations[0]!;
      const report = body.echo ? await score("tiny-policy", ofIds(ids)) : undefined;
      const echoed = report?.series.find((series) => series.name === "logprob");
      const values = shifted && report ? await behindThemselves(client, ids) : echoed?.values;
      // Of a text these servers read one more token at its beginning; behind it the first one has a probability.
      const begins = speaks !== "openai" && typeof prompt === "string";
      const own = [...(values ?? [])];
      return completion(
        body.model,
        speaks,
        {
          tokens: [...(begins && echoed ? [BEGINNING] : []), ...(echoed?.tokenText ?? []), text],
          logprobs: [...(begins && echoed ? [NaN, -1.5, ...own.slice(1)] : own), generated[0]!],
          ids: begins ? [1, ...ids] : ids,
        },
        echoed ? ids.length + (begins ? 1 : 0) : 0,
      );
    }
    case "/v1/chat/completions": {
      const prompt = body.messages!.map((message) => message.content).join("\n");
      const ids = (await prepare(prompt)).ids;
      const { continuations } = await client.call("generate", {
        modelPath: policy,
        provider: "cpu",
        trajectory: ofIds([...ids]),
        point: { afterToken: ids.length - 1 },
        options: {
          count: 1,
          temperature: 0,
          topP: 1,
          maxNewTokens: body.max_tokens ?? 16,
          stop: [],
          seed: 0,
        },
      });
      const [count, made] = [ids.length, continuations[0]!.ids.length];
      return {
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: body.model,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: continuations[0]!.text, refusal: null },
            logprobs: null,
            finish_reason: "length",
          },
        ],
        usage: { prompt_tokens: count, completion_tokens: made, total_tokens: count + made },
      };
    }
    case "/score": {
      const report = await score("tiny-reward", textTrajectory("s", body.text_1!, [body.text_2!]));
      return list("score", [{ index: 0, object: "score", score: report.series[0]!.values[0] }]);
    }
    case "/classify": {
      if (speaks === "sglang") {
        if (body.text === undefined && body.input_ids === undefined)
          throw new Error("Either text, input_ids or input_embeds should be provided.");
        const text = body.text ?? "";
        const report = await score(
          "tiny-reward",
          body.input_ids ? ofIds(body.input_ids) : textTrajectory("s", text, []),
        );
        return { embedding: [report.series[0]!.values[0]], meta_info: { id: "1", prompt_tokens: 1 } };
      }
      const report = await score("tiny-reward", textTrajectory("s", (body.input as string[])[0]!, []));
      const logit = report.series[0]!.values[0]!;
      const p = 1 / (1 + Math.exp(-logit));
      const probs = body.use_activation === false ? [-logit, logit] : [1 - p, p];
      return list("classify", [{ index: 0, label: "LABEL_1", probs, num_classes: 2 }]);
    }
    case "/pooling": {
      const ids = body.input as readonly number[];
      const report = await score("tiny-prm", ofIds(ids), { perToken: true });
      const values = report.series.find((series) => series.name === "token_reward")!.values;
      const rows = [...values].map((value) => [
        body.use_activation === false ? value : 1 / (1 + Math.exp(-value)),
      ]);
      return list("pool", [{ index: 0, object: "pooling", data: rows }]);
    }
    case "/v1/embeddings": {
      const texts = body.input as readonly string[];
      const steps = texts.map((text, index) => ({ index, role: "assistant" as const, action: text }));
      const report = await score("tiny-embedding", { ...textTrajectory("e", "", []), steps });
      const { data, width } = report.arrays![0]!;
      const entries = texts.map((_, index) => ({
        object: "embedding",
        index,
        embedding: [...data.slice(index * width, (index + 1) * width)],
      }));
      // The order of a list is not promised: each entry says which text it is about.
      return list("embd", entries.reverse());
    }
    default:
      return kserve(request.url ?? "", body);
  }
}
