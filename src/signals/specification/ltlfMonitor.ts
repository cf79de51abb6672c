import type { TemporalFormula } from "../control/temporalLogic";
import { SpecificationError } from "./sourceText";

/** Truth over the steps of a trace: 1, 0, NaN = unknown. `undefined` = no such proposition, which is unknown throughout. */
export type TruthOf = (name: string) => Float64Array | undefined;

/**
 * Truth of a formula read at each step of a finite, non-empty trace, in one backward pass per part: [length], 1, 0, or
 * NaN where unknown propositions (Kleene's three values) leave it open.
 */
export function suffixTruth(formula: TemporalFormula, truthOf: TruthOf, length: number): Float64Array {
  return levels(formula, truthOf, length).map((level) => (level === 0.5 ? NaN : level));
}

/** The same with one half for unknown, so that and, or, not are minimum, maximum and 1 - x. */
function levels(formula: TemporalFormula, truthOf: TruthOf, length: number): Float64Array {
  const out = new Float64Array(length);
  switch (formula.kind) {
    case "true":
      return out.fill(1);
    case "false":
      return out;
    case "last":
      if (length > 0) out[length - 1] = 1;
      return out;
    case "atom": {
      const truth = truthOf(formula.name);
      for (let t = 0; t < length; t++) {
        const value = truth ? truth[t]! : NaN;
        out[t] = Number.isNaN(value) ? 0.5 : value;
      }
      return out;
    }
    case "!":
    case "X":
    case "WX":
    case "F":
    case "G": {
      const inner = levels(formula.of, truthOf, length);
      for (let t = length - 1; t >= 0; t--) {
        const end = t === length - 1;
        if (formula.kind === "!") out[t] = 1 - inner[t]!;
        else if (formula.kind === "X") out[t] = end ? 0 : inner[t + 1]!;
        else if (formula.kind === "WX") out[t] = end ? 1 : inner[t + 1]!;
        else if (formula.kind === "F") out[t] = end ? inner[t]! : Math.max(inner[t]!, out[t + 1]!);
        else out[t] = end ? inner[t]! : Math.min(inner[t]!, out[t + 1]!);
      }
      return out;
    }
  }
  const left = levels(formula.left, truthOf, length);
  const right = levels(formula.right, truthOf, length);
  for (let t = length - 1; t >= 0; t--) {
    const [l, r] = [left[t]!, right[t]!];
    switch (formula.kind) {
      case "&":
        out[t] = Math.min(l, r);
        break;
      case "|":
        out[t] = Math.max(l, r);
        break;
      case "->":
        out[t] = Math.max(1 - l, r);
        break;
      case "<->":
        out[t] = Math.max(Math.min(l, r), Math.min(1 - l, 1 - r));
        break;
      case "U":
        out[t] = Math.max(r, Math.min(l, t === length - 1 ? 0 : out[t + 1]!));
        break;
      case "R":
        out[t] = Math.min(r, Math.max(l, t === length - 1 ? 1 : out[t + 1]!));
        break;
    }
  }
  return out;
}

/** What a monitor says of every prefix of a trace. */
export interface PrefixReport {
  /** Truth if the trajectory ended at this step: 1, 0, NaN = unknown. */
  readonly verdicts: Float64Array;
  /** 1 from the step on at which no continuation can change the verdict any more, as far as rewriting shows. */
  readonly decided: Float64Array;
}

/**
 * Runs a formula over a trace step by step. The formula is rewritten to what remains to hold from the next step on
 * (progression; Bacchus and Kabanza, 2000), so a trace of n steps costs n rewritings, most of them remembered.
 */
export function monitorPrefixes(formula: TemporalFormula, truthOf: TruthOf, length: number): PrefixReport {
  const names = [...new Set(atomNames(formula))];
  const tracks = names.map((name) => truthOf(name));
  const open = tracks.some((track) => track === undefined || track.subarray(0, length).some(Number.isNaN));
  const lower = run(formula, names, tracks, length, false);
  // Parts that are unknown count as false everywhere, then as true everywhere: what agrees does not depend on them.
  const upper = open ? run(formula, names, tracks, length, true) : lower;
  const verdicts = new Float64Array(length);
  const decided = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    verdicts[t] = lower.verdicts[t] === upper.verdicts[t] ? lower.verdicts[t]! : NaN;
    const stays = verdicts[t] === 1 ? lower.states[t] === "true" : upper.states[t] === "false";
    decided[t] = stays && !Number.isNaN(verdicts[t]!) ? 1 : 0;
  }
  return { verdicts, decided };
}

function atomNames(formula: TemporalFormula): string[] {
  if (formula.kind === "atom") return [formula.name];
  if ("of" in formula) return atomNames(formula.of);
  return "left" in formula ? [...atomNames(formula.left), ...atomNames(formula.right)] : [];
}

/** A formula in negation normal form, numbered so that equal formulas are one object. */
interface Normal {
  readonly id: number;
  readonly kind: "true" | "false" | "atom" | "last" | "&" | "|" | "X" | "WX" | "F" | "G" | "U" | "R";
  /** Atom and last: false = negated. */
  readonly positive: boolean;
  readonly name: string;
  readonly parts: readonly Normal[];
}

/** Alternatives, each a set of formulas that must all hold: a minimal disjunctive normal form. */
type Obligations = readonly (readonly Normal[])[];

const HOLDS: Obligations = [[]];
const FAILS: Obligations = [];

class Normalizer {
  private readonly known = new Map<string, Normal>();
  private readonly done = [new Map<TemporalFormula, Normal>(), new Map<TemporalFormula, Normal>()] as const;

  private make(kind: Normal["kind"], parts: readonly Normal[] = [], name = "", positive = true): Normal {
    const simpler = simplified(kind, parts);
    if (simpler === "true" || simpler === "false") return this.intern(simpler, [], "", true);
    return simpler ?? this.intern(kind, parts, name, positive);
  }

  private intern(kind: Normal["kind"], parts: readonly Normal[], name: string, positive: boolean): Normal {
    const key = `${kind} ${name} ${positive} ${parts.map((part) => part.id).join(",")}`;
    let found = this.known.get(key);
    if (!found) {
      found = { id: this.known.size, kind, positive, name, parts };
      this.known.set(key, found);
    }
    return found;
  }

  /** @param wanted false = of the negated formula */
  of(formula: TemporalFormula, wanted = true): Normal {
    const done = this.done[wanted ? 1 : 0];
    const normal = done.get(formula) ?? this.normal(formula, wanted);
    done.set(formula, normal);
    return normal;
  }

  private normal(formula: TemporalFormula, wanted: boolean): Normal {
    switch (formula.kind) {
      case "true":
      case "false":
        return this.make((formula.kind === "true") === wanted ? "true" : "false");
      case "last":
        return this.make("last", [], "", wanted);
      case "atom":
        return this.make("atom", [], formula.name, wanted);
      case "!":
        return this.of(formula.of, !wanted);
      case "X":
      case "WX":
      case "F":
      case "G": {
        const dual = { X: "WX", WX: "X", F: "G", G: "F" } as const;
        return this.make(wanted ? formula.kind : dual[formula.kind], [this.of(formula.of, wanted)]);
      }
      case "<->": {
        const same = this.make("&", [this.of(formula.left), this.of(formula.right, wanted)]);
        return this.make("|", [
          same,
          this.make("&", [this.of(formula.left, false), this.of(formula.right, !wanted)]),
        ]);
      }
      case "->":
        return this.make(wanted ? "|" : "&", [
          this.of(formula.left, !wanted),
          this.of(formula.right, wanted),
        ]);
      case "&":
      case "|":
      case "U":
      case "R": {
        const dual = { "&": "|", "|": "&", U: "R", R: "U" } as const;
        return this.make(wanted ? formula.kind : dual[formula.kind], [
          this.of(formula.left, wanted),
          this.of(formula.right, wanted),
        ]);
      }
    }
  }
}

/** What a formula with constant parts comes to on a trace that has a step; undefined = nothing simpler. */
function simplified(kind: Normal["kind"], parts: readonly Normal[]): Normal | "true" | "false" | undefined {
  const [a, b] = parts;
  const is = (part: Normal | undefined, wanted: "true" | "false"): boolean => part?.kind === wanted;
  switch (kind) {
    case "&":
      if (is(a, "false") || is(b, "false")) return "false";
      return is(a, "true") ? b : is(b, "true") || a === b ? a : undefined;
    case "|":
      if (is(a, "true") || is(b, "true")) return "true";
      return is(a, "false") ? b : is(b, "false") || a === b ? a : undefined;
    case "F":
    case "G":
      return is(a, "true") || is(a, "false") ? a : undefined;
    case "U":
    case "R":
      return is(b, "true") || is(b, "false") ? b : undefined;
    case "X":
      return is(a, "false") ? "false" : undefined;
    case "WX":
      return is(a, "true") ? "true" : undefined;
    default:
      return undefined;
  }
}

/** Alternatives that a monitor keeps at most: beyond that a formula costs more than anybody can read. */
const LIMIT = 2_000;

/**
 * Drops alternatives that ask for more than another one.
 *
 * @throws SpecificationError when too many are left
 */
function minimal(alternatives: Obligations): Obligations {
  if (alternatives.length > LIMIT)
    throw new SpecificationError(
      "This formula grows beyond what can be followed step by step; split it into several formulas.",
      { start: 0, end: 0 },
      "too-large",
    );
  if (alternatives.some((alternative) => alternative.length === 0)) return HOLDS;
  const sorted = [...alternatives].sort((a, b) => a.length - b.length);
  const kept: (readonly Normal[])[] = [];
  for (const alternative of sorted)
    if (!kept.some((smaller) => smaller.every((part) => alternative.includes(part)))) kept.push(alternative);
  return kept;
}

/** Names a state; the ids of its parts, or "true" and "false". */
function keyOf(of: Obligations): string {
  if (of.length === 0) return "false";
  const key = of.map((all) => all.map(({ id }) => id).join("&")).join("|");
  return key === "" ? "true" : key;
}

const either = (a: Obligations, b: Obligations): Obligations => minimal([...a, ...b]);
const both = (a: Obligations, b: Obligations): Obligations =>
  minimal(
    a.flatMap((left) => b.map((right) => [...new Set([...left, ...right])].sort((x, y) => x.id - y.id))),
  );

/** Boolean structure on top of temporal parts, as obligations on a step that exists. */
function obligations(part: Normal): Obligations {
  switch (part.kind) {
    case "true":
      return HOLDS;
    case "false":
      return FAILS;
    case "&":
      return both(obligations(part.parts[0]!), obligations(part.parts[1]!));
    case "|":
      return either(obligations(part.parts[0]!), obligations(part.parts[1]!));
    default:
      return [[part]];
  }
}

/** What must hold from the next step on, given that there is one. */
function progress(part: Normal, holds: (name: string, positive: boolean) => boolean): Obligations {
  const [a, b] = part.parts;
  switch (part.kind) {
    case "true":
      return HOLDS;
    case "false":
      return FAILS;
    case "atom":
      return holds(part.name, part.positive) ? HOLDS : FAILS;
    case "last":
      return part.positive ? FAILS : HOLDS;
    case "&":
      return both(progress(a!, holds), progress(b!, holds));
    case "|":
      return either(progress(a!, holds), progress(b!, holds));
    case "X":
    case "WX":
      return obligations(a!);
    case "F":
      return either(progress(a!, holds), [[part]]);
    case "G":
      return both(progress(a!, holds), [[part]]);
    case "U":
      return either(progress(b!, holds), both(progress(a!, holds), [[part]]));
    case "R":
      return both(progress(b!, holds), either(progress(a!, holds), [[part]]));
  }
}

/** Truth if the trace ends at this step. */
function closes(part: Normal, holds: (name: string, positive: boolean) => boolean): boolean {
  const [a, b] = part.parts;
  switch (part.kind) {
    case "true":
    case "WX":
      return true;
    case "false":
    case "X":
      return false;
    case "atom":
      return holds(part.name, part.positive);
    case "last":
      return part.positive;
    case "&":
      return closes(a!, holds) && closes(b!, holds);
    case "|":
      return closes(a!, holds) || closes(b!, holds);
    case "F":
    case "G":
      return closes(a!, holds);
    case "U":
    case "R":
      return closes(b!, holds);
  }
}

function run(
  formula: TemporalFormula,
  names: readonly string[],
  tracks: readonly (Float64Array | undefined)[],
  length: number,
  unknown: boolean,
): { readonly verdicts: Float64Array; readonly states: readonly ("true" | "false" | "open")[] } {
  let state = obligations(new Normalizer().of(formula));
  const verdicts = new Float64Array(length);
  const states: ("true" | "false" | "open")[] = [];
  const column = new Map(names.map((name, index) => [name, index]));
  const remembered = new Map<string, { readonly verdict: number; readonly next: Obligations }>();
  let key = keyOf(state);
  const keys = new Map<Obligations, string>();
  for (let t = 0; t < length; t++) {
    const letter = tracks.map((track) => {
      const value = track ? track[t]! : NaN;
      return Number.isNaN(value) ? "?" : value;
    });
    const memory = `${key} ${letter.join("")}`;
    let known = remembered.get(memory);
    if (!known) {
      const holds = (name: string, positive: boolean): boolean => {
        const value = letter[column.get(name)!]!;
        return value === "?" ? unknown : (value === 1) === positive;
      };
      const verdict = state.some((all) => all.every((part) => closes(part, holds))) ? 1 : 0;
      let next: Obligations = FAILS;
      for (const all of state) {
        let after: Obligations = HOLDS;
        for (const part of all) after = both(after, progress(part, holds));
        next = either(next, after);
      }
      known = { verdict, next };
      remembered.set(memory, known);
      keys.set(next, keyOf(next));
    }
    verdicts[t] = known.verdict;
    state = known.next;
    key = keys.get(state) ?? keyOf(state);
    states.push(key === "true" || key === "false" ? key : "open");
  }
  return { verdicts, states };
}
