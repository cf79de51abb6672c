import type { Missing } from "../series/episode";
import type { ParameterValues, Signal, SignalContext } from "../signal";

/** What a diagnostic found: one sentence with its numbers, and the rows that it is about. */
export interface Finding {
  readonly diagnosticId: string;
  /** "warning" asks for a look, "information" is worth knowing. */
  readonly severity: "warning" | "information";
  /** One sentence that says what is there, with the numbers, and why it matters. */
  readonly message: string;
  /** Rows behind it, those that show it best first. */
  readonly trajectoryIds: readonly string[];
  readonly groupId?: string;
  readonly trainingStep?: number;
  /** Step of the trajectory at which it shows. */
  readonly stepIndex?: number;
  /** What was measured. */
  readonly value: number;
}

/** What a diagnostic measured and what of it is worth saying. */
export interface Inspection {
  readonly values: Float64Array;
  readonly parts?: Readonly<Record<string, Float64Array>>;
  readonly findings: readonly Finding[];
  readonly notes?: readonly string[];
}

/** A signal that also says when its number is worth a look, and on which rows. */
export interface Diagnostic extends Signal {
  readonly scope: "trajectory" | "group" | "dataset";
  inspect(context: SignalContext, parameters: ParameterValues): Inspection | Missing;
}

type Definition = Omit<Diagnostic, "family" | "level" | "compute" | "explain" | "presets" | "signed">;

/** Declares a diagnostic; its notes are the sentences of its findings. */
export function diagnostic(definition: Definition): Diagnostic {
  return {
    ...definition,
    family: "diagnostics",
    level: definition.scope,
    signed: false,
    presets: [],
    compute(context, parameters) {
      const inspected = definition.inspect(context, parameters);
      if ("missing" in inspected) return inspected;
      const { values, parts, findings, notes = [] } = inspected;
      return {
        level: definition.scope,
        values,
        ...(parts ? { parts } : {}),
        ...(definition.scope === "group" && context.group
          ? {
              group: {
                groupId: context.group.groupId,
                memberIds: context.group.members.map((member) => member.trajectoryId),
                rewards: context.group.members.map((member) => member.reward),
              },
            }
          : {}),
        notes: [...notes, ...findings.map(({ message }) => message)],
      };
    },
  };
}

/** A measured number as sentences write it. */
export const plain = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);

export const percentOf = (share: number): string => `${plain(100 * share)}%`;
