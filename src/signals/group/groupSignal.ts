import type { Missing } from "../series/episode";
import type { Explanation, ExplanationLine, ParameterValues, Signal, SignalContext } from "../signal";
import { groupOf, groupRewards, type GroupRewards } from "./groupRewards";

/** One number for the trajectory, and why it is that. */
export interface GroupOutcome {
  readonly value: number;
  readonly parts?: Readonly<Record<string, number>>;
  readonly lines: readonly ExplanationLine[];
  readonly notes: readonly string[];
  /** The convention in words. */
  readonly convention: string;
}

type Definition = Omit<Signal, "level" | "compute" | "explain" | "family"> & {
  /** Computes the trajectory's number from its group; `lines` may be left empty when it is undefined. */
  derive(source: GroupRewards, context: SignalContext, parameters: ParameterValues): GroupOutcome | Missing;
};

/** A signal that gives one number per trajectory from the rewards of its group. */
export function groupSignal(definition: Definition): Signal {
  const { derive, ...declared } = definition;
  const run = (
    context: SignalContext,
    parameters: ParameterValues,
  ): { source: GroupRewards; outcome: GroupOutcome } | Missing => {
    const source = groupRewards(context);
    if ("missing" in source) return source;
    const outcome = derive(source, context, parameters);
    return "missing" in outcome ? outcome : { source, outcome };
  };
  return {
    ...declared,
    family: "group",
    level: "trajectory",
    compute(context, parameters) {
      const done = run(context, parameters);
      if ("missing" in done) return done;
      const { source, outcome } = done;
      return {
        level: "trajectory",
        values: Float64Array.of(outcome.value),
        ...(outcome.parts
          ? {
              parts: Object.fromEntries(
                Object.entries(outcome.parts).map(([name, value]) => [name, Float64Array.of(value)]),
              ),
            }
          : {}),
        group: groupOf(source),
        notes: [...source.notes, ...outcome.notes],
      };
    },
    explain(context, parameters, index): Explanation | undefined {
      if (index !== 0) return undefined;
      const done = run(context, parameters);
      if ("missing" in done || Number.isNaN(done.outcome.value) || done.outcome.lines.length === 0)
        return undefined;
      return {
        title: definition.title,
        convention: done.outcome.convention,
        lines: done.outcome.lines,
        source: definition.source,
        notes: [...done.source.notes, ...done.outcome.notes],
      };
    },
  };
}
