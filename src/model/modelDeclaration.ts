import type { ModelKind, Provider } from "./score";

/** What to do with a text longer than a model's context. Nothing is ever cut without being said in the result. */
export type ContextPolicy =
  /** The trajectory is not scored, and the result says why. */
  | "refuse"
  /** The beginning is left out; what was left out has no numbers, and the result says how much it was. */
  | "truncate-head"
  /** Overlapping windows (policies). */
  | "slide";

/** How a server is spoken to. */
export type ServerApi =
  /** `/v1/completions` with `echo` and `logprobs`, `/v1/chat/completions` (vLLM, SGLang, llama.cpp, Ollama, OpenAI). */
  | "openai"
  /** vLLM `/score`: texts in pairs. */
  | "vllm-score"
  /** vLLM `/pooling`: rewards or embeddings of texts. */
  | "vllm-pooling"
  /** vLLM `/classify`. */
  | "vllm-classify"
  /** SGLang's own `/classify`: the output of a reward model. */
  | "sglang-classify"
  /** KServe v2 REST, as Triton serves ONNX models. */
  | "kserve"
  /** The language models of the editor itself (judges only). */
  | "vscode";

/** Defaults of generation with a model. */
export interface GenerationDefaults {
  readonly count?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxNewTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
}

/** One entry of the setting `trajectoryLens.models`: where a model is and how it is to be read. */
export interface ModelDeclaration {
  /** Name in lists; default: the folder's or file's name, or the server's model. */
  readonly name?: string;
  /** Folder in the Hugging Face layout or .onnx file. Either this or `url`. */
  readonly path?: string;
  /** Base address of a server, for example http://localhost:8000/v1. */
  readonly url?: string;
  readonly api?: ServerApi;
  /** Name of the model at the server (or family of the editor's language model). */
  readonly model?: string;
  readonly kind?: ModelKind;
  /** Folder with tokenizer.json, where the model's own folder has none; for servers: renders chats as the model reads them. */
  readonly tokenizer?: string;
  /** Text that ended a step in training. */
  readonly stepSeparator?: string;
  /** Tokens for a good and a bad step of a process reward model that answers in its vocabulary, for example ["+", "-"]. */
  readonly stepLabels?: readonly [good: string, bad: string];
  /** Where a process reward model's scores are read: at the token that ends a step (or at `stepSeparator`), or everywhere. */
  readonly stepMarks?: "step-end" | "token";
  /** Name of the output that holds the score. */
  readonly output?: string;
  readonly activation?: "none" | "sigmoid" | "softmax";
  /** How token embeddings become one; default: what the folder's 1_Pooling/config.json says, else mean. */
  readonly pooling?: "mean" | "cls" | "last" | "max";
  /** Scale embeddings to length 1. */
  readonly normalise?: boolean;
  /** Most frames of a video that a model of pictures reads; default: one a step of a recorded episode, else 64. */
  readonly frames?: number;
  /** Texts whose embeddings an image-text model gives, by the name under which signals look for them. */
  readonly texts?: Readonly<Record<string, readonly string[]>>;
  /** Text of a preference model's input, with {prompt}, {a} and {b}. */
  readonly pairTemplate?: string;
  readonly context?: ContextPolicy;
  /** Longest input in tokens, where the model's files do not say. */
  readonly contextLength?: number;
  readonly provider?: Provider | "auto";
  /** Load the model although it does not seem to fit into memory. */
  readonly ignoreMemory?: boolean;
  readonly generation?: GenerationDefaults;
  /** Prices in the user's currency per million tokens, for the estimate before a large run on a server. */
  readonly pricePerMillion?: { readonly input: number; readonly output: number };
}
