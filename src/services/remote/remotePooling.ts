import * as v from "valibot";
import { stepEndTokens } from "../../inference/stepMap";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreArray, ScoreSeries } from "../../model/score";
import type { Step, Trajectory } from "../../model/trajectory";
import { askServer, endpoint, serverRoot, type HttpOptions } from "./http";
import type { RemoteText } from "./remoteText";
import type { ServerReading } from "./serverReading";

export interface RemoteNumbers {
  readonly series: readonly ScoreSeries[];
  readonly arrays: readonly ScoreArray[];
}

const numbers = v.array(v.number());
const scoreSchema = v.object({ data: v.pipe(v.array(v.looseObject({ score: v.number() })), v.minLength(1)) });
const classifySchema = v.object({ data: v.pipe(v.array(v.looseObject({ probs: numbers })), v.minLength(1)) });
const poolingSchema = v.object({
  data: v.pipe(
    v.array(v.looseObject({ data: v.union([v.number(), numbers, v.array(numbers)]) })),
    v.minLength(1),
  ),
});
const embeddingSchema = v.object({
  data: v.pipe(v.array(v.looseObject({ embedding: numbers })), v.minLength(1)),
});

function read<T extends v.GenericSchema>(url: string, schema: T, reply: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, reply);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure(
    "server-reply",
    `${url} answered in another shape than expected (${v.getDotPath(issue) ?? "reply"}: ${issue.message}).`,
    "Check the kind of server (api).",
  );
}

/** Asks vLLM for outputs as the model gives them: `use_activation` since 0.11.1, `activation` before. */
const RAW = { use_activation: false, activation: false } as const;

/** Whether a score or class probability is to come unsquashed; servers squash by default. */
const unsquashed = ({ activation }: ModelDeclaration): object => (activation === "none" ? RAW : {});

const textOfStep = (step: Step): string =>
  [step.observation, step.thought, step.action]
    .filter((piece) => piece !== undefined && piece !== "")
    .join("\n");

/**
 * Rewards and embeddings of a vLLM server (`/score`, `/classify`, `/pooling`) or of `/v1/embeddings`.
 * @throws Failure in one sentence
 */
export async function remoteNumbers(
  reading: Exclude<ServerReading, "completions" | "kserve">,
  declaration: ModelDeclaration,
  modelPath: string,
  trajectory: Trajectory,
  prepared: RemoteText,
  options: HttpOptions,
): Promise<RemoteNumbers> {
  const { url: base, kind } = declaration;
  const model = declaration.model === undefined ? {} : { model: declaration.model };
  const common = {
    trajectoryId: trajectory.id,
    modelPath,
    modelKind: kind ?? "scalar-reward",
    provider: "remote" as const,
  };
  const whole = (value: number, unit: string, method: string): RemoteNumbers => ({
    series: [
      {
        ...common,
        name: "reward",
        level: "trajectory",
        unit,
        values: Float64Array.of(value),
        method: `${method}, ${prepared.method}`,
      },
    ],
    arrays: [],
  });
  if (reading === "embeddings") return embeddings(declaration, trajectory, common, options);
  if (reading === "score") {
    const url = endpoint(serverRoot(base!), "score");
    const first = prepared.spans.find((span) => span.policy)?.start ?? 0;
    const body = {
      ...model,
      ...unsquashed(declaration),
      text_1: prepared.text.slice(0, first),
      text_2: prepared.text.slice(first),
    };
    const [entry] = read(url, scoreSchema, await askServer(url, body, options)).data;
    return whole(entry!.score, "score", `prompt against response at ${url}`);
  }
  if (reading === "classify") {
    const url = endpoint(serverRoot(base!), "classify");
    const body = { ...model, ...unsquashed(declaration), input: [prepared.text] };
    const { probs } = read(url, classifySchema, await askServer(url, body, options)).data[0]!;
    if (probs.length > 2 || probs.length === 0)
      throw new Failure(
        "server-reply",
        `${url} gives ${probs.length} classes; a reward has one or two (of which the second is read).`,
        "Choose another model.",
      );
    return declaration.activation === "none"
      ? whole(probs.at(-1)!, "reward", `output of the last class at ${url}`)
      : whole(probs.at(-1)!, "probability", `probability of the last class at ${url}`);
  }
  const url = endpoint(serverRoot(base!), "pooling");
  // A classifier's outputs come squashed unless one asks for them as they are; the declaration says what is done to them.
  const body = { ...model, ...RAW, input: prepared.tokens?.ids ?? prepared.text };
  const { data } = read(url, poolingSchema, await askServer(url, body, options)).data[0]!;
  const squash = declaration.activation === "sigmoid";
  const unit = squash || declaration.activation === "softmax" ? "probability" : "reward";
  const value = (row: number | readonly number[]): number => scoreOf(url, row, declaration.activation);
  if (kind !== "process-reward") {
    // A vector per token ends with the one that has read everything.
    const last = typeof data === "number" || typeof data[0] === "number" ? data : data.at(-1)!;
    return whole(value(last as number | readonly number[]), unit, `read at the last token at ${url}`);
  }
  const tokens = prepared.tokens;
  const own = prepared.spans.filter((span) => span.policy);
  const values = new Float64Array(trajectory.steps.length).fill(NaN);
  const perStep = (method: string): RemoteNumbers => ({
    series: [
      {
        ...common,
        name: "reward",
        level: "step",
        unit,
        values,
        method: `${method} at ${url}, ${prepared.method}`,
      },
    ],
    arrays: [],
  });
  // A server that knows the mark behind steps (vLLM's step pooling) gives one row a step.
  if (Array.isArray(data) && data.length === own.length && data.length !== tokens?.ids.length) {
    own.forEach((span, i) => (values[span.step] = value(data[i]!)));
    return perStep("one a step, as the server pools them");
  }
  if (typeof data === "number" || !tokens || data.length !== tokens.ids.length)
    throw new Failure(
      "server-reply",
      tokens
        ? `${url} gives ${typeof data === "number" ? 1 : data.length} numbers for ${tokens.ids.length} tokens and ${own.length} steps, so step ends cannot be told.`
        : `Step ends of a process reward model on a server are found with its tokenizer.`,
      tokens
        ? "Serve the model so that it gives a score per token."
        : "Name its tokenizer folder (tokenizer).",
    );
  const ends = stepEndTokens(tokens.spans, prepared.spans);
  prepared.spans.forEach((span, i) => {
    if (span.policy) values[span.step] = value(data[ends[i]!]!);
  });
  return perStep("read at step-end tokens");
}

function scoreOf(
  url: string,
  row: number | readonly number[],
  activation: ModelDeclaration["activation"],
): number {
  const labels = typeof row === "number" ? [row] : row;
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  if (labels.length === 1) return activation === "sigmoid" ? sigmoid(labels[0]!) : labels[0]!;
  if (labels.length === 2) return activation === "softmax" ? sigmoid(labels[1]! - labels[0]!) : labels[1]!;
  throw new Failure(
    "server-reply",
    `${url} gives ${labels.length} numbers where a reward has one or two.`,
    "Choose a reward model, or declare it as an embedding.",
  );
}

async function embeddings(
  declaration: ModelDeclaration,
  trajectory: Trajectory,
  common: Pick<ScoreArray, "trajectoryId" | "modelPath" | "modelKind" | "provider">,
  options: HttpOptions,
): Promise<RemoteNumbers> {
  const url = endpoint(declaration.url!, "embeddings");
  const steps = trajectory.steps.filter((step) => textOfStep(step) !== "");
  if (steps.length === 0)
    throw new Failure("no-text", `Trajectory ${trajectory.id} holds no text.`, "Choose another one.");
  const body = {
    ...(declaration.model === undefined ? {} : { model: declaration.model }),
    input: steps.map(textOfStep),
  };
  const { data } = read(url, embeddingSchema, await askServer(url, body, options));
  const width = data[0]!.embedding.length;
  if (data.length !== steps.length || data.some((entry) => entry.embedding.length !== width))
    throw new Failure(
      "server-reply",
      `${url} gives ${data.length} embeddings for ${steps.length} texts.`,
      "Look at the server's log.",
    );
  const table = new Float32Array(trajectory.steps.length * width).fill(NaN);
  steps.forEach((step, i) => table.set(data[i]!.embedding, step.index * width));
  const array: ScoreArray = {
    ...common,
    name: "embeddings",
    level: "step",
    rows: trajectory.steps.length,
    width,
    data: table,
    method: `one a step, from ${url}`,
  };
  return { series: [], arrays: [array] };
}
