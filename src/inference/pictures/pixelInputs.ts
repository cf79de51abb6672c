import type { Tensor } from "onnxruntime-node";
import { Failure } from "../../model/failure";
import type { LoadedModel } from "../loadedModel";
import { named } from "../modelKind";
import { specText, tensorOf, type TensorSpec } from "../tensors";
import type { PixelShape, PixelValues } from "./pictureProcessor";

/** Where a model's input has its batch, its time and its picture. */
export interface PixelLayout extends PixelShape {
  readonly spec: TensorSpec;
  /** Order of the dimensions behind the batch. */
  readonly order: "CHW" | "HWC" | "TCHW" | "CTHW" | "THWC";
  /** Frames of a clip where the input fixes them; undefined = free, or no clip at all. */
  readonly frames: number | undefined;
}

const isChannels = (size: number | string | undefined): boolean => size === 1 || size === 3;
const fixed = (size: number | string | undefined): number | undefined =>
  typeof size === "number" && size > 0 ? size : undefined;

/** True for models that read whole clips. */
export const readsClips = ({ order }: PixelLayout): boolean => order.includes("T");

function orderOf(shape: readonly (number | string)[]): PixelLayout["order"] | undefined {
  const [, first, second, , last] = shape;
  if (shape.length === 4) return !isChannels(first) && isChannels(shape[3]) ? "HWC" : "CHW";
  if (shape.length !== 5) return undefined;
  if (isChannels(second)) return "TCHW";
  if (isChannels(first)) return "CTHW";
  return isChannels(last) ? "THWC" : "TCHW";
}

/**
 * The input of a model that takes pictures, told by its name (or by being the only one) and its 4 or 5 dimensions with the
 * batch.
 * @param alias "observation" for models of states, which may be pictures as well
 */
export function pixelLayout(
  inputs: readonly TensorSpec[],
  alias: "pixels" | "observation" = "pixels",
): PixelLayout | undefined {
  const only = inputs.length === 1 ? inputs[0] : undefined;
  const spec = named(inputs, alias) ?? (alias === "pixels" ? (named(inputs, "frames") ?? only) : undefined);
  const order = spec && orderOf(spec.shape);
  if (!spec || !order) return undefined;
  const size = (letter: string): number | undefined => {
    const at = order.indexOf(letter);
    return at < 0 ? undefined : fixed(spec.shape[at + 1]);
  };
  return { spec, order, frames: size("T"), channels: size("C"), height: size("H"), width: size("W") };
}

/** A block [channels, height, width] as [height, width, channels]. */
function channelsLast({ channels, height, width, data }: PixelValues): Float32Array {
  const plane = height * width;
  const out = new Float32Array(data.length);
  for (let pixel = 0, to = 0; pixel < plane; pixel++)
    for (let channel = 0; channel < channels; channel++) out[to++] = data[channel * plane + pixel]!;
  return out;
}

/**
 * The tensor of a batch of clips (of one frame each for models of single pictures).
 * @throws Failure `shape-mismatch` when the processor makes other pictures than the input takes
 */
export function pixelTensor(
  model: LoadedModel,
  layout: PixelLayout,
  clips: readonly (readonly PixelValues[])[],
): Tensor {
  const { spec, order } = layout;
  const first = clips[0]![0]!;
  const { channels, height, width } = first;
  for (const block of clips.flat()) {
    const wrong =
      [layout.channels, layout.height, layout.width].some(
        (size, i) => size !== undefined && size !== [block.channels, block.height, block.width][i],
      ) || block.data.length !== first.data.length;
    if (wrong)
      throw new Failure(
        "shape-mismatch",
        `${model.files.name} takes ${specText(spec)}; its preprocessor makes pictures of ${block.channels} channels, ${block.height} by ${block.width}.`,
        "Use the preprocessor_config.json that belongs to the model, with a size that is the same for all pictures.",
      );
  }
  const time = clips[0]!.length;
  const size = first.data.length;
  const values = new Float32Array(clips.length * time * size);
  clips.forEach((clip, row) => {
    const start = row * time * size;
    if (order === "CTHW") {
      const plane = height * width;
      for (let channel = 0; channel < channels; channel++)
        clip.forEach(({ data }, t) =>
          values.set(
            data.subarray(channel * plane, (channel + 1) * plane),
            start + (channel * time + t) * plane,
          ),
        );
    } else
      clip.forEach((block, t) =>
        values.set(order === "HWC" || order === "THWC" ? channelsLast(block) : block.data, start + t * size),
      );
  });
  const sizes = { C: channels, H: height, W: width, T: time };
  const dims = [clips.length, ...[...order].map((letter) => sizes[letter as keyof typeof sizes])];
  return tensorOf(model.session.runtime, spec.type, values, dims) as Tensor;
}
