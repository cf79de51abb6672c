import type { JsonObject, JsonValue } from "./json";

/**
 * A number that a file may hold, may hold as `null`, or may not hold at all.
 * `undefined` = the file has no such field; `null` = the file says null; NaN = the file says NaN.
 * None of the three is ever turned into 0.
 */
export type Recorded = number | null | undefined;

/** Where one trajectory lies on disk. */
export interface SourceLocation {
  /** Absolute path of the file. */
  readonly path: string;
  /** Index of the record in the file, from 0: a JSONL line, a table row, an HDF5 group, 0 for a single JSON document. */
  readonly row: number;
  /** Index of the trajectory inside the record, from 0 (a packed sequence or a tree holds several). */
  readonly part: number;
  /** First byte of the record in the (uncompressed) file, for text containers. */
  readonly byteOffset?: number;
  /** Length of the record in bytes, without its line ending, for text containers. */
  readonly byteLength?: number;
  /** Name of a member inside the file, for archives and HDF5 (`episode_12`). */
  readonly member?: string;
}

/** Who speaks or acts in a step. */
export type StepRole = "system" | "user" | "assistant" | "tool" | "environment";

/** What a step is to a reader; only a hint for the step list. */
export type StepKind = "prompt" | "think" | "act" | "answer" | "observe";

export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  /** Arguments as the file has them: text, or parsed JSON. */
  readonly arguments: JsonValue;
}

/**
 * What an action or a label is about on a picture, in the coordinates of `MediaReference.frame`: a tap, the way of a swipe,
 * the box of an element.
 */
export type PictureMark = { readonly label?: string; readonly role?: "action" | "truth" } & (
  | { readonly kind: "point"; readonly x: number; readonly y: number }
  | {
      readonly kind: "arrow";
      readonly x0: number;
      readonly y0: number;
      readonly x1: number;
      readonly y1: number;
    }
  | {
      readonly kind: "box";
      readonly x0: number;
      readonly y0: number;
      readonly x1: number;
      readonly y1: number;
    }
);

/** A picture, video or other file that belongs to a step. The path is relative to the dataset's own folder. */
export interface MediaReference {
  readonly kind: "image" | "video" | "other";
  readonly path: string;
  readonly marks?: readonly PictureMark[];
  /** Size of the plane in which the marks are given; absent = the picture's own pixels. */
  readonly frame?: { readonly width: number; readonly height: number };
  /** Seconds of a video that belong to this trajectory, where a video holds several; absent = all of it. */
  readonly part?: { readonly from?: number; readonly to?: number };
}

/** One step of a trajectory: a turn, an action, or one line of a derivation. */
export interface Step {
  readonly index: number;
  readonly role: StepRole;
  readonly kind?: StepKind;
  /** What the policy saw, for agents and tools. */
  readonly observation?: string;
  readonly thought?: string;
  /** What the policy did or said; the main text of assistant steps. */
  readonly action?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly media?: readonly MediaReference[];
  readonly reward?: number | null;
  readonly value?: number | null;
  readonly advantage?: number | null;
  /** Sum of the log-probabilities of the step's tokens, in nats. */
  readonly logprob?: number | null;
  readonly terminated?: boolean;
  readonly truncated?: boolean;
  /** Tokens of this step: the half-open range [tokenStart, tokenEnd) into the trajectory's TokenColumns. */
  readonly tokenStart?: number;
  readonly tokenEnd?: number;
  /** Equal for equal environment states across rollouts (GiGPO's anchor state). */
  readonly stateKey?: string;
  /** Fields of the file that the model has no place for, unchanged. */
  readonly extra?: JsonObject;
}

/** Canonical names of token series; a file's other arrays keep their own names. */
export type TokenSeriesName =
  "advantage" | "logprob" | "trainer_logprob" | "ref_logprob" | "entropy" | "value" | "reward" | "return";

/** Token arrays of one trajectory. Every array has `count` entries; NaN = not recorded for that token. */
export interface TokenColumns {
  readonly count: number;
  readonly ids?: Int32Array;
  readonly text?: readonly string[];
  /** 1 = produced by the policy and trained, 0 = prompt, tool or padding. */
  readonly mask?: Uint8Array;
  /** Keyed by TokenSeriesName where the meaning is known, otherwise by the file's own key. */
  readonly series: Readonly<Record<string, Float64Array>>;
}

/** What a column of a numeric episode means. */
export type ColumnRole =
  "observation" | "action" | "reward" | "value" | "logprob" | "terminated" | "truncated" | "info";

/** One column of a numeric episode, row-major [rows, width]. Observations may have one row more than there are steps. */
export interface NumericColumn {
  readonly name: string;
  readonly role: ColumnRole;
  readonly rows: number;
  readonly width: number;
  readonly labels?: readonly string[];
  readonly data: Float32Array | Float64Array;
}

/** The columns of a control or robotics episode of `steps` transitions. */
export interface NumericColumns {
  readonly steps: number;
  readonly columns: readonly NumericColumn[];
}

/** How an episode ended and what it earned. */
export interface Outcome {
  /** Total reward as the file records it (for numeric episodes: the undiscounted sum, marked in `rewardSource`). */
  readonly reward?: number | null;
  /** Where `reward` comes from, e.g. "score" or "sum of rewards". */
  readonly rewardSource?: string;
  readonly success?: boolean | null;
  readonly stopReason?: string;
  /** True when cut by a length or time limit; absent when the file does not tell. */
  readonly truncated?: boolean;
  /** Reward components and other numeric columns of the row, by their own names. */
  readonly components: Readonly<Record<string, number | null>>;
}

/** A remark on a trajectory or dataset that the reader must see. */
export interface Note {
  /** Stable code such as `guessed-turns`, `guessed-group`, `torn-line`. */
  readonly code: string;
  /** One sentence: what, where, what to do. */
  readonly message: string;
  readonly where?: string;
}

/** One trajectory in full. Text or numbers come from the file alone; nothing is filled in. */
export interface Trajectory {
  readonly id: string;
  readonly datasetId: string;
  /** Id of the format that read it. */
  readonly format: string;
  readonly source: SourceLocation;
  readonly task: { readonly id?: string; readonly prompt?: string; readonly groundTruth?: JsonValue };
  readonly groupId?: string;
  readonly parentId?: string;
  /** Step index at which this trajectory leaves its parent. */
  readonly branchAt?: number;
  /** Training step (optimiser iteration) that produced it. */
  readonly trainingStep?: number;
  readonly split?: string;
  readonly steps: readonly Step[];
  /**
   * The text exactly as the file has it, where a format cuts steps out of flat text: `prompt + response` is what a
   * language model read and wrote. The steps' texts appear in `response` in order.
   */
  readonly flatText?: { readonly prompt: string; readonly response: string };
  readonly columns?: NumericColumns;
  readonly tokens?: TokenColumns;
  readonly outcome: Outcome;
  /** Advantage of the whole trajectory where the format records one. */
  readonly advantage?: number | null;
  readonly extra: JsonObject;
  readonly notes: readonly Note[];
}
