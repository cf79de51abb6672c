import type { Trajectory } from "../../model/trajectory";
import { SpecificationError, type SpecificationDiagnostic } from "./sourceText";
import { stepCount } from "./stepFields";
import { parseStepExpression, truth, type StepExpression } from "./stepExpression";

/** Propositions by name, in the order in which they were defined. */
export interface Propositions {
  readonly byName: ReadonlyMap<string, StepExpression>;
  /** Definitions that cannot be read, with the reason; the others stay usable. */
  readonly problems: readonly { readonly name: string; readonly diagnostic: SpecificationDiagnostic }[];
}

/** Words of the two languages that no proposition can be called. */
const reserved = new Set(["X", "WX", "F", "G", "U", "R", "true", "false", "last", "True", "False"]);

/**
 * Reads definitions such as `{"solved": "reward > 0"}`. A definition that cannot be read is a problem, not an exception.
 */
export function parsePropositions(definitions: Readonly<Record<string, unknown>>): Propositions {
  const byName = new Map<string, StepExpression>();
  const problems: { name: string; diagnostic: SpecificationDiagnostic }[] = [];
  for (const [name, source] of Object.entries(definitions)) {
    const complain = (code: string, message: string): void => {
      problems.push({
        name,
        diagnostic: { range: { start: 0, end: 0 }, severity: "error", code, message },
      });
    };
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/u.test(name)) {
      complain("proposition-name", `"${name}" is no name for a proposition: letters, digits and _ only.`);
      continue;
    }
    if (reserved.has(name)) {
      complain("proposition-name", `"${name}" is a word of the specification language; name it differently.`);
      continue;
    }
    if (typeof source !== "string") {
      complain(
        "proposition-value",
        `Proposition ${name} must be an expression in quotes, such as "reward > 0".`,
      );
      continue;
    }
    try {
      byName.set(name, parseStepExpression(source));
    } catch (error) {
      if (!(error instanceof SpecificationError)) throw error;
      const diagnostic = error.toDiagnostic();
      problems.push({
        name,
        diagnostic: { ...diagnostic, message: `Proposition ${name}: ${diagnostic.message}` },
      });
    }
  }
  return { byName, problems };
}

/**
 * Reads the JSON text that travels as a signal's parameter.
 *
 * @throws SpecificationError when it is no JSON object
 */
export function propositionsFromJson(text: string): Propositions {
  if (text.trim() === "") return parsePropositions({});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SpecificationError(
      'Propositions are a JSON object such as {"solved": "reward > 0"}.',
      { start: 0, end: text.length },
      "propositions",
    );
  return parsePropositions(value as Record<string, unknown>);
}

/** Truth of propositions over the steps of one trajectory. */
export interface PropositionTrace {
  readonly length: number;
  /** Names that could be evaluated. */
  readonly names: readonly string[];
  /** 1 = true, 0 = false, NaN = unknown: something that the proposition compares is not recorded. [length] */
  truthOf(name: string): Float64Array | undefined;
}

/** Evaluates propositions lazily, each once, over all steps of a trajectory. */
export function propositionTrace(trajectory: Trajectory, propositions: Propositions): PropositionTrace {
  const length = stepCount(trajectory);
  const known = new Map<string, Float64Array>();
  return {
    length,
    names: [...propositions.byName.keys()],
    truthOf(name) {
      const done = known.get(name);
      if (done) return done;
      const expression = propositions.byName.get(name);
      if (!expression) return undefined;
      const values = new Float64Array(length);
      for (let step = 0; step < length; step++) {
        const value = truth(expression.valueAt(trajectory, step));
        values[step] = value === undefined ? NaN : value ? 1 : 0;
      }
      known.set(name, values);
      return values;
    },
  };
}
