import { Failure } from "../model/failure";
import type { ScoreArray } from "../model/score";
import { pool, unitVector } from "./embeddingVectors";
import type { LoadedModel } from "./loadedModel";
import { loadPictureProcessor, type PictureProcessor } from "./pictures/pictureProcessor";
import { runClip, runFrames, type PixelOutput } from "./pictures/pixelBatches";
import { pixelLayout, readsClips, type PixelLayout } from "./pictures/pixelInputs";
import { framesOf, mediaFolders, type Frames } from "./pictures/trajectoryFrames";
import { endsCall, sentenceOf } from "./preparedText";
import { textEmbeddings } from "./textEmbeddings";
import type { Scorer } from "./scorer";
import { specText, type TensorSpec } from "./tensors";

/** Outputs with an embedding of a whole picture, best first; token states are pooled. */
const OUTPUTS = [
  "image_embeds",
  "pooler_output",
  "image_embeddings",
  "embeddings",
  "embedding",
  "features",
  "last_hidden_state",
];

function outputOf(model: LoadedModel): TensorSpec {
  const declared = model.files.config?.trajectory_lens?.output;
  const { outputs } = model.session;
  const found =
    declared === undefined
      ? (OUTPUTS.map((name) => model.session.output(name)).find((spec) => spec !== undefined) ??
        (outputs.length === 1 ? outputs[0] : undefined))
      : model.session.output(declared);
  if (found) return found;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} has none of the outputs ${declared ?? OUTPUTS.join(", ")}; it has ${outputs.map(specText).join("; ")}.`,
    "Name the output with the embeddings in its declaration.",
  );
}

/** How the output of one picture or clip becomes one vector. */
interface Pooling {
  readonly how: string;
  vector(output: PixelOutput): Float64Array;
}

/**
 * A vector is taken as it is; of token states [tokens, width] the first (the class token) unless declared otherwise, of
 * clips their mean; feature maps [channels, height, width] are averaged over the picture.
 */
function poolingOf(model: LoadedModel, layout: PixelLayout): Pooling {
  const lens = model.files.config?.trajectory_lens;
  const tokens = lens?.pooling ?? (readsClips(layout) ? "mean" : "cls");
  const normalise = lens?.normalise === true;
  return {
    how: `${lens?.pooling === undefined ? "" : `${lens.pooling} over tokens, `}${normalise ? "length 1, " : ""}`,
    vector({ data, dims }) {
      let vector = data;
      if (dims.length === 2) vector = pool(data, 0, dims[0]!, dims[1]!, tokens);
      else if (dims.length === 3) {
        const plane = dims[1]! * dims[2]!;
        vector = Float64Array.from(
          { length: dims[0]! },
          (_, channel) =>
            data.subarray(channel * plane, (channel + 1) * plane).reduce((sum, value) => sum + value, 0) /
            plane,
        );
      } else if (dims.length !== 1)
        throw new Failure(
          "bad-output",
          `${model.files.name} returned embeddings of shape [batch, ${dims.join(", ")}]; expected [batch, size] or [batch, tokens, size].`,
          "Name another output in its declaration.",
        );
      if (vector.some(Number.isNaN))
        throw new Failure(
          "nan-output",
          `${model.files.name} returned NaN in an embedding, so its embeddings are not used.`,
          "Check the model's weights.",
        );
      return normalise ? unitVector(vector) : vector;
    },
  };
}

/** Row-major table of vectors; rows without one are NaN. */
function tableOf(
  rows: number,
  vectors: ReadonlyMap<number, Float64Array>,
): { width: number; data: Float32Array } {
  const width = vectors.values().next().value?.length ?? 0;
  const data = new Float32Array(rows * width).fill(NaN);
  for (const [row, vector] of vectors) data.set(vector, row * width);
  return { width, data };
}

/** What stays the same over the trajectories of one call. */
interface Prepared {
  readonly layout: PixelLayout;
  readonly processor: PictureProcessor;
  readonly output: TensorSpec;
  readonly pooling: Pooling;
  /** Embeddings of pictures by their keys. */
  readonly known: Map<string, Float64Array>;
}

async function embedded(
  model: LoadedModel,
  { layout, processor, output, pooling, known }: Prepared,
  frames: Frames,
  context: Parameters<Scorer>[2],
): Promise<{ rows: number; vectors: Map<number, Float64Array>; method: string; count: number }> {
  const vectors = new Map<number, Float64Array>();
  if (readsClips(layout)) {
    const { output: found, steps } = await runClip(model, layout, processor, frames, output.name, context);
    vectors.set(0, pooling.vector(found));
    return { rows: 1, vectors, method: `one embedding of ${steps.length} frames`, count: steps.length };
  }
  const seen = await runFrames(
    model,
    layout,
    processor,
    frames,
    { output: output.name, read: (found) => pooling.vector(found), known },
    context,
  );
  seen.forEach(({ step, key }, at) => vectors.set(frames.level === "step" ? step! : at, known.get(key)!));
  return {
    rows: frames.rows,
    vectors,
    method: frames.level === "step" ? "one row a step" : "one row a frame",
    count: seen.length,
  };
}

/**
 * Embeddings of the pictures that a trajectory shows: a row a step (NaN for steps without a picture), a row a frame of a
 * video, or one row of a whole clip. Of image-text models also the embeddings of the texts that are declared by name.
 */
export const imageEmbeddings: Scorer = async (model, trajectories, context) => {
  const layout = pixelLayout(model.session.inputs)!;
  const prepared: Prepared = {
    layout,
    processor: await loadPictureProcessor(model.files, layout, false),
    output: outputOf(model),
    pooling: poolingOf(model, layout),
    known: new Map(),
  };
  const lens = model.files.config?.trajectory_lens;
  const texts = await textEmbeddings(model, layout, prepared.processor, context.companion);
  const arrays: ScoreArray[] = [];
  const failures: { trajectoryId: string; message: string }[] = [];
  let tokens = 0;
  for (const [index, trajectory] of trajectories.entries()) {
    try {
      const frames = await framesOf(trajectory, {
        folders: mediaFolders(trajectory, context.mediaRoots),
        most: layout.frames ?? lens?.frames,
        signal: context.signal,
      });
      const { rows, vectors, method, count } = await embedded(model, prepared, frames, context);
      const base = {
        trajectoryId: trajectory.id,
        modelPath: model.files.path,
        modelKind: "embedding" as const,
        provider: model.session.provider,
      };
      arrays.push({
        ...base,
        name: "embeddings",
        level: rows === 1 && readsClips(layout) ? "trajectory" : "step",
        rows,
        ...tableOf(rows, vectors),
        method: `${prepared.output.name}, ${prepared.pooling.how}${method}; ${frames.method}; ${prepared.processor.method}`,
      });
      arrays.push(...(await texts(trajectory)).map((table) => ({ ...base, ...table })));
      tokens += count;
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
    context.onProgress(index + 1, `${tokens.toLocaleString("en")} pictures`);
  }
  return { series: [], arrays, failures, tokens };
};

/** True for models whose `score` looks at pictures. */
export const readsPictures = (model: LoadedModel): boolean => pixelLayout(model.session.inputs) !== undefined;
