import * as v from "valibot";
import { stepEndTokens } from "../../inference/stepMap";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { askServer, endpoint, serverRoot, type HttpOptions } from "./http";
import type { RemoteText } from "./remoteText";
import { readReply } from "./serverReply";
import type { ServerReading } from "./serverReading";

const numbers = v.array(v.number());
const scoreSchema = v.object({ data: v.pipe(v.array(v.looseObject({ score: v.number() })), v.minLength(1)) });
const classifySchema = v.object({ data: v.pipe(v.array(v.looseObject({ probs: numbers })), v.minLength(1)) });
const poolingSchema = v.object({
  data: v.pipe(
    v.array(v.looseObject({ data: v.union([v.number(), numbers, v.array(numbers)]) })),
    v.minLength(1),
  ),
});
/** SGLang answers one text with one object, several with a list. */
const rewardSchema = v.union([
  v.looseObject({ embedding: numbers }),
  v.pipe(
    v.array(v.looseObject({ embedding: numbers })),
    v.length(1),
    v.transform(([only]) => only!),
  ),
]);

/** What `/pooling` gives for one text: a number, the outputs of its end, or a row for each token or step. */
type Pooled = v.InferOutput<typeof poolingSchema>["data"][number]["data"];
type Row = number | readonly number[];

/** Asks vLLM for outputs as the model gives them: `use_activation` since 0.11.1, `activation` before. */
const RAW = { use_activation: false, activation: false } as const;

/** Whether a score or class probability is to come unsquashed; servers squash by default. */
const unsquashed = ({ activation }: ModelDeclaration): object => (activation === "none" ? RAW : {});

const named = ({ model }: ModelDeclaration): object => (model === undefined ? {} : { model });

/** A reward of a whole trajectory, and how it came about. */
interface Whole {
  readonly value: number;
  readonly unit: string;
  readonly method: string;
}

/**
 * Rewards of a server: of the whole trajectory by vLLM's `/score`, `/classify` and `/pooling` and SGLang's `/classify`; of
 * each step by `/pooling`.
 * @returns one series `reward`, per trajectory or per step (NaN for steps that the policy did not write)
 * @throws Failure in one sentence
 */
export async function rewardSeries(
  reading: Exclude<ServerReading, "completions" | "embeddings" | "kserve">,
  declaration: ModelDeclaration,
  modelPath: string,
  trajectory: Trajectory,
  prepared: RemoteText,
  options: HttpOptions,
): Promise<ScoreSeries> {
  const common = {
    trajectoryId: trajectory.id,
    name: "reward",
    modelPath,
    modelKind: declaration.kind ?? "scalar-reward",
    provider: "remote" as const,
  };
  if (reading === "pooling" && declaration.kind === "process-reward") {
    const url = endpoint(serverRoot(declaration.url!), "pooling");
    const { values, method } = stepRewards(
      declaration,
      url,
      trajectory,
      prepared,
      await pooled(declaration, url, prepared, options),
    );
    const unit = outputUnit(declaration);
    return { ...common, level: "step", unit, values, method: `${method} at ${url}, ${prepared.method}` };
  }
  const { value, unit, method } = await WHOLE[reading](declaration, prepared, options);
  return {
    ...common,
    level: "trajectory",
    unit,
    values: Float64Array.of(value),
    method: `${method}, ${prepared.method}`,
  };
}

type AskWhole = (declaration: ModelDeclaration, prepared: RemoteText, options: HttpOptions) => Promise<Whole>;

const WHOLE: Readonly<Record<Parameters<typeof rewardSeries>[0], AskWhole>> = {
  score: async (declaration, { text, spans }, options) => {
    const url = endpoint(serverRoot(declaration.url!), "score");
    const first = spans.find((span) => span.policy)?.start ?? 0;
    const body = {
      ...named(declaration),
      ...unsquashed(declaration),
      text_1: text.slice(0, first),
      text_2: text.slice(first),
    };
    const [entry] = readReply(url, "/score", scoreSchema, await askServer(url, body, options)).data;
    return { value: entry!.score, unit: "score", method: `prompt against response at ${url}` };
  },
  classify: async (declaration, { text }, options) => {
    const url = endpoint(serverRoot(declaration.url!), "classify");
    const body = { ...named(declaration), ...unsquashed(declaration), input: [text] };
    const reply = readReply(url, "vLLM's /classify", classifySchema, await askServer(url, body, options));
    const { probs } = reply.data[0]!;
    if (probs.length > 2 || probs.length === 0)
      throw new Failure(
        "server-reply",
        `${url} gives ${probs.length} classes; a reward has one or two (of which the second is read).`,
        "Choose another model.",
      );
    return declaration.activation === "none"
      ? { value: probs.at(-1)!, unit: "reward", method: `output of the last class at ${url}` }
      : { value: probs.at(-1)!, unit: "probability", method: `probability of the last class at ${url}` };
  },
  reward: async (declaration, { text, tokens }, options) => {
    const url = endpoint(serverRoot(declaration.url!), "classify");
    const body = { ...named(declaration), ...(tokens ? { input_ids: tokens.ids } : { text }) };
    const reply = readReply(url, "SGLang's /classify", rewardSchema, await askServer(url, body, options));
    const value = scoreOf(url, reply.embedding, declaration);
    return { value, unit: outputUnit(declaration), method: `read at the last token at ${url}` };
  },
  pooling: async (declaration, prepared, options) => {
    const url = endpoint(serverRoot(declaration.url!), "pooling");
    const data = await pooled(declaration, url, prepared, options);
    // Of a row for each token the last one has read everything.
    const last: Row | undefined =
      typeof data === "number" || typeof data[0] === "number" ? (data as Row) : data.at(-1);
    const value = scoreOf(url, last ?? [], declaration);
    return { value, unit: outputUnit(declaration), method: `read at the last token at ${url}` };
  },
};

/** A classifier's outputs come squashed unless one asks for them as they are; the declaration says what is done to them. */
async function pooled(
  declaration: ModelDeclaration,
  url: string,
  { text, tokens }: RemoteText,
  options: HttpOptions,
): Promise<Pooled> {
  const body = { ...named(declaration), ...RAW, input: tokens?.ids ?? text };
  return readReply(url, "/pooling", poolingSchema, await askServer(url, body, options)).data[0]!.data;
}

/** Rewards of the steps that the policy wrote, by step. */
function stepRewards(
  declaration: ModelDeclaration,
  url: string,
  trajectory: Trajectory,
  prepared: RemoteText,
  data: Pooled,
): { readonly values: Float64Array; readonly method: string } {
  const tokens = prepared.tokens;
  const own = prepared.spans.filter((span) => span.policy);
  const values = new Float64Array(trajectory.steps.length).fill(NaN);
  const value = (row: Row): number => scoreOf(url, row, declaration);
  // A server that knows the mark behind steps (vLLM's step pooling) gives one row a step.
  if (Array.isArray(data) && data.length === own.length && data.length !== tokens?.ids.length) {
    own.forEach((span, i) => (values[span.step] = value(data[i]!)));
    return { values, method: "one a step, as the server pools them" };
  }
  if (typeof data === "number" || !tokens || data.length !== tokens.ids.length)
    throw new Failure(
      "server-reply",
      tokens
        ? `${url} gives ${typeof data === "number" ? 1 : data.length} numbers for ${tokens.ids.length} tokens and ${own.length} steps, so step ends cannot be told.`
        : `Step ends of a process reward model on a server are found with its tokenizer.`,
      tokens
        ? "Serve the model so that it gives a score per token (vLLM: --pooler-config.task token_classify)."
        : "Name its tokenizer folder (tokenizer).",
    );
  const ends = stepEndTokens(tokens.spans, prepared.spans);
  prepared.spans.forEach((span, i) => {
    if (span.policy) values[span.step] = value(data[ends[i]!]!);
  });
  return { values, method: "read at step-end tokens" };
}

const outputUnit = ({ activation }: ModelDeclaration): string =>
  activation === "sigmoid" || activation === "softmax" ? "probability" : "reward";

/** The reward in a server's output: its only number, or the second of two; with declared `stepLabels` the first is the good one. */
function scoreOf(url: string, row: Row, { activation, stepLabels }: ModelDeclaration): number {
  const labels = typeof row === "number" ? [row] : row;
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  if (labels.length === 1) return activation === "sigmoid" ? sigmoid(labels[0]!) : labels[0]!;
  if (labels.length === 2) {
    const [bad, good] = stepLabels ? [labels[1]!, labels[0]!] : [labels[0]!, labels[1]!];
    return activation === "softmax" ? sigmoid(good - bad) : good;
  }
  throw new Failure(
    "server-reply",
    `${url} gives ${labels.length} numbers where a reward has one or two.`,
    "Choose a reward model, or declare it as an embedding.",
  );
}
