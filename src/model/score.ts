/** What a model is, as far as scoring goes. */
export type ModelKind =
  | "process-reward"
  | "scalar-reward"
  | "policy-lm"
  | "policy-discrete"
  | "policy-gaussian"
  | "value"
  | "transition-reward"
  | "unknown";

/** Execution providers of onnxruntime that can be asked for. */
export type Provider = "cuda" | "webgpu" | "dml" | "coreml" | "cpu";

/** A model found in the workspace or declared in settings. */
export interface ModelInfo {
  /** Absolute path of the folder or .onnx file. */
  readonly path: string;
  readonly name: string;
  readonly kind: ModelKind;
  readonly layout: "huggingface-folder" | "onnx-file";
  readonly bytes: number;
  /** One sentence that says what is wrong, when the model cannot be used. */
  readonly problem?: string;
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
  readonly loadSeconds: number;
  /** Trajectories answered from the cache. */
  readonly cached: number;
  readonly series: readonly ScoreSeries[];
  /** Trajectories that could not be scored, each with one sentence. */
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}
