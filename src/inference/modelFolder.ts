import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure } from "../model/failure";
import type { ModelDeclaration } from "../model/modelDeclaration";
import { readModelConfig, type ModelConfig } from "./modelConfig";
import { readOnnxFile, type OnnxFileFacts } from "./onnxFile";

/** Where the parts of a model lie, before anything is loaded. */
export interface ModelFiles {
  /** Path as the user gave it. */
  readonly path: string;
  readonly name: string;
  readonly layout: "huggingface-folder" | "onnx-file";
  readonly onnxPath: string;
  /** Folder with config.json and tokenizer files, for Hugging Face style models. */
  readonly folder?: string;
  /** Folder with tokenizer.json, where the user's settings name one. */
  readonly tokenizerFolder?: string;
  readonly config?: ModelConfig;
  readonly onnx: OnnxFileFacts;
}

/** File names that exporters use, the most exact weights first. */
const preferred = [
  "model.onnx",
  "decoder_model_merged.onnx",
  "model_fp16.onnx",
  "model_quantized.onnx",
  "model_int8.onnx",
  "model_q8.onnx",
  "model_uint8.onnx",
  "model_q4.onnx",
  "model_q4f16.onnx",
  "decoder_model.onnx",
  // Halves that are read first; what stands beside them is found from there.
  "vision_model.onnx",
  "encoder.onnx",
];

function onnxFileIn(folder: string): string | undefined {
  for (const place of [join(folder, "onnx"), folder]) {
    if (!existsSync(place)) continue;
    const files = readdirSync(place).filter((file) => file.endsWith(".onnx"));
    const best =
      preferred.find((file) => files.includes(file)) ?? (files.length === 1 ? files[0] : undefined);
    if (best !== undefined) return join(place, best);
    if (files.length > 1) {
      throw new Failure(
        "ambiguous-model",
        `${place} holds several ONNX files (${files.slice(0, 4).join(", ")}) and none of the usual names.`,
        "Choose one of the files instead of the folder.",
      );
    }
  }
  return undefined;
}

/** The Hugging Face folder that an .onnx file belongs to: its own folder, or the one above `onnx/`. */
function folderOf(onnxPath: string): string | undefined {
  const own = dirname(onnxPath);
  return [own, ...(basename(own) === "onnx" ? [dirname(own)] : [])].find((folder) =>
    existsSync(join(folder, "config.json")),
  );
}

/**
 * Finds the parts of a model at a folder or .onnx file.
 * @throws Failure saying what is missing or unreadable, and where
 */
export function locateModel(path: string): ModelFiles {
  if (!existsSync(path))
    throw new Failure(
      "unknown-path",
      `There is no model at ${path}.`,
      "Give a folder with config.json and an ONNX file, or an .onnx file.",
    );
  const isFolder = statSync(path).isDirectory();
  if (!isFolder && !path.endsWith(".onnx")) {
    throw new Failure(
      "not-a-model",
      `${path} is not an ONNX model.`,
      "Give a folder with config.json and an ONNX file, or an .onnx file.",
    );
  }
  const onnxPath = isFolder ? onnxFileIn(path) : path;
  if (onnxPath === undefined) {
    throw new Failure(
      "no-onnx-file",
      `${path} holds no ONNX file: expected onnx/model.onnx or model.onnx.`,
      "Export the model to ONNX (for example with torch.onnx or optimum) into that folder.",
    );
  }
  const folder = isFolder ? path : folderOf(path);
  const config = folder === undefined ? undefined : readModelConfig(folder);
  const onnx = readOnnxFile(onnxPath);
  const name = basename(path).replace(/\.onnx$/, "");
  const usesFolder = folder !== undefined && config !== undefined;
  return {
    path,
    name,
    layout: usesFolder ? "huggingface-folder" : "onnx-file",
    onnxPath,
    onnx,
    ...(folder === undefined ? {} : { folder }),
    ...(config === undefined ? {} : { config }),
  };
}

/**
 * The files with what the user's settings say about the model in place of what its own config.json says.
 * @throws Failure when the declared tokenizer folder is not there
 */
export function withDeclaration(files: ModelFiles, declaration: ModelDeclaration | undefined): ModelFiles {
  if (declaration === undefined) return files;
  const { tokenizer, contextLength: length } = declaration;
  if (tokenizer !== undefined && !existsSync(join(tokenizer, "tokenizer.json")))
    throw new Failure(
      "missing-tokenizer",
      `The tokenizer folder ${tokenizer} declared for ${files.name} has no tokenizer.json.`,
      "Correct it in the setting trajectoryLens.models.",
    );
  const lens = {
    ...files.config?.trajectory_lens,
    ...(declaration.kind === undefined ? {} : { kind: declaration.kind }),
    ...(declaration.stepSeparator === undefined ? {} : { step_separator: declaration.stepSeparator }),
    ...(declaration.stepLabels === undefined
      ? {}
      : { step_labels: [...declaration.stepLabels] as [string, string] }),
    ...(declaration.stepMarks === undefined ? {} : { level: declaration.stepMarks }),
    ...(declaration.output === undefined ? {} : { output: declaration.output }),
    ...(declaration.activation === undefined
      ? {}
      : { activation: declaration.activation, sigmoid_applied: undefined }),
    ...(declaration.pooling === undefined ? {} : { pooling: declaration.pooling }),
    ...(declaration.normalise === undefined ? {} : { normalise: declaration.normalise }),
    ...(declaration.pairTemplate === undefined ? {} : { pair_template: declaration.pairTemplate }),
    ...(declaration.context === undefined ? {} : { context: declaration.context }),
    ...(declaration.frames === undefined ? {} : { frames: declaration.frames }),
    ...(declaration.texts === undefined
      ? {}
      : {
          texts: Object.fromEntries(
            Object.entries(declaration.texts).map(([name, list]) => [name, [...list]]),
          ),
        }),
    ...(declaration.ignoreMemory === undefined ? {} : { ignore_memory: declaration.ignoreMemory }),
  };
  const ownConfig =
    files.config ?? (tokenizer === undefined ? undefined : (readModelConfig(tokenizer) ?? {}));
  return {
    ...files,
    ...(declaration.name === undefined ? {} : { name: declaration.name }),
    ...(tokenizer === undefined ? {} : { tokenizerFolder: tokenizer }),
    config: {
      ...ownConfig,
      ...(length === undefined ? {} : { max_position_embeddings: length }),
      trajectory_lens: lens,
    },
  };
}

/** Absolute paths of the files beside a model's .onnx file that hold its weights. */
export const weightFiles = ({ onnxPath, onnx }: ModelFiles): readonly string[] =>
  onnx.externalFiles.map((location) => join(dirname(onnxPath), location.replaceAll("\\", "/")));

/** What a model is made of: changes whenever its graph, weights, configuration or tokenizer do. */
export function filesStamp(files: ModelFiles): string {
  const folders = new Set([files.folder, files.tokenizerFolder].filter((folder) => folder !== undefined));
  const texts = [...folders].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /\.(json|jinja|model)$/.test(name))
      .map((name) => join(folder, name)),
  );
  return [files.onnxPath, ...weightFiles(files), ...texts]
    .map((file) => {
      const { size, mtimeMs } = statSync(file);
      return `${file} ${size} ${mtimeMs}`;
    })
    .join("\n");
}

/** The folder with the tokenizer that the model's texts go through; undefined when it has none. */
export function tokenizerFolder(files: ModelFiles): string | undefined {
  if (files.tokenizerFolder !== undefined) return files.tokenizerFolder;
  return files.folder !== undefined && hasTokenizer(files.folder) ? files.folder : undefined;
}

/** True when the folder holds a tokenizer that can be loaded without a network. */
const hasTokenizer = (folder: string): boolean => existsSync(join(folder, "tokenizer.json"));
