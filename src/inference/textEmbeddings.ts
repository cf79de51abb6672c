import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { ScoreArray } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { LoadedModel } from "./loadedModel";
import { padTokenId } from "./modelConfig";
import type { PictureProcessor } from "./pictures/pictureProcessor";
import { pixelTensor, type PixelLayout } from "./pictures/pixelInputs";
import { asFloats, tensorOf } from "./tensors";

/** A table of text embeddings without what all results of a trajectory share. */
export type TextTable = Pick<ScoreArray, "name" | "level" | "rows" | "width" | "data" | "method">;

/** Longest text of an image-text model, in tokens. */
function textLength(model: LoadedModel): number {
  const text = model.files.config?.text_config;
  return text?.max_position_embeddings ?? 77;
}

/** One text's ids: SigLIP was trained on texts padded to its full length, CLIP on texts as they are. */
async function idsOf(model: LoadedModel, text: string): Promise<number[]> {
  const tokenizer = await model.tokenizer();
  const ids = tokenizer.encode(text, true);
  const most = textLength(model);
  if (ids.length > most)
    throw new Failure(
      "text-too-long",
      `The text “${text.slice(0, 60)}…” has ${ids.length} tokens; ${model.files.name} reads ${most}.`,
      "Shorten it in the model's declaration (texts).",
    );
  if (!/^siglip/.test(model.files.config?.model_type ?? "")) return ids;
  const pad = padTokenId(model.files.config?.text_config) ?? padTokenId(model.files.config) ?? 1;
  return [...ids, ...new Array<number>(most - ids.length).fill(pad)];
}

/**
 * Embeddings of the texts that a declaration names (`texts`: goals, baselines, prompts), by an image-text model; `{prompt}`
 * stands for the trajectory's own. Signals find them as tables of the same names.
 * @param companion the text side, where it is a file of its own
 * @returns for a trajectory, its tables; equal texts are computed once
 * @throws Failure when texts are declared and the model has no text side
 */
export async function textEmbeddings(
  model: LoadedModel,
  layout: PixelLayout,
  processor: PictureProcessor,
  companion?: LoadedModel,
): Promise<(trajectory: Trajectory) => Promise<readonly TextTable[]>> {
  const declared = Object.entries(model.files.config?.trajectory_lens?.texts ?? {});
  if (declared.length === 0) return () => Promise.resolve([]);
  const side = companion ?? model;
  const output = ["text_embeds", "text_embeddings", "pooler_output"]
    .map((name) => side.session.output(name))
    .find((spec) => spec !== undefined);
  const { inputs } = side.session;
  if (!output || !inputs.some(({ name }) => name === "input_ids"))
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} has no text side (input_ids and text_embeds), so the texts ${declared.map(([name]) => name).join(", ")} cannot be embedded.`,
      "Export the whole image-text model, with both sides in one ONNX file or as vision_model.onnx and text_model.onnx.",
    );
  const pixels = Math.max(1, layout.height ?? layout.width ?? 224);
  const black = await processor.pixels({
    width: pixels,
    height: pixels,
    data: new Uint8Array(pixels * pixels * 3),
  });
  const known = new Map<string, Float64Array>();
  const embed = async (text: string): Promise<Float64Array> => {
    const found = known.get(text);
    if (found) return found;
    const ids = await idsOf(model, text);
    const feeds: Record<string, Tensor> = {};
    for (const { name, type } of inputs) {
      if (name === layout.spec.name) {
        feeds[name] = pixelTensor(model, layout, [[black]]);
        continue;
      }
      const values =
        name === "input_ids" ? ids : name === "position_ids" ? ids.map((_, i) => i) : ids.map(() => 1);
      const own = name === "token_type_ids" ? ids.map(() => 0) : values;
      feeds[name] = tensorOf(side.session.runtime, type, own, [1, ids.length]) as Tensor;
    }
    const vector = Float64Array.from(asFloats((await side.session.run(feeds, [output.name]))[output.name]!));
    if (vector.some(Number.isNaN))
      throw new Failure(
        "nan-output",
        `${model.files.name} returned NaN for the text “${text.slice(0, 60)}”.`,
        "Check the model's weights.",
      );
    known.set(text, vector);
    return vector;
  };
  return async (trajectory) => {
    const tables: TextTable[] = [];
    for (const [name, texts] of declared) {
      const { prompt } = trajectory.task;
      if (prompt === undefined && texts.some((text) => text.includes("{prompt}"))) continue;
      const vectors: Float64Array[] = [];
      for (const text of texts) vectors.push(await embed(text.replaceAll("{prompt}", () => prompt ?? "")));
      const width = vectors[0]?.length ?? 0;
      const data = new Float64Array(vectors.length * width);
      vectors.forEach((vector, row) => data.set(vector, row * width));
      const method = `${output.name} of ${texts.length === 1 ? "the declared text" : `${texts.length} declared texts`}`;
      tables.push({ name, level: "trajectory", rows: vectors.length, width, data, method });
    }
    return tables;
  };
}
