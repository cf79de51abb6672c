import type { ContextPolicy } from "../model/modelDeclaration";
import type { ScoreArray, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { ScoreExtras } from "../protocol/inferenceCalls";
import type { LoadedModel } from "./loadedModel";

/** What a scorer tells and asks while it works. */
export interface ScoreContext {
  readonly signal: AbortSignal;
  readonly maxBatchTokens: number;
  /** What to do with a text longer than the model's context. */
  readonly longText: ContextPolicy;
  /** False computes every trajectory on its own, for comparison. */
  readonly sharePrefixes: boolean;
  /** What is wanted beside the usual numbers. */
  readonly extras: ScoreExtras;
  /** Folders of datasets by id, in which media paths are looked up beside the trajectory's own folder. */
  readonly mediaRoots?: Readonly<Record<string, string>>;
  /** The second model that `extras` names. */
  readonly second?: LoadedModel;
  /** The other half of a model of two files: a decoder, or the text side of an image-text model. */
  readonly companion?: LoadedModel;
  /** The flow network that `extras` names. */
  readonly flow?: LoadedModel;
  /** Called after each batch. */
  onProgress(done: number, message: string): void;
}

export interface ScoreOutcome {
  readonly series: readonly ScoreSeries[];
  readonly arrays?: readonly ScoreArray[];
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
  /** Tokens (or transitions, for control models) that went through the model, padding not counted. */
  readonly tokens: number;
}

/** Scores trajectories with a loaded model; one that cannot be scored becomes a failure and the rest goes on. */
export type Scorer = (
  model: LoadedModel,
  trajectories: readonly Trajectory[],
  context: ScoreContext,
) => Promise<ScoreOutcome>;
