import type { TokenStatistics } from "./distribution";
import type { LoadedModel } from "./loadedModel";
import type { ExtrasSpec } from "./rowExtras";

/** How sequences go through a language model, and what is wanted of them. */
export interface CausalOptions {
  readonly signal: AbortSignal;
  readonly maxBatchTokens: number;
  /** False computes every sequence on its own, for comparison. */
  readonly sharePrefixes: boolean;
  /** Tables wanted beside the usual numbers. */
  readonly extras?: ExtrasSpec;
  /** A second model over the same tokens; `extras.second` says what for. */
  readonly second?: LoadedModel;
  /** Hidden states wanted: the layer and the output that holds it. */
  readonly hidden?: readonly HiddenOutput[];
  /** Token of each sequence behind which the logits themselves are wanted; -1 = none. */
  readonly capture?: readonly number[];
  /** Sequences finished so far and tokens computed. */
  onBatch?(doneTokens: number, totalTokens: number): void;
}

/** Where a model returns the states after one of its layers. */
export interface HiddenOutput {
  readonly layer: number;
  readonly output: string;
  /** Index along a leading axis of layers, for exports that stack them. */
  readonly stacked?: number;
}

export interface CausalResult {
  readonly statistics: readonly TokenStatistics[];
  /** Tokens that went through the model; shared ones count once. */
  readonly computedTokens: number;
}
