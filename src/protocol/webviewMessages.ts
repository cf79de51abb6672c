import type { ModelInfo, Provider } from "../model/score";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { Note, NumericColumn, Outcome, SourceLocation, Step } from "../model/trajectory";
import type { Tree, TreeNode } from "../model/tree";
import type { RowQuery } from "./storeCalls";

/**
 * Messages between the extension host and its webviews. Two exhaustive unions per app, no message over 256 KB:
 * what is longer is asked for in windows. Every request carries an `id`; of several requests of one kind only the
 * newest answer is used.
 */

/** Characters of one text field sent with a step; the rest comes by `text`. */
export const STEP_TEXT_LIMIT = 4_000;
/** Steps, tokens or rows in one window at most. */
export const WINDOW_LIMIT = 500;
export const MESSAGE_LIMIT_BYTES = 256 * 1024;

/** A trajectory without its long parts. */
export interface TrajectoryHead {
  readonly row: TrajectoryRow;
  readonly format: string;
  readonly formatTitle: string;
  readonly datasetName: string;
  readonly source: SourceLocation;
  readonly prompt: string | undefined;
  readonly groundTruth: string | undefined;
  readonly outcome: Outcome;
  readonly notes: readonly Note[];
  /** Total steps, tokens; steps come by `steps` windows, tokens by `tokens` windows. */
  readonly stepCount: number;
  readonly tokenCount: number;
  readonly tokenSeries: readonly string[];
  readonly columns: readonly Omit<NumericColumn, "data">[];
  /** Members of the group, in order (at most 500), with what the strip at the top shows. */
  readonly group: readonly Pick<TrajectoryRow, "id" | "reward" | "success" | "truncated" | "stepCount">[];
  readonly hasTree: boolean;
  readonly models: readonly ModelInfo[];
  readonly modelPath: string | undefined;
  /** Provider that the chosen model runs on, once known. */
  readonly provider?: Provider;
}

/** A step whose long texts are cut; `cut` names the fields that were. */
export interface StepWindowItem {
  readonly step: Step;
  readonly cut: readonly ("observation" | "thought" | "action")[];
  /** Full lengths in characters of the cut fields, so that the view can say how much is folded away. */
  readonly totals?: Readonly<Partial<Record<"observation" | "thought" | "action", number>>>;
  /** Addresses the webview may load, aligned with `step.media`; absent = not inside the dataset's own folder. */
  readonly mediaUris?: readonly (string | undefined)[];
}

/** One line under the trajectory. Values arrive as typed arrays. */
export interface TrackData {
  readonly key: string;
  readonly title: string;
  /** "verl GRPO · std n-1, eps 1e-6", "prm on cpu", "recorded". */
  readonly convention: string;
  readonly unit: string;
  readonly signed: boolean;
  readonly level: "token" | "step" | "trajectory";
  readonly source: "recorded" | "signal" | "model";
  readonly values?: Float64Array;
  /** Set instead of `values` when the series is too long for one message: length; the numbers follow by `trackValues`. */
  readonly valueCount?: number;
  /** For model token series: the model's own tokens. */
  readonly tokenText?: readonly string[];
  /** What of the text the model did not read at once, since it is longer than its context; absent = nothing. */
  readonly partial?: string;
  /** Where the number lies with 95 % confidence, aligned with `values`; absent = not told. */
  readonly interval?: { readonly low: Float64Array; readonly high: Float64Array };
  /** Likeliest tokens that the model told beside each token, asked for by `alternatives`; absent = none. */
  readonly alternatives?: number;
  /** Why there is no series, one sentence, and the command that mends it. */
  readonly missing?: { readonly how: string; readonly action?: "score" | "chooseModel" | "openGroup" };
  readonly notes: readonly string[];
  readonly explainable: boolean;
  readonly signalId?: string;
  readonly presetId?: string;
  /** Other presets of the same signal, for the menu. */
  readonly presets?: readonly { readonly id: string; readonly title: string }[];
}

export interface ExplanationView {
  readonly title: string;
  readonly convention: string;
  /** Formula as written, formula with numbers, value; the first is the number asked about. */
  readonly lines: readonly {
    readonly name: string;
    readonly formula: string;
    readonly substituted: string;
    readonly value: number;
    readonly exact: string;
  }[];
  readonly source: string;
  readonly notes: readonly string[];
  /** The trainer's own function, when it is in the workspace. */
  readonly code?: { readonly label: string; readonly path: string; readonly line: number };
  readonly group?: readonly {
    readonly id: string;
    readonly reward: number | null | undefined;
    readonly self: boolean;
  }[];
}

export type ToTrajectoryView =
  | { readonly type: "head"; readonly head: TrajectoryHead }
  | { readonly type: "steps"; readonly start: number; readonly items: readonly StepWindowItem[] }
  | {
      readonly type: "text";
      readonly id: number;
      readonly stepIndex: number;
      readonly field: "observation" | "thought" | "action";
      readonly start: number;
      readonly text: string;
      readonly total: number;
    }
  | {
      readonly type: "tokens";
      readonly id: number;
      readonly start: number;
      readonly text: readonly string[] | undefined;
      readonly ids: Int32Array | undefined;
      readonly mask: Uint8Array | undefined;
      readonly series: Readonly<Record<string, Float64Array>>;
    }
  | {
      readonly type: "column";
      readonly name: string;
      readonly start: number;
      readonly data: Float32Array | Float64Array;
    }
  /** The likeliest tokens at each place of a window, likeliest first: `width` of them a place. "" = no more. */
  | {
      readonly type: "alternatives";
      readonly id: number;
      readonly key: string;
      readonly start: number;
      readonly width: number;
      readonly text: readonly string[];
      readonly logprob: Float64Array;
    }
  | { readonly type: "tracks"; readonly tracks: readonly TrackData[] }
  /** A window of a long track, in order from 0; `tokenText` is aligned with `values`. */
  | {
      readonly type: "trackValues";
      readonly key: string;
      readonly start: number;
      readonly values: Float64Array;
      readonly tokenText?: readonly string[];
    }
  | {
      readonly type: "explanation";
      readonly id: number;
      readonly key: string;
      readonly index: number;
      readonly explanation: ExplanationView | undefined;
      readonly why: string | undefined;
    }
  | {
      readonly type: "scoring";
      readonly state: "running" | "done" | "failed" | "cancelled";
      readonly message: string;
      readonly done: number;
      readonly total: number;
      readonly provider: Provider | undefined;
    }
  | { readonly type: "cursor"; readonly stepIndex: number }
  | { readonly type: "error"; readonly message: string; readonly hint: string };

export type FromTrajectoryView =
  | { readonly type: "ready" }
  | { readonly type: "steps"; readonly start: number; readonly end: number }
  | {
      readonly type: "text";
      readonly id: number;
      readonly stepIndex: number;
      readonly field: "observation" | "thought" | "action";
      readonly start: number;
    }
  | { readonly type: "tokens"; readonly id: number; readonly start: number; readonly end: number }
  | {
      readonly type: "alternatives";
      readonly id: number;
      readonly key: string;
      readonly start: number;
      readonly end: number;
    }
  | { readonly type: "column"; readonly name: string }
  | { readonly type: "preset"; readonly key: string; readonly presetId: string }
  | { readonly type: "addTrack" }
  | { readonly type: "removeTrack"; readonly key: string }
  | { readonly type: "explain"; readonly id: number; readonly key: string; readonly index: number }
  | { readonly type: "score" }
  /** "Fork here": continue with a local policy behind a step, or behind one of the policy's own tokens. */
  | { readonly type: "fork"; readonly stepIndex: number; readonly tokenIndex?: number }
  /** Monte-Carlo values of the steps, from continuations by a local policy. */
  | { readonly type: "value" }
  | { readonly type: "cancelScore" }
  | { readonly type: "chooseModel" }
  | { readonly type: "openCode"; readonly path: string; readonly line: number }
  | { readonly type: "openSource" }
  | { readonly type: "openTree" }
  | { readonly type: "openGroup" }
  /** Show another trajectory beside this one. */
  | { readonly type: "compare" }
  | { readonly type: "open"; readonly trajectoryId: string }
  | { readonly type: "sibling"; readonly offset: 1 | -1 }
  | { readonly type: "next"; readonly offset: 1 | -1 }
  | { readonly type: "cursor"; readonly stepIndex: number }
  | { readonly type: "copy"; readonly text: string };

/** One rollout of a group, as its table shows it. */
export interface GroupMember {
  readonly id: string;
  /** The policy's own text, from a little before the place where it leaves the members above it; cut when long. */
  readonly text: string;
  /** Characters at the beginning of `text` that a member above has as well. */
  readonly shared: number;
  /** Characters before `text`, which a member above has as well. */
  readonly before: number;
}

export type ToDatasetView =
  | {
      readonly type: "dataset";
      readonly dataset: DatasetInfo;
      readonly trainingSteps: readonly TrainingStepSummary[];
      readonly live: boolean;
    }
  | {
      readonly type: "rows";
      readonly id: number;
      readonly start: number;
      readonly rows: readonly TrajectoryRow[];
      readonly total: number;
    }
  | {
      readonly type: "groups";
      readonly id: number;
      readonly start: number;
      readonly groups: readonly GroupSummary[];
      readonly total: number;
      /** Members' rewards by group id, for the dots; at most 64 a group. */ readonly rewards?: Readonly<
        Record<string, readonly (number | null)[]>
      >;
    }
  | { readonly type: "progress"; readonly message: string; readonly done: number; readonly total: number }
  | { readonly type: "filter"; readonly query: RowQuery }
  | {
      readonly type: "group";
      readonly groupId: string;
      /** At most 64, in order. */
      readonly members: readonly GroupMember[];
      /** Under the trainer's convention first; NaN = none. Aligned with `members`. */
      readonly advantages: readonly {
        readonly title: string;
        readonly convention: string;
        readonly values: readonly number[];
      }[];
    }
  | {
      readonly type: "error";
      readonly message: string;
      readonly hint: string;
      /** What the view can offer against it. */
      readonly action?: "mapColumns";
    };

export type FromDatasetView =
  | { readonly type: "ready" }
  | {
      readonly type: "rows";
      readonly id: number;
      readonly query: RowQuery;
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly type: "groups";
      readonly id: number;
      readonly trainingStep: number | undefined;
      readonly start: number;
      readonly end: number;
    }
  /** What the members of one group say only together. */
  | { readonly type: "group"; readonly groupId: string }
  | { readonly type: "open"; readonly trajectoryId: string; readonly beside: boolean }
  | { readonly type: "openTree"; readonly groupId: string }
  | { readonly type: "score"; readonly trajectoryIds: readonly string[] }
  | { readonly type: "mapColumns" }
  /** Shows the place of one of the dataset's warnings. */
  | { readonly type: "openNote"; readonly where: string }
  | { readonly type: "search" }
  | { readonly type: "openAsText" }
  | { readonly type: "copy"; readonly text: string };

export type ToTreeView =
  | {
      readonly type: "tree";
      readonly tree: Omit<Tree, "nodes">;
      readonly nodeCount: number;
      readonly selectedTrajectoryId: string | undefined;
    }
  | { readonly type: "nodes"; readonly start: number; readonly nodes: readonly TreeNode[] }
  | { readonly type: "select"; readonly trajectoryId: string; readonly stepIndex: number | undefined }
  | { readonly type: "error"; readonly message: string; readonly hint: string };

export type FromTreeView =
  | { readonly type: "ready" }
  | { readonly type: "nodes"; readonly start: number; readonly end: number }
  | { readonly type: "open"; readonly trajectoryId: string; readonly stepIndex: number | undefined }
  | { readonly type: "fork"; readonly trajectoryId: string; readonly stepIndex: number }
  /** The cursor moved in the tree; trajectory editors that are open follow. */
  | { readonly type: "cursor"; readonly trajectoryId: string; readonly stepIndex: number }
  | { readonly type: "copy"; readonly text: string };
