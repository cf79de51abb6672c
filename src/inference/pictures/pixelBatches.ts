import type { Tensor } from "onnxruntime-node";
import { Failure } from "../../model/failure";
import { breathe } from "../breathe";
import type { LoadedModel } from "../loadedModel";
import type { ScoreContext } from "../scorer";
import { asFloats, tensorOf } from "../tensors";
import type { PictureProcessor, PixelValues } from "./pictureProcessor";
import { pixelTensor, type PixelLayout } from "./pixelInputs";
import { evenFrames } from "./videoFrames";
import type { Frame, Frames } from "./trajectoryFrames";

/** Pictures of one run. */
const BATCH = 8;
/** Pixel values of one clip at most, in numbers: 256 frames of 224 by 224. */
const MOST_CLIP_VALUES = 40_000_000;

/** What a model gave for one picture or clip. */
export interface PixelOutput {
  readonly data: Float64Array;
  /** Shape without the batch. */
  readonly dims: readonly number[];
}

/** Inputs beside the pictures (the texts of an image-text model), the same in every run. */
export type FurtherFeeds = (rows: number) => Readonly<Record<string, Tensor>>;

/**
 * An image-text model wants texts as well, even where only the output of its picture side is asked for: two tokens of
 * padding, on which that output does not depend.
 */
function blankTexts(model: LoadedModel): FurtherFeeds {
  const texts = model.session.inputs.filter(({ name }) =>
    /^(?:input_ids|attention_mask|token_type_ids|position_ids)$/.test(name),
  );
  return (rows) =>
    Object.fromEntries(
      texts.map((spec) => {
        const width = typeof spec.shape[1] === "number" ? spec.shape[1] : 2;
        const values = new Float64Array(rows * width).fill(spec.name === "attention_mask" ? 1 : 0);
        return [spec.name, tensorOf(model.session.runtime, spec.type, values, [rows, width]) as Tensor];
      }),
    );
}

/** Runs one batch of clips and takes the output apart again. */
async function runBatch(
  model: LoadedModel,
  layout: PixelLayout,
  clips: readonly (readonly PixelValues[])[],
  output: string,
  further: FurtherFeeds,
): Promise<PixelOutput[]> {
  const fixed = layout.spec.shape[0];
  const rows = typeof fixed === "number" && fixed > clips.length ? fixed : clips.length;
  // A fixed batch size is filled up by repeating the last row; what comes back for it is dropped.
  const filled = Array.from({ length: rows }, (_, i) => clips[Math.min(i, clips.length - 1)]!);
  const outputs = await model.session.run(
    { ...further(rows), [layout.spec.name]: pixelTensor(model, layout, filled) },
    [output],
  );
  const tensor = outputs[output]!;
  const values = asFloats(tensor);
  const size = values.length / rows;
  return clips.map((_, row) => ({
    data: Float64Array.from(values.subarray(row * size, (row + 1) * size)),
    dims: tensor.dims[0] === rows ? tensor.dims.slice(1) : tensor.dims,
  }));
}

/** What is wanted of each picture, and what is known by the frames' keys already; equal pictures are run once. */
export interface FrameResults<T> {
  readonly output: string;
  /** The part of an output that is kept: states of all patches of all pictures would fill the memory. */
  read(output: PixelOutput): T;
  readonly known: Map<string, T>;
}

/** Runs a model of single pictures over frames. @returns the frames in order; their results are in `known` */
export async function runFrames<T>(
  model: LoadedModel,
  layout: PixelLayout,
  processor: PictureProcessor,
  frames: Frames,
  { output, read, known }: FrameResults<T>,
  context: ScoreContext,
): Promise<readonly { readonly step: number | undefined; readonly key: string }[]> {
  const seen: { step: number | undefined; key: string }[] = [];
  const fixed = layout.spec.shape[0];
  const most = typeof fixed === "number" ? fixed : BATCH;
  const further = blankTexts(model);
  let waiting: { key: string; pixels: PixelValues }[] = [];
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    await breathe(context.signal);
    const found = await runBatch(
      model,
      layout,
      waiting.map(({ pixels }) => [pixels]),
      output,
      further,
    );
    waiting.forEach(({ key }, i) => known.set(key, read(found[i]!)));
    waiting = [];
  };
  for await (const frame of frames.frames) {
    seen.push({ step: frame.step, key: frame.key });
    if (known.has(frame.key) || waiting.some(({ key }) => key === frame.key)) continue;
    const pixels = await processor.pixels(await frame.read());
    // Processors that keep the aspect ratio give pictures of several sizes, which share no batch.
    if (waiting.length > 0 && waiting[0]!.pixels.data.length !== pixels.data.length) await flush();
    waiting.push({ key: frame.key, pixels });
    if (waiting.length >= most) await flush();
  }
  await flush();
  return seen;
}

/**
 * Runs a model of clips over all frames at once; where the model fixes the length of a clip, over as many, evenly taken.
 * @throws Failure `too-long` or `too-short`
 */
export async function runClip(
  model: LoadedModel,
  layout: PixelLayout,
  processor: PictureProcessor,
  frames: Frames,
  output: string,
  context: ScoreContext,
): Promise<{ readonly output: PixelOutput; readonly steps: readonly (number | undefined)[] }> {
  const kept: { step: number | undefined; pixels: PixelValues }[] = [];
  const add = async (frame: Frame): Promise<void> => {
    const pixels = await processor.pixels(await frame.read());
    if ((kept.length + 1) * pixels.data.length > MOST_CLIP_VALUES)
      throw new Failure(
        "too-long",
        `A clip of more than ${kept.length} frames of ${pixels.width} by ${pixels.height} is too large for ${model.files.name} to read at once.`,
        "Declare fewer frames for the model (frames).",
      );
    kept.push({ step: frame.step, pixels });
  };
  // Frames of files are read only when they are taken; those of a video come with the right number already.
  const listed: Frame[] = [];
  if (frames.level === "step" && layout.frames !== undefined)
    for await (const frame of frames.frames) listed.push(frame);
  if (listed.length > 0) for (const at of evenFrames(listed.length, layout.frames!)) await add(listed[at]!);
  else for await (const frame of frames.frames) await add(frame);
  const wanted = layout.frames;
  if (kept.length === 0 || (wanted !== undefined && kept.length < wanted))
    throw new Failure(
      "too-short",
      `${model.files.name} takes clips of ${wanted ?? 1} frames; the trajectory shows ${kept.length}.`,
      "Choose a longer trajectory.",
    );
  await breathe(context.signal);
  const [found] = await runBatch(
    model,
    layout,
    [kept.map(({ pixels }) => pixels)],
    output,
    blankTexts(model),
  );
  return { output: found!, steps: kept.map(({ step }) => step) };
}
