import { Failure } from "../model/failure";
import type { ModelInfo, ModelKind, Provider } from "../model/score";
import type { ModelDeclaration } from "../model/modelDeclaration";
import { locateModel, tokenizerFolder, withDeclaration, type ModelFiles, weightFiles } from "./modelFolder";
import { isTextKind, kindOf } from "./modelKind";
import { pixelLayout } from "./pictures/pixelInputs";
import { ModelSession } from "./session";
import { specText, type TensorSpec } from "./tensors";
import { loadTokenizer, type TextTokenizer } from "./tokenizing";

/** A model in memory, ready to run. */
export interface LoadedModel {
  readonly files: ModelFiles;
  readonly kind: ModelKind;
  readonly session: ModelSession;
  readonly loadSeconds: number;
  /** The tokenizer, loaded at first use. @throws Failure when the folder has none that can be read */
  tokenizer(): Promise<TextTokenizer>;
}

export type Inspection = ModelInfo & {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
};

/** Bytes that weights take while a session is built, over their size on disk. */
const LOAD_FACTOR = 1.2;

/**
 * Refuses a model that cannot fit, before the system starts to swap or ends the process.
 * @throws Failure `model-too-large`, naming what is needed and what is free
 */
function checkMemory(files: ModelFiles, available: number | undefined = freeMemory()): void {
  if (files.config?.trajectory_lens?.ignore_memory === true) return;
  const needed = files.onnx.bytes * LOAD_FACTOR;
  if (available === undefined || needed <= available) return;
  const mebibytes = (bytes: number): string => Math.round(bytes / 2 ** 20).toLocaleString("en");
  const external = files.onnx.externalFiles.length;
  throw new Failure(
    "model-too-large",
    `${files.name} needs about ${mebibytes(needed)} MiB of memory (its file${external > 0 ? " and weight files" : ""} hold ${mebibytes(files.onnx.bytes)} MiB) and ${mebibytes(available)} MiB are free.`,
    "Close other programs, use a quantised export, or set ignoreMemory for it in trajectoryLens.models.",
  );
}

/**
 * Bytes that this process may still take, within the limits of its container; undefined where that is not known.
 * TRAJECTORY_LENS_MEMORY_MIB sets a lower bound on what models may use.
 */
function freeMemory(): number | undefined {
  const available = (process as { availableMemory?: () => number }).availableMemory?.();
  const limit = Number(process.env["TRAJECTORY_LENS_MEMORY_MIB"]) * 2 ** 20;
  return limit > 0 ? Math.min(limit, available ?? Infinity) : available;
}

/** Times the weights that loading a model changed in memory takes: its bytes, the library's copy, the session. */
const BRANCHING_LOAD_FACTOR = 4;

/** Measured on the CPU; a file that is changed in memory is held there once more while it is loaded. */
const mayBranch = (files: ModelFiles, provider: Provider): boolean =>
  provider === "cpu" && files.onnx.bytes * BRANCHING_LOAD_FACTOR <= (freeMemory() ?? 0);

/** One sentence, when a text model lacks its tokenizer. Models of pictures need one only for declared texts. */
function tokenizerProblem(
  files: ModelFiles,
  kind: ModelKind,
  inputs: readonly TensorSpec[],
): string | undefined {
  const { texts } = files.config?.trajectory_lens ?? {};
  const readsText = isTextKind(kind) && (pixelLayout(inputs) === undefined || texts !== undefined);
  if (!readsText || tokenizerFolder(files) !== undefined) return undefined;
  return files.folder === undefined
    ? "It reads token ids, but there is no config.json with tokenizer files beside it."
    : `It reads token ids, but ${files.folder} has no tokenizer.json.`;
}

/**
 * Loads a model on one provider.
 * @param half true for the second half of a model, which need not be able to score alone
 * @throws Failure with one sentence when it cannot be used
 */
export async function loadModel(
  files: ModelFiles,
  provider: Provider,
  threads?: number,
  half = false,
): Promise<LoadedModel> {
  const started = performance.now();
  checkMemory(files);
  const session = await ModelSession.open(files.onnxPath, provider, threads, mayBranch(files, provider));
  const found = kindOf({
    config: files.config,
    metadata: files.onnx.metadata,
    inputs: session.inputs,
    outputs: session.outputs,
  });
  const problem = found.problem ?? tokenizerProblem(files, found.kind, session.inputs);
  if (problem !== undefined && !half) {
    await session.release();
    throw new Failure(
      "model-does-not-fit",
      `${files.name} (${files.onnxPath}) cannot score trajectories. ${problem}`,
      "Export the model with the expected inputs, or choose another model.",
    );
  }
  let tokenizer: Promise<TextTokenizer> | undefined;
  return {
    files,
    kind: found.kind,
    session,
    loadSeconds: (performance.now() - started) / 1000,
    tokenizer: () => (tokenizer ??= loadTokenizer(tokenizerFolder(files) ?? files.folder ?? files.path)),
  };
}

/**
 * Looks at a model without keeping it: what it is, what it takes, and in one sentence what is wrong with it.
 * Never throws for a model that is merely unusable.
 */
export async function inspectModel(path: string, declaration?: ModelDeclaration): Promise<Inspection> {
  let files: ModelFiles;
  try {
    files = withDeclaration(locateModel(path), declaration);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const name = declaration?.name ?? path.split(/[\\/]/).at(-1) ?? path;
    return {
      path,
      name,
      kind: "unknown",
      layout: path.endsWith(".onnx") ? "onnx-file" : "huggingface-folder",
      bytes: 0,
      problem: error.message,
      inputs: [],
      outputs: [],
    };
  }
  const base = {
    path,
    name: files.name,
    layout: files.layout,
    bytes: files.onnx.bytes,
    weightFiles: weightFiles(files),
  };
  try {
    checkMemory(files);
    const session = await ModelSession.open(files.onnxPath, "cpu", 1);
    await session.release();
    const found = kindOf({
      config: files.config,
      metadata: files.onnx.metadata,
      inputs: session.inputs,
      outputs: session.outputs,
    });
    const problem = found.problem ?? tokenizerProblem(files, found.kind, session.inputs);
    return {
      ...base,
      kind: found.kind,
      inputs: session.inputs.map(specText),
      outputs: session.outputs.map(specText),
      ...(problem === undefined ? {} : { problem }),
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...base, kind: "unknown", problem: error.message, inputs: [], outputs: [] };
  }
}
