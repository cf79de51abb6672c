import type { Trajectory } from "../../model/trajectory";
import { holdsOnTrace } from "../control/temporalLogic";
import { formulaAt, ltlfWords, parseLtlfFile, type LtlfFile, type LtlfFormula } from "./ltlfText";
import { monitorPrefixes, suffixTruth } from "./ltlfMonitor";
import { guardTruth, runRewardMachine, type MachineRun, type MachineSemantics } from "./machineRun";
import {
  parseRewardMachineFile,
  rewardFunctions,
  type MachineEdgeText,
  type RewardMachineFile,
} from "./rewardMachineText";
import {
  parsePropositions,
  propositionTrace,
  type Propositions,
  type PropositionTrace,
} from "./propositions";
import { parseStepExpression } from "./stepExpression";
import { SpecificationError, type SpecificationDiagnostic } from "./sourceText";

export type SpecificationLanguage = "ltlf" | "rm";

/** A specification file, read. */
export type Specification =
  | {
      readonly language: "ltlf";
      readonly file: LtlfFile;
      readonly diagnostics: readonly SpecificationDiagnostic[];
    }
  | {
      readonly language: "rm";
      readonly file: RewardMachineFile;
      readonly diagnostics: readonly SpecificationDiagnostic[];
    };

/** What one formula or machine says of one trajectory. */
export interface RuleOutcome {
  /** Name of the formula; "reward machine" for `.rm` files. */
  readonly name: string;
  /** "unknown" = something that a proposition compares is not recorded. */
  readonly verdict: "holds" | "fails" | "unknown" | "running";
  /** One sentence where the verdict needs one. */
  readonly note?: string;
  /** Formulas: truth if the trajectory ended at each step. Machines: reward of each step. NaN = unknown. */
  readonly values: Float64Array;
  /** Machines: sum of the rewards. */
  readonly total?: number;
  /** Machines: state before each step, and the last one behind them. */
  readonly states?: readonly number[];
}

/** Language of a file by its name; undefined when it is none. */
export function specificationLanguage(path: string): SpecificationLanguage | undefined {
  if (path.endsWith(".ltlf")) return "ltlf";
  return path.endsWith(".rm") ? "rm" : undefined;
}

/** Reads a specification; mistakes are diagnostics. @param propositions to warn about names that are not defined */
export function readSpecification(
  language: SpecificationLanguage,
  text: string,
  propositions?: Propositions,
): Specification {
  const names = propositions && new Set(propositions.byName.keys());
  if (language === "ltlf") {
    const file = parseLtlfFile(text, names);
    return { language, file, diagnostics: file.diagnostics };
  }
  const file = parseRewardMachineFile(text, names);
  return { language, file, diagnostics: file.diagnostics };
}

/** Propositions from the values of the setting. Mistakes are in `problems`. */
export function readPropositions(definitions: Readonly<Record<string, unknown>>): Propositions {
  return parsePropositions(definitions);
}

/** Truth of every proposition over the steps of a trajectory. */
export function traceOf(trajectory: Trajectory, propositions: Propositions): PropositionTrace {
  return propositionTrace(trajectory, propositions);
}

/** Truth of a formula read at each step of a trace: 1, 0, NaN = unknown. */
export function truthAtSteps(formula: LtlfFormula, trace: PropositionTrace): Float64Array {
  return suffixTruth(formula, (name) => trace.truthOf(name), trace.length);
}

/** What each rule of a specification says of a trajectory. */
export function checkTrajectory(
  specification: Specification,
  trajectory: Trajectory,
  propositions: Propositions,
  semantics: MachineSemantics = "corrected",
): readonly RuleOutcome[] {
  const trace = propositionTrace(trajectory, propositions);
  if (specification.language === "rm") {
    if (specification.file.initial === undefined) return [];
    return [machineOutcome(runRewardMachine(specification.file, trajectory, trace, semantics), trace.length)];
  }
  return specification.file.statements.map(({ name, formula }) => {
    try {
      return { name, ...formulaOutcome(formula, trace, semantics) };
    } catch (error) {
      if (!(error instanceof SpecificationError)) throw error;
      return {
        name,
        verdict: "unknown",
        note: error.message,
        values: new Float64Array(trace.length).fill(NaN),
      };
    }
  });
}

/** Truth of a proposition as coded: what is not recorded is not among the true ones. */
export function truthAsCoded(trace: PropositionTrace): (name: string) => Float64Array {
  return (name) => {
    const truth = trace.truthOf(name) ?? new Float64Array(trace.length);
    return truth.map((value) => (value === 1 ? 1 : 0));
  };
}

/** Verdict of a formula and its truth on every prefix. @throws SpecificationError when the formula is too large */
export function formulaOutcome(
  formula: LtlfFormula,
  trace: PropositionTrace,
  semantics: MachineSemantics,
): Omit<RuleOutcome, "name"> & { readonly decided: Float64Array } {
  const truthOf = semantics === "as coded" ? truthAsCoded(trace) : (name: string) => trace.truthOf(name);
  const { verdicts, decided } = monitorPrefixes(formula, truthOf, trace.length);
  if (trace.length === 0) {
    if (semantics === "corrected")
      return {
        verdict: "unknown",
        note: "The trajectory has no steps, and formulas on finite traces are defined from one step on.",
        values: verdicts,
        decided,
      };
    return {
      verdict: holdsOnTrace(formula, []) ? "holds" : "fails",
      note: "The trajectory has no steps; this is what flloat returns for the empty trace.",
      values: verdicts,
      decided,
    };
  }
  const last = verdicts[trace.length - 1]!;
  return {
    verdict: Number.isNaN(last) ? "unknown" : last === 1 ? "holds" : "fails",
    ...(Number.isNaN(last) ? { note: "A proposition compares something that is not recorded." } : {}),
    values: verdicts,
    decided,
  };
}

function machineOutcome(run: MachineRun, length: number): RuleOutcome {
  const values = new Float64Array(length).fill(NaN);
  run.steps.forEach((step, t) => (values[t] = step.reward));
  const total = run.steps.reduce((sum, step) => sum + step.reward, 0);
  const states = run.steps.length === 0 ? [] : [run.steps[0]!.state, ...run.steps.map(({ next }) => next)];
  return {
    name: "reward machine",
    verdict: run.verdict === "success" ? "holds" : run.verdict === "off" ? "fails" : run.verdict,
    ...(run.verdict === "off" ? { note: `No edge fired at step ${run.steps.length - 1}.` } : {}),
    ...(run.verdict === "unknown"
      ? { note: `At step ${run.steps.length - 1} an edge compares something that is not recorded.` }
      : {}),
    values,
    total,
    states,
  };
}

/** Words of a language with what they mean, for completion and hovers. */
export function languageWords(
  language: SpecificationLanguage,
): readonly { readonly word: string; readonly meaning: string }[] {
  return language === "ltlf"
    ? ltlfWords
    : rewardFunctions.map(({ name, meaning }) => ({ word: name, meaning }));
}

/** The smallest part of a formula that an offset lies in. */
export function partAt(formula: LtlfFormula, offset: number): LtlfFormula | undefined {
  return formulaAt(formula, offset);
}

/** The run of a machine over a trajectory. */
export function machineRun(
  file: RewardMachineFile,
  trajectory: Trajectory,
  trace: PropositionTrace,
): MachineRun {
  return runRewardMachine(file, trajectory, trace, "corrected");
}

/** Truth of an edge's formula at each step of a trace: 1, 0, NaN = unknown. */
export function guardAtSteps(edge: MachineEdgeText, trace: PropositionTrace): Float64Array {
  return Float64Array.from({ length: trace.length }, (_, t) => {
    const holds = guardTruth(edge, trace, t);
    return holds === undefined ? NaN : holds ? 1 : 0;
  });
}

/** What is wrong with an expression over a step, in one sentence; undefined when it can be read. */
export function expressionHint(source: string): string | undefined {
  if (source.startsWith("token:")) return undefined;
  try {
    parseStepExpression(source);
    return undefined;
  } catch (error) {
    if (error instanceof SpecificationError) return error.message;
    throw error;
  }
}
