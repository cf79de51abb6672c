import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ImageProcessor, RawImage } from "@huggingface/transformers";
import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { ModelFiles } from "../modelFolder";
import { firstLine, onnxRuntime } from "../runtime";
import type { Picture } from "./decodePicture";
import { MOST_PIXELS } from "./pictureHeader";
import { resizePicture, type Resampling } from "./resample";

/** One picture as a model reads it, [channels, height, width]. */
export interface PixelValues {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** Turns pictures into a model's pixel values. */
export interface PictureProcessor {
  /** How, in a few words, for `ScoreArray.method`. */
  readonly method: string;
  /** @throws Failure when the folder's settings cannot be followed */
  pixels(picture: Picture): Promise<PixelValues>;
}

/** What a model's input asks for; undefined = whatever the processor makes. */
export interface PixelShape {
  readonly channels?: number | undefined;
  readonly height?: number | undefined;
  readonly width?: number | undefined;
}

/** Processors whose whole number of `size` means the shorter side; for the others it is both sides. */
const SHORTER_SIDE =
  /^(?:CLIP|ChineseCLIP|Bit|ConvNext|Levit|LlavaNext|MobileNetV[12]|MobileViT|OwlViT|PoolFormer|VideoMAE|Vivit)/;

const configSchema = v.looseObject({
  image_processor_type: v.optional(v.string()),
  feature_extractor_type: v.optional(v.string()),
  size: v.optional(v.unknown()),
  image_mean: v.optional(v.unknown()),
  image_std: v.optional(v.unknown()),
  do_normalize: v.optional(v.boolean()),
});

/** preprocessor_config.json beside the model, or the picture's part of processor_config.json; undefined without either. */
function readConfig(files: ModelFiles): { config: Record<string, unknown>; path: string } | undefined {
  const places = [files.folder, dirname(files.onnxPath), dirname(dirname(files.onnxPath))];
  for (const place of new Set(places.filter((folder) => folder !== undefined))) {
    for (const [name, part] of [
      ["preprocessor_config.json", undefined],
      ["processor_config.json", "image_processor"],
    ] as const) {
      const path = join(place, name);
      if (!existsSync(path)) continue;
      const bad = (why: string): Failure =>
        new Failure("bad-model-config", `${path} cannot be used: ${why}.`, "Export the model folder again.");
      let json: unknown;
      try {
        json = JSON.parse(readFileSync(path, "utf8"));
      } catch {
        throw bad("it is not valid JSON");
      }
      const inner = part === undefined ? json : (json as Record<string, unknown> | null)?.[part];
      if (inner === undefined) continue;
      const parsed = v.safeParse(configSchema, inner);
      if (!parsed.success)
        throw bad(`${v.getDotPath(parsed.issues[0]) ?? "the document"}: ${parsed.issues[0].message}`);
      return { config: parsed.output, path };
    }
  }
  return undefined;
}

/** The settings as the current processors read them: older files leave out what their class says by itself. */
function current(config: Record<string, unknown>): Record<string, unknown> {
  const type = String(config["image_processor_type"] ?? config["feature_extractor_type"] ?? "");
  const { size, image_mean: mean, image_std: std } = config;
  const sides =
    typeof size !== "number"
      ? size
      : SHORTER_SIDE.test(type)
        ? { shortest_edge: size }
        : { height: size, width: size };
  const three = (value: unknown): unknown =>
    Array.isArray(value) && value.length === 1 ? [value[0], value[0], value[0]] : value;
  return {
    ...config,
    ...(sides === undefined ? {} : { size: sides }),
    ...(mean === undefined ? {} : { image_mean: three(mean), image_std: three(std) }),
    do_normalize: config["do_normalize"] ?? mean !== undefined,
    // Pictures are unpacked as red, green and blue; one channel is taken in the end.
    do_convert_rgb: true,
  };
}

/** The library's picture with Pillow's resizing and torchvision's cropping in place of those of sharp. */
async function pictureClass() {
  await onnxRuntime();
  const library = await import("@huggingface/transformers");
  const checked = (width: number, height: number): [number, number] => {
    const sides: [number, number] = [Math.round(width), Math.round(height)];
    if (!(sides[0] >= 1 && sides[1] >= 1 && sides[0] * sides[1] <= MOST_PIXELS))
      throw new Error(`it asks for pictures of ${width} by ${height} pixels`);
    return sides;
  };
  class UprightPicture extends library.RawImage {
    override async resize(
      width: number,
      height: number,
      { resample = 2 }: { resample?: unknown } = {},
    ): Promise<RawImage> {
      const [columns, rows] = checked(width, height);
      if (!(typeof resample === "number" && Number.isInteger(resample) && resample >= 0 && resample <= 5))
        throw new Error(`it names the unknown filter ${String(resample)}`);
      const source = { width: this.width, height: this.height, data: this.data as Uint8Array };
      const resized = resizePicture(source, columns, rows, resample as Resampling);
      return new UprightPicture(resized.data, columns, rows, 3);
    }

    /** A window of another size whose corner is at (left, top); what lies outside is black. */
    private window(left: number, top: number, width: number, height: number): RawImage {
      const [columns, rows] = checked(width, height);
      const data = new Uint8Array(columns * rows * 3);
      const first = Math.max(0, -left);
      const count = Math.min(columns, this.width - left) - first;
      for (let row = Math.max(0, -top); row < Math.min(rows, this.height - top) && count > 0; row++) {
        const from = ((row + top) * this.width + left + first) * 3;
        data.set(this.data.subarray(from, from + count * 3), (row * columns + first) * 3);
      }
      return new UprightPicture(data, columns, rows, 3);
    }

    override async center_crop(width: number, height: number): Promise<RawImage> {
      const [left, top] = [Math.floor((this.width - width) / 2), Math.floor((this.height - height) / 2)];
      return this.window(left, top, width, height);
    }

    override async crop([left, top, right, bottom]: [number, number, number, number]): Promise<RawImage> {
      return this.window(left, top, right - left + 1, bottom - top + 1);
    }
  }
  return { library, UprightPicture };
}

/** One channel of a picture of which only brightness counts, as Pillow's `convert("L")` weighs the colours. */
function grey({ width, height, data }: Picture): Picture {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3)
    out.fill((data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 0x8000) >> 16, i, i + 3);
  return { width, height, data: out };
}

/**
 * The processor that a model folder describes (preprocessor_config.json), or for models that have none, the plain layout:
 * resized to the input's own size, red, green and blue in 0..1.
 * @param plain whether a model without a description is read in the plain layout; else it is refused
 * @throws Failure `missing-processor` or `bad-model-config`
 */
export async function loadPictureProcessor(
  files: ModelFiles,
  shape: PixelShape,
  plain: boolean,
): Promise<PictureProcessor> {
  const found = readConfig(files);
  if (found === undefined && !plain)
    throw new Failure(
      "missing-processor",
      `${files.name} has no preprocessor_config.json, so it is not known how pictures become its input.`,
      "Copy preprocessor_config.json from the model's own folder beside the ONNX file.",
    );
  if (found === undefined && (shape.height === undefined || shape.width === undefined))
    throw new Failure(
      "missing-processor",
      `${files.name} has neither a preprocessor_config.json nor a fixed height and width, so it is not known what size pictures must have.`,
      "Put preprocessor_config.json beside the ONNX file, or export it with a fixed picture size.",
    );
  const { library, UprightPicture } = await pictureClass();
  const where = found?.path ?? files.name;
  const config = current(found?.config ?? { size: { height: shape.height, width: shape.width } });
  const type = String(config["image_processor_type"] ?? config["feature_extractor_type"] ?? "");
  const named = (library as unknown as Record<string, unknown>)[type.replace(/Fast$/, "")];
  const Processor = (typeof named === "function" ? named : library.ImageProcessor) as typeof ImageProcessor;
  const bad = (why: string): Failure =>
    new Failure("bad-model-config", `${where} cannot be followed: ${why}.`, "Export the model folder again.");
  let processor: ImageProcessor;
  try {
    processor = new Processor(config as ConstructorParameters<typeof ImageProcessor>[0]);
  } catch (error) {
    throw bad(firstLine(error));
  }
  const single = shape.channels === 1;
  return {
    method:
      found === undefined
        ? `pictures of ${shape.width} by ${shape.height} in 0..1 (no preprocessor_config.json)`
        : `pictures as ${type || "preprocessor_config.json"} prepares them`,
    async pixels(picture) {
      const { width, height, data } = single ? grey(picture) : picture;
      let result: { readonly pixel_values?: { readonly dims: readonly number[]; readonly data: unknown } };
      try {
        result = (await processor(new UprightPicture(data, width, height, 3))) as typeof result;
      } catch (error) {
        throw bad(firstLine(error));
      }
      const values = result.pixel_values;
      if (values?.dims.length !== 4 || values.dims[0] !== 1 || !(values.data instanceof Float32Array))
        throw bad(`${type} does not make one block of [channels, height, width] of a picture`);
      const [, channels, rows, columns] = values.dims as [number, number, number, number];
      const plane = rows * columns;
      return single
        ? { channels: 1, height: rows, width: columns, data: values.data.slice(0, plane) }
        : { channels, height: rows, width: columns, data: values.data };
    },
  };
}
