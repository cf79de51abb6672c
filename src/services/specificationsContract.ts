import type { SpecificationDiagnostic } from "../signals/specification/sourceText";
import type { RuleOutcome } from "../signals/specification/specification";
import type { Task } from "./services";

/** A specification, the propositions it speaks of, and the trajectories to check. */
export interface CheckRequest {
  readonly language: "ltlf" | "rm";
  readonly text: string;
  /** Expressions over a step by name, as in the setting trajectoryLens.propositions. */
  readonly propositions: Readonly<Record<string, unknown>>;
  readonly semantics: "as coded" | "corrected";
  readonly trajectoryIds: readonly string[];
}

/** How often a formula or machine gave each verdict. */
export interface CheckRule {
  readonly name: string;
  readonly holds: number;
  readonly fails: number;
  readonly unknown: number;
  /** Machines that the trajectory ended before. */
  readonly running: number;
}

export interface CheckReport {
  readonly rules: readonly CheckRule[];
  readonly trajectories: readonly { readonly id: string; readonly rules: readonly RuleOutcome[] }[];
  readonly warnings: readonly SpecificationDiagnostic[];
}

/** Temporal logic and reward machines over trajectories. */
export interface Specifications {
  /** @throws Failure `bad-specification`, `bad-proposition` with the place */
  check(request: CheckRequest, task?: Task<{ done: number; total: number }>): Promise<CheckReport>;
}
