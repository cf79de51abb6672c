import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Trajectory } from "../../src/model/trajectory";
import { fixture, InferenceClient, textTrajectory } from "./inferenceClient";

interface Body {
  readonly model?: string;
  readonly prompt?: string | readonly number[];
  readonly input?: string | readonly number[] | readonly string[];
  readonly text_1?: string;
  readonly text_2?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  /** vLLM squashes the outputs of classifiers unless this is false. */
  readonly use_activation?: boolean;
  readonly echo?: boolean;
  readonly inputs?: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly number[];
  }[];
  readonly outputs?: readonly { readonly name: string }[];
}

/**
 * A server that speaks the protocols of OpenAI, vLLM and KServe v2 over real models: the numbers come from the
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
    options: { readonly key?: string; readonly shifted?: boolean } = {},
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
      answer(client, request, options.shifted ?? false).then(
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

async function answer(client: InferenceClient, request: IncomingMessage, shifted: boolean): Promise<unknown> {
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
      const tokens = [...(echoed?.tokenText ?? []), text];
      let offset = 0;
      return {
        object: "text_completion",
        model: body.model,
        choices: [
          {
            index: 0,
            text: tokens.join(""),
            logprobs: {
              tokens,
              token_logprobs: [
                ...[...(values ?? [])].map((value) => (Number.isNaN(value) ? null : value)),
                generated[0],
              ],
              // As Python counts: code points.
              text_offset: tokens.map((token) => {
                const at = offset;
                offset += [...token].length;
                return at;
              }),
            },
          },
        ],
      };
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
      return {
        choices: [{ index: 0, message: { role: "assistant", content: continuations[0]!.text } }],
        usage: { prompt_tokens: ids.length, completion_tokens: continuations[0]!.ids.length },
      };
    }
    case "/score": {
      const report = await score("tiny-reward", textTrajectory("s", body.text_1!, [body.text_2!]));
      return { data: [{ index: 0, object: "score", score: report.series[0]!.values[0] }] };
    }
    case "/classify": {
      const report = await score("tiny-reward", textTrajectory("s", (body.input as string[])[0]!, []));
      const logit = report.series[0]!.values[0]!;
      const p = 1 / (1 + Math.exp(-logit));
      const probs = body.use_activation === false ? [-logit, logit] : [1 - p, p];
      return { data: [{ index: 0, label: "LABEL_1", probs, num_classes: 2 }] };
    }
    case "/pooling": {
      const ids = body.input as readonly number[];
      const report = await score("tiny-prm", ofIds(ids), { perToken: true });
      const values = report.series.find((series) => series.name === "token_reward")!.values;
      const rows = [...values].map((value) => [
        body.use_activation === false ? value : 1 / (1 + Math.exp(-value)),
      ]);
      return { data: [{ index: 0, object: "pooling", data: rows }] };
    }
    case "/v1/embeddings": {
      const texts = body.input as readonly string[];
      const steps = texts.map((text, index) => ({ index, role: "assistant" as const, action: text }));
      const report = await score("tiny-embedding", { ...textTrajectory("e", "", []), steps });
      const { data, width } = report.arrays![0]!;
      return {
        data: texts.map((_, index) => ({
          index,
          embedding: [...data.slice(index * width, (index + 1) * width)],
        })),
      };
    }
    default:
      return kserve(request.url ?? "", body);
  }
}

/** KServe v2 over onnxruntime: metadata and inference of the fixtures. */
async function kserve(url: string, body: Body): Promise<unknown> {
  const match = /^\/v2\/models\/([\w-]+)(\/infer)?$/.exec(url);
  if (!match) return undefined;
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const path = match[1] === "prm" ? `${fixture("tiny-prm")}/onnx/model.onnx` : fixture(`${match[1]}.onnx`);
  const session = await InferenceSession.create(path, { executionProviders: ["cpu"] });
  try {
    const info = (list: typeof session.inputMetadata) =>
      list.map((one) => ({
        name: one.name,
        datatype: one.isTensor && one.type === "int64" ? "INT64" : "FP32",
        shape: one.isTensor ? one.shape.map((size) => (typeof size === "number" ? size : -1)) : [],
      }));
    if (!match[2])
      return { name: match[1], inputs: info(session.inputMetadata), outputs: info(session.outputMetadata) };
    const feeds = Object.fromEntries(
      body.inputs!.map((input) => [
        input.name,
        session.inputMetadata.some((one) => one.name === input.name && one.isTensor && one.type === "int64")
          ? new Tensor("int64", BigInt64Array.from(input.data, BigInt), input.shape)
          : new Tensor("float32", Float32Array.from(input.data), input.shape),
      ]),
    );
    const outputs = await session.run(feeds, body.outputs?.map((one) => one.name) ?? session.outputNames);
    return {
      model_name: match[1],
      outputs: Object.entries(outputs).map(([name, tensor]) => ({
        name,
        datatype: "FP32",
        shape: tensor.dims,
        // The protocol leaves it to the server whether the rows are nested.
        data: match[1] === "prm" ? [[...(tensor.data as Float32Array)]] : [...(tensor.data as Float32Array)],
      })),
    };
  } finally {
    await session.release();
  }
}
