import { describe, expect, it } from "vitest";
import {
  holdsOnTrace,
  parseTemporalFormula,
  prefixVerdicts,
  type TemporalFormula,
} from "../../../../src/signals/control/temporalLogic";
import { atomsOf, formulaAt, parseLtlfFile } from "../../../../src/signals/specification/ltlfText";
import { monitorPrefixes, suffixTruth } from "../../../../src/signals/specification/ltlfMonitor";
import { random } from "../worlds";

const bare = (formula: TemporalFormula): TemporalFormula => {
  if ("of" in formula) return { kind: formula.kind, of: bare(formula.of) };
  if ("left" in formula) return { kind: formula.kind, left: bare(formula.left), right: bare(formula.right) };
  return formula.kind === "atom" ? { kind: "atom", name: formula.name } : { kind: formula.kind };
};

function anyFormula(next: () => number, depth: number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  if (depth === 0) return pick(["a", "b", "c", "true", "false", "last"]);
  if (next() < 0.5) return `${pick(["!", "X ", "WX ", "F ", "G "])}(${anyFormula(next, depth - 1)})`;
  return `(${anyFormula(next, depth - 1)} ${pick(["&", "|", "->", "<->", "U", "R"])} ${anyFormula(next, depth - 1)})`;
}

const anyTrace = (next: () => number, length: number): Set<string>[] =>
  Array.from({ length }, () => new Set(["a", "b", "c"].filter(() => next() < 0.5)));

const truthOf =
  (trace: readonly ReadonlySet<string>[]) =>
  (name: string): Float64Array =>
    Float64Array.from(trace, (names) => (names.has(name) ? 1 : 0));

describe("formulas", () => {
  it("are read like the one-line parser reads them", () => {
    const next = random(3);
    for (let i = 0; i < 200; i++) {
      const text = anyFormula(next, 4);
      const { statements, diagnostics } = parseLtlfFile(text);
      expect(diagnostics).toEqual([]);
      expect(bare(statements[0]!.formula)).toEqual(parseTemporalFormula(text));
    }
  });

  it("have the same truth on every prefix and suffix as their definition", () => {
    const next = random(11);
    for (let i = 0; i < 400; i++) {
      const formula = parseTemporalFormula(anyFormula(next, 3));
      const trace = anyTrace(next, 1 + Math.floor(next() * 6));
      const { verdicts, decided } = monitorPrefixes(formula, truthOf(trace), trace.length);
      expect(Array.from(verdicts, Boolean)).toEqual(prefixVerdicts(formula, trace));
      expect(Array.from(suffixTruth(formula, truthOf(trace), trace.length), Boolean)).toEqual(
        trace.map((_, t) => holdsOnTrace(formula, trace, t)),
      );
      // A decided verdict outlives every continuation.
      const at = decided.indexOf(1);
      if (at < 0) continue;
      for (let more = 0; more < 5; more++) {
        const longer = [...trace.slice(0, at + 1), ...anyTrace(next, 1 + Math.floor(next() * 3))];
        expect(prefixVerdicts(formula, longer).slice(at)).toEqual(
          longer.slice(at).map(() => verdicts[at] === 1),
        );
      }
    }
  });

  it("leave open what unknown propositions leave open, and nothing else", () => {
    const next = random(23);
    for (let i = 0; i < 300; i++) {
      const formula = parseTemporalFormula(anyFormula(next, 3));
      const length = 1 + Math.floor(next() * 3);
      const trace = anyTrace(next, length);
      const holes = new Map(["a", "b", "c"].map((name) => [name, truthOf(trace)(name)]));
      const open = holes.get("a")!;
      const at = Math.floor(next() * length);
      open[at] = NaN;
      const { verdicts } = monitorPrefixes(formula, (name) => holes.get(name), length);
      const both = [0, 1].map((value) => {
        const filled = open.slice();
        filled[at] = value;
        return monitorPrefixes(formula, (name) => (name === "a" ? filled : holes.get(name)), length).verdicts;
      });
      for (let t = 0; t < length; t++) {
        const verdict = verdicts[t]!;
        if (!Number.isNaN(verdict)) expect([both[0]![t], both[1]![t]]).toEqual([verdict, verdict]);
        if (both[0]![t] !== both[1]![t]) expect(verdict).toBeNaN();
      }
    }
  });

  it("are followed over long traces in time that grows with the trace", () => {
    const formula = parseTemporalFormula("G (a -> X F b) & (F c | G !b) & (a U (b R c) | F last)");
    const length = 200_000;
    const track = (shift: number): Float64Array =>
      Float64Array.from({ length }, (_, t) => ((t + shift) % 3 === 0 ? 1 : 0));
    const started = performance.now();
    const { verdicts } = monitorPrefixes(
      formula,
      (name) => track(name === "a" ? 0 : name === "b" ? 1 : 2),
      length,
    );
    expect(verdicts.length).toBe(length);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe(".ltlf files", () => {
  const text = [
    "# what a good solution does",
    "solved: F reward_seen",
    "no_repeat: G (tool_call ->",
    "  X !tool_call) // never twice in a row",
    "F answer",
    "  & G !error",
  ].join("\n");

  it("hold named and bare formulas that may go on over lines", () => {
    const { statements, diagnostics } = parseLtlfFile(text);
    expect(diagnostics).toEqual([]);
    expect(statements.map(({ name }) => name)).toEqual(["solved", "no_repeat", "formula 3"]);
    expect(bare(statements[2]!.formula)).toEqual(parseTemporalFormula("F answer & G !error"));
    const [, , third] = statements;
    expect(text.slice(third!.range.start, third!.range.end)).toBe("F answer\n  & G !error");
    for (const { formula } of statements)
      for (const atom of atomsOf(formula)) {
        expect(text.slice(atom.range.start, atom.range.end)).toBe(atom.name);
        expect(formulaAt(formula, atom.range.start)).toEqual(atom);
      }
  });

  it.each([
    ["F", "A formula is missing at the end."],
    ["a b", 'An operator is missing before "b".'],
    ["(a & b", 'A ")" is missing.'],
    ["a )", "This bracket was never opened."],
    ["a & | b", '"|" stands between two formulas; the one before it is missing.'],
    ["a & 3", '"3" means nothing in a formula.'],
    ["X: a", '"X" is an operator and cannot name a formula.'],
  ])("say what is wrong with %s", (source, message) => {
    const { diagnostics } = parseLtlfFile(source);
    expect(diagnostics.map((found) => found.message)).toContain(message);
    for (const { range } of diagnostics) {
      expect(range.end).toBeGreaterThan(range.start);
      expect(range.end).toBeLessThanOrEqual(source.length);
    }
  });

  it("go on reading behind a mistake", () => {
    const { statements, diagnostics } = parseLtlfFile("one: F (a\ntwo: G b\nthree: a U\nfour: X a");
    expect(diagnostics.length).toBe(2);
    expect(statements.map(({ name }) => name)).toContain("four");
  });

  it("warn about names that nobody defined, and names used twice", () => {
    const { diagnostics } = parseLtlfFile("p: F solvd\np: G solved", new Set(["solved"]));
    expect(diagnostics.map(({ code }) => code)).toEqual(["unknown-proposition", "duplicate-name"]);
    expect(diagnostics[0]!.message).toContain("did you mean solved?");
  });
});
