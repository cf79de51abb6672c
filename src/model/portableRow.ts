import type { ModelKind, SeriesLevel } from "./score";

/** Where the numbers that a model gives at a row's positions belong. */
export interface PortableSeries {
  readonly name: string;
  readonly level: SeriesLevel;
  readonly unit: string;
  /** Entries of the whole series; NaN where no number belongs. */
  readonly length: number;
  /** `targets[i]` is the entry of the number read at `positions[i]`. */
  readonly targets: readonly number[];
  readonly tokenText?: readonly string[];
  /** `{activation}` stands for how the raw output was squashed, which is known once its number of labels is. */
  readonly method: string;
}

/** A trajectory as a model reads it, for a machine that has the model and nothing else. */
export interface PortableRow {
  readonly trajectoryId: string;
  readonly ids: readonly number[];
  readonly positions: readonly number[];
  readonly series: readonly PortableSeries[];
}

export interface PortableRows {
  readonly kind: ModelKind;
  /** What is read at a position: the token's own log-probability given those before it, or raw outputs. */
  readonly read: "next-token" | "at-token" | "last-token";
  /** How raw outputs become scores, for one and for two labels. */
  readonly activations: readonly [
    "none" | "sigmoid" | "softmax" | "applied",
    "none" | "sigmoid" | "softmax" | "applied",
  ];
  readonly activationTexts: readonly [string, string];
  readonly rows: readonly PortableRow[];
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}
