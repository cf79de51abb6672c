import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "onnxruntime-node";
import * as v from "valibot";
import { Failure } from "../model/failure";
import type { ScoreArray } from "../model/score";
import type { Step } from "../model/trajectory";
import { planBatches } from "./batching";
import { breathe } from "./breathe";
import { pool, unitVector, type TokenPooling } from "./embeddingVectors";
import type { LoadedModel } from "./loadedModel";
import { fitText } from "./preparedText";
import type { Scorer } from "./scorer";
import { asFloats, specText, type TensorSpec } from "./tensors";
import { canPad, textFeeds } from "./textBatch";

const poolingSchema = v.looseObject({
  pooling_mode_cls_token: v.optional(v.boolean()),
  pooling_mode_mean_tokens: v.optional(v.boolean()),
  pooling_mode_max_tokens: v.optional(v.boolean()),
  pooling_mode_lasttoken: v.optional(v.boolean()),
});

function json(folder: string | undefined, ...names: string[]): unknown {
  const path = folder === undefined ? undefined : join(folder, ...names);
  if (path === undefined || !existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw new Failure("bad-model-config", `${path} is not valid JSON.`, "Export the model folder again.");
  }
}

/** How sentence-transformers folders say that token embeddings become one; the declaration goes before. */
function poolingOf(model: LoadedModel): { pooling: TokenPooling; normalise: boolean; source: string } {
  const lens = model.files.config?.trajectory_lens;
  const folder = model.files.folder;
  const modules = json(folder, "modules.json");
  const normalise =
    lens?.normalise ??
    (Array.isArray(modules) &&
      modules.some((module: unknown) => JSON.stringify(module).includes("Normalize")));
  if (lens?.pooling) return { pooling: lens.pooling, normalise, source: "as declared" };
  const parsed = v.safeParse(poolingSchema, json(folder, "1_Pooling", "config.json"));
  if (!parsed.success) return { pooling: "mean", normalise, source: "by default" };
  const told = parsed.output;
  const pooling = told.pooling_mode_cls_token
    ? "cls"
    : told.pooling_mode_max_tokens
      ? "max"
      : told.pooling_mode_lasttoken
        ? "last"
        : "mean";
  return { pooling, normalise, source: "1_Pooling/config.json" };
}

/** Everything that a step says, as one text. */
const textOfStep = (step: Step): string =>
  [step.observation, step.thought, step.action]
    .filter((piece): piece is string => piece !== undefined && piece !== "")
    .join("\n");

function embeddingOutput(model: LoadedModel): TensorSpec {
  const declared = model.files.config?.trajectory_lens?.output;
  const names =
    declared === undefined
      ? ["sentence_embedding", "last_hidden_state", "token_embeddings", "pooler_output"]
      : [declared];
  const found = names.map((name) => model.session.output(name)).find((spec) => spec !== undefined);
  if (found) return found;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} has none of the outputs ${names.join(", ")}; it has ${model.session.outputs.map(specText).join("; ")}.`,
    "Name the output with the embeddings in its declaration.",
  );
}

/** One embedding a step, of everything that the step says; steps without text have none. */
export const embeddings: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const tokenizer = await model.tokenizer();
  const output = embeddingOutput(model);
  const { pooling, normalise, source } = poolingOf(model);
  const texts: { trajectory: number; step: number; ids: readonly number[] }[] = [];
  const notes = trajectories.map(() => "");
  trajectories.forEach((trajectory, index) => {
    const own: typeof texts = [];
    for (const step of trajectory.steps) {
      const text = textOfStep(step);
      if (text === "") continue;
      const fitted = fitText(model, tokenizer, tokenizer.encode(text, true), context.longText);
      if (typeof fitted === "string") {
        failures.push({ trajectoryId: trajectory.id, message: `Step ${step.index}: ${fitted}` });
        return;
      }
      if (fitted.cut > 0 && notes[index] === "") notes[index] = `${fitted.note} in step ${step.index}`;
      own.push({ trajectory: index, step: step.index, ids: fitted.ids });
    }
    if (own.length === 0)
      failures.push({ trajectoryId: trajectory.id, message: `Trajectory ${trajectory.id} holds no text.` });
    texts.push(...own);
  });
  // Equal texts (a prompt that all members of a group share) are embedded once.
  const first = new Map<string, number>();
  texts.forEach(({ ids }, i) => first.set(ids.join(" "), first.get(ids.join(" ")) ?? i));
  const unique = [...first.values()];
  const plan = planBatches(
    unique.map((i) => texts[i]!.ids.length),
    { maxTokens: context.maxBatchTokens, padding: canPad(model) },
  );
  const vectors = new Map<number, Float64Array>();
  const bad = new Map<number, string>();
  let [tokens, done] = [0, 0];
  for (const batch of plan) {
    await breathe(context.signal);
    const members = batch.members.map((member) => unique[member]!);
    const rows = members.map((i) => texts[i]!.ids);
    const outputs = await model.session.run(textFeeds(model, rows, batch.width), [output.name]);
    const tensor = outputs[output.name]!;
    members.forEach((i, row) => {
      const vector = vectorOf(tensor, row, rows.length, batch.width, rows[row]!.length, pooling);
      if (typeof vector === "string") bad.set(i, `${model.files.name} ${vector}`);
      else vectors.set(i, normalise ? unitVector(vector) : vector);
    });
    tokens += rows.reduce((sum, row) => sum + row.length, 0);
    done += members.length;
    context.onProgress(
      Math.floor((trajectories.length * done) / unique.length),
      `${tokens.toLocaleString("en")} tokens`,
    );
  }
  const arrays: ScoreArray[] = [];
  trajectories.forEach((trajectory, index) => {
    const own = texts.filter((text) => text.trajectory === index);
    const sources = own.map((text) => first.get(text.ids.join(" "))!);
    const problem = sources.map((i) => bad.get(i)).find((message) => message !== undefined);
    if (problem !== undefined) failures.push({ trajectoryId: trajectory.id, message: problem });
    const width = vectors.get(sources[0] ?? -1)?.length;
    if (problem !== undefined || width === undefined) return;
    const data = new Float32Array(trajectory.steps.length * width).fill(NaN);
    own.forEach((text, k) => data.set(vectors.get(sources[k]!)!, text.step * width));
    const how = output.shape.length === 2 ? "pooled by the model" : `${pooling} over tokens (${source})`;
    arrays.push({
      trajectoryId: trajectory.id,
      name: "embeddings",
      level: "step",
      rows: trajectory.steps.length,
      width,
      data,
      modelPath: model.files.path,
      modelKind: "embedding",
      provider: model.session.provider,
      method: `${how}${normalise ? ", length 1" : ""}, one a step${notes[index]!}`,
    });
  });
  return { series: [], arrays, failures, tokens };
};

function vectorOf(
  tensor: Tensor,
  row: number,
  rows: number,
  width: number,
  length: number,
  pooling: TokenPooling,
): Float64Array | string {
  const { dims } = tensor;
  const values = asFloats(tensor);
  const size = dims.at(-1)!;
  const whole = dims.length === 2 && dims[0] === rows;
  if (!whole && !(dims.length === 3 && dims[0] === rows && dims[1] === width))
    return `returned embeddings of shape [${dims.join(", ")}]; expected [${rows}, ${width}, size] or [${rows}, size].`;
  const vector = whole
    ? Float64Array.from(values.subarray(row * size, (row + 1) * size))
    : pool(values, row * width * size, length, size, pooling);
  return vector.some(Number.isNaN) ? "returned NaN in an embedding, so its embeddings are not used." : vector;
}
