import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LoadedModel } from "./loadedModel";
import { pixelLayout } from "./pictures/pixelInputs";

/**
 * The other half of a model that was exported as two files: `decoder.onnx` beside `encoder.onnx`, `text_model.onnx` beside
 * `vision_model.onnx` where texts are declared. Only for models given as a folder, so that the folder's hash covers both.
 * @returns path of the second file; undefined where there is none or it is not needed
 */
export function companionOf({ files, kind, session }: LoadedModel): string | undefined {
  if (files.folder === undefined || files.folder !== files.path) return undefined;
  const reads = session.input("input_ids") === undefined && pixelLayout(session.inputs) !== undefined;
  const names =
    kind === "encoder"
      ? ["decoder.onnx", "decoder_model.onnx"]
      : kind === "embedding" && reads && files.config?.trajectory_lens?.texts !== undefined
        ? ["text_model.onnx"]
        : [];
  return names
    .map((name) => join(dirname(files.onnxPath), name))
    .find((path) => path !== files.onnxPath && existsSync(path));
}
