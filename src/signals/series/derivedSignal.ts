import type {
  ExplanationLine,
  ParameterValues,
  Signal,
  SignalContext,
  SignalLevel,
  SignalResult,
} from "../signal";
import type { Missing } from "./episode";

/** What one derivation gives: the numbers, and on demand the lines that explain one of them. */
export interface Derived {
  readonly values: Float64Array;
  readonly parts?: Readonly<Record<string, Float64Array>>;
  readonly group?: Extract<SignalResult, { values: Float64Array }>["group"];
  readonly notes: readonly string[];
  /** The convention in words. */
  readonly convention: string;
  /** The level of these numbers, where it differs from the declared one. */
  readonly level?: SignalLevel;
  /** Why `values[index]` is what it is; asked only where it is a number. */
  lines?(index: number): readonly ExplanationLine[];
  /** Remarks on one number. */
  remarks?(index: number): readonly string[];
}

type Definition = Omit<Signal, "compute" | "explain"> & {
  derive(context: SignalContext, parameters: ParameterValues): Derived | Missing;
};

/** A signal whose numbers and explanation come from one derivation, so that they cannot disagree. */
export function derivedSignal(definition: Definition): Signal {
  const { derive, ...declared } = definition;
  return {
    ...declared,
    compute(context, parameters) {
      const derived = derive(context, parameters);
      if ("missing" in derived) return derived;
      return {
        level: derived.level ?? declared.level,
        values: derived.values,
        ...(derived.parts ? { parts: derived.parts } : {}),
        ...(derived.group ? { group: derived.group } : {}),
        notes: derived.notes,
      };
    },
    explain(context, parameters, index) {
      const derived = derive(context, parameters);
      if ("missing" in derived || !derived.lines) return undefined;
      const value = derived.values[index];
      if (value === undefined || Number.isNaN(value)) return undefined;
      return {
        title: declared.title,
        convention: derived.convention,
        lines: derived.lines(index),
        source: declared.source,
        notes: [...derived.notes, ...(derived.remarks?.(index) ?? [])],
      };
    },
  };
}

/** The same without explanations, for numbers whose formula does not fit a screen. */
export function unexplainedSignal(definition: Definition): Signal {
  const made: { -readonly [K in keyof Signal]: Signal[K] } = { ...derivedSignal(definition) };
  delete made.explain;
  return made;
}
