import type { ModelDeclaration } from "./modelDeclaration";

/** What a model is, as far as scoring goes. */
export type ModelKind =
  | "process-reward"
  | "scalar-reward"
  | "policy-lm"
  | "policy-discrete"
  | "policy-gaussian"
  | "value"
  | "transition-reward"
  | "preference-pair"
  | "embedding"
  | "encoder"
  | "autoencoder"
  | "inverse-dynamics"
  | "dynamics-ensemble"
  | "flow"
  | "video-reward"
  | "judge"
  | "unknown";

/** Where a model runs: an execution provider of onnxruntime, or a server that the user named. */
export type Provider = "cuda" | "webgpu" | "dml" | "coreml" | "cpu" | "remote";

/** A model found in the workspace or declared in settings. */
export interface ModelInfo {
  /** Absolute path of the folder or .onnx file. */
  readonly path: string;
  readonly name: string;
  readonly kind: ModelKind;
  readonly layout: "huggingface-folder" | "onnx-file" | "server";
  readonly bytes: number;
  /** Absolute paths of the files beside the .onnx file that hold its weights. */
  readonly weightFiles?: readonly string[];
  /** One sentence that says what is wrong, when the model cannot be used. */
  readonly problem?: string;
  /** What the user's settings say about it; absent for models that were only found. */
  readonly declaration?: ModelDeclaration;
  /** Inputs and outputs as the graph declares them: name, type, shape. */
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
}

/** A table of numbers that a model produced for one trajectory, row-major: hidden states, embeddings, alternatives. */
export interface ScoreArray {
  readonly trajectoryId: string;
  /** "hidden_states", "embeddings", "topk_id", "topk_logprob", or the model's own name of the output. */
  readonly name: string;
  /** What a row stands for. */
  readonly level: SeriesLevel;
  readonly rows: number;
  readonly width: number;
  readonly data: Float32Array | Float64Array;
  /** For hidden states: 0 = the embedding layer. */
  readonly layer?: number;
  /** Texts aligned with `data`, for example of the alternatives. */
  readonly labels?: readonly string[];
  readonly modelPath: string;
  readonly modelKind: ModelKind;
  readonly provider: Provider;
  readonly method: string;
}

export type SeriesLevel = "token" | "step" | "trajectory";

/** One series of numbers that a model produced for one trajectory. */
export interface ScoreSeries {
  readonly trajectoryId: string;
  /** Name of the quantity: "reward", "value", "logprob", "entropy", ... */
  readonly name: string;
  readonly level: SeriesLevel;
  readonly unit: string;
  /** Aligned with the trajectory's steps or with `tokenText`; NaN = no score there (for example the prompt). */
  readonly values: Float64Array;
  /** For token series: the model's own tokens, in order. */
  readonly tokenText?: readonly string[];
  readonly modelPath: string;
  readonly modelKind: ModelKind;
  readonly provider: Provider;
  /** How the numbers came about, in one line (activation, alignment, truncation). */
  readonly method: string;
}

/** What a scoring call cost. */
export interface ScoreReport {
  readonly provider: Provider;
  readonly modelPath: string;
  readonly modelKind: ModelKind;
  readonly trajectories: number;
  readonly tokens: number;
  /** Wall time in seconds inside the inference process, model load not included. */
  readonly seconds: number;
  /** Processor time of all threads over the same stretch, where the model ran on this machine. */
  readonly processorSeconds?: number;
  readonly loadSeconds: number;
  /** Trajectories answered from the cache. */
  readonly cached: number;
  readonly series: readonly ScoreSeries[];
  /** Tables beside the series; absent where the model gave none. */
  readonly arrays?: readonly ScoreArray[];
  /** Trajectories that could not be scored, each with one sentence. */
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}
