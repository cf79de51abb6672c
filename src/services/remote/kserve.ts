import * as v from "valibot";
import { logSumExp } from "../../inference/rowExtras";
import { stepEndTokens, stepOfTokens } from "../../inference/stepMap";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { askServer, endpoint, serverRoot, type HttpOptions } from "./http";
import { episodeInputs, episodeSeries } from "./kserveEpisode";
import {
  inferSchema,
  inputTensor,
  shapeFailure,
  tensorInfo,
  type Common,
  type Reply,
  type TensorInfo,
} from "./kserveTensor";
import type { RemoteText } from "./remoteText";
import { readReply } from "./serverReply";

const metadataSchema = v.looseObject({ inputs: v.array(tensorInfo), outputs: v.array(tensorInfo) });
type Metadata = v.InferOutput<typeof metadataSchema>;

const isText = (metadata: Metadata): boolean => metadata.inputs.some((input) => input.name === "input_ids");

/**
 * Scores a trajectory with an ONNX model that a KServe v2 server (Triton) holds: text through a declared tokenizer,
 * episodes by the names of the inputs.
 * @throws Failure in one sentence
 */
export async function kserveSeries(
  declaration: ModelDeclaration,
  modelPath: string,
  trajectory: Trajectory,
  prepare: () => Promise<RemoteText>,
  options: HttpOptions,
): Promise<ScoreSeries[]> {
  if (declaration.model === undefined)
    throw new Failure(
      "bad-model",
      "A model on a KServe server needs its name there (model).",
      "Add it in trajectoryLens.models.",
    );
  const base = endpoint(
    serverRoot(declaration.url!.replace(/\/v2\/*$/, "")),
    `v2/models/${encodeURIComponent(declaration.model)}`,
  );
  const metadata = readReply(base, "KServe v2", metadataSchema, await askServer(base, undefined, options));
  const text = isText(metadata) ? await prepare() : undefined;
  if (text && !text.tokens)
    throw new Failure(
      "missing-tokenizer",
      `The model ${declaration.model} at ${base} reads token ids.`,
      "Name its tokenizer folder in its declaration (tokenizer).",
    );
  const episode = text ? undefined : episodeInputs(declaration.model, metadata.inputs, trajectory);
  const inputs = episode?.inputs ?? metadata.inputs.map((input) => textInput(input, text!.tokens!.ids));
  const wanted = declaration.output ?? metadata.outputs.find((one) => SCORES.test(one.name))?.name;
  const body = { inputs, ...(wanted === undefined ? {} : { outputs: [{ name: wanted }] }) };
  const url = `${base}/infer`;
  const outputs = readReply(url, "KServe v2", inferSchema, await askServer(url, body, options)).outputs;
  const output = outputs.find((one) => one.name === wanted) ?? outputs[0]!;
  if (output.data.length !== output.shape.reduce((product, size) => product * size, 1))
    throw new Failure(
      "server-reply",
      `${url} gives ${output.data.length} numbers for ${output.name} of shape [${output.shape.join(", ")}].`,
      "Look at the server's log.",
    );
  const common = {
    trajectoryId: trajectory.id,
    modelPath,
    modelKind: declaration.kind ?? "unknown",
    provider: "remote" as const,
  };
  return episode
    ? episodeSeries(declaration, trajectory, episode, output, common, url)
    : textSeries(declaration, trajectory, text!, output, common, url);
}

const SCORES = /^(logits|scores?|rewards?|values?|output)$/;

function textInput(input: TensorInfo, ids: readonly number[]): object {
  const n = ids.length;
  const values: Readonly<Record<string, readonly number[]>> = {
    input_ids: ids,
    attention_mask: ids.map(() => 1),
    position_ids: ids.map((_, i) => i),
    token_type_ids: ids.map(() => 0),
  };
  const data = values[input.name];
  if (!data)
    throw new Failure(
      "model-does-not-fit",
      `The model on the server takes ${input.name}, which cannot be filled (expected input_ids, attention_mask, position_ids).`,
      "Export it without a cache.",
    );
  return inputTensor(input, [1, n], data);
}

function textSeries(
  declaration: ModelDeclaration,
  trajectory: Trajectory,
  text: RemoteText,
  output: Reply,
  common: Common,
  url: string,
): ScoreSeries[] {
  const { ids, spans } = text.tokens!;
  const n = ids.length;
  const method = `${text.method}, KServe at ${url}`;
  if (declaration.kind === "policy-lm") {
    const vocabulary = output.shape[2] ?? 0;
    if (output.shape.length !== 3 || output.shape[1] !== n)
      throw shapeFailure(url, output, `[1, ${n}, vocabulary]`);
    const steps = stepOfTokens(spans, text.spans);
    const logprob = new Float64Array(n).fill(NaN);
    const entropy = new Float64Array(n).fill(NaN);
    for (let i = 1; i < n; i++) {
      if (steps[i]! < 0 || !text.spans[steps[i]!]!.policy) continue;
      const row = Float64Array.from(output.data.slice((i - 1) * vocabulary, i * vocabulary));
      const logSum = logSumExp(row);
      logprob[i] = row[ids[i]!]! - logSum;
      entropy[i] = -row.reduce((sum, logit) => sum + Math.exp(logit - logSum) * (logit - logSum), 0);
    }
    const tokenText = spans.map(({ start, end }) => text.text.slice(start, end));
    const base = { ...common, level: "token" as const, unit: "nats", tokenText, method };
    return [
      { ...base, name: "logprob", values: logprob },
      { ...base, name: "entropy", values: entropy },
    ];
  }
  const squash = (value: number): number =>
    declaration.activation === "sigmoid" ? 1 / (1 + Math.exp(-value)) : value;
  const unit = declaration.activation === "sigmoid" ? "probability" : "reward";
  if (declaration.kind === "process-reward") {
    if (output.data.length !== n) throw shapeFailure(url, output, `[1, ${n}]`);
    const ends = stepEndTokens(spans, text.spans);
    const values = new Float64Array(trajectory.steps.length).fill(NaN);
    text.spans.forEach((span, i) => {
      if (span.policy) values[span.step] = squash(output.data[ends[i]!]!);
    });
    return [
      {
        ...common,
        name: "reward",
        level: "step",
        unit,
        values,
        method: `read at step-end tokens, ${method}`,
      },
    ];
  }
  if (output.data.length !== 1 && output.data.length !== n) throw shapeFailure(url, output, "[1, 1]");
  const values = Float64Array.of(squash(output.data.at(-1)!));
  return [{ ...common, name: "reward", level: "trajectory", unit, values, method }];
}
