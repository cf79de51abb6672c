import {
  nearestName,
  SpecificationError,
  type SourceRange,
  type SpecificationDiagnostic,
} from "./sourceText";

interface Ranged {
  readonly range: SourceRange;
}

/** A formula with the place of each of its parts; also a `TemporalFormula`. */
export type LtlfFormula = Ranged &
  (
    | { readonly kind: "atom"; readonly name: string }
    | { readonly kind: "true" | "false" | "last" }
    | { readonly kind: "!" | "X" | "WX" | "F" | "G"; readonly of: LtlfFormula }
    | {
        readonly kind: "<->" | "->" | "|" | "&" | "U" | "R";
        readonly left: LtlfFormula;
        readonly right: LtlfFormula;
      }
  );

/** One statement of a file: `name: formula`, or a formula alone. */
export interface LtlfStatement {
  /** As written, else "formula 1", "formula 2", ... */
  readonly name: string;
  readonly nameRange?: SourceRange;
  readonly formula: LtlfFormula;
  readonly range: SourceRange;
}

export interface LtlfFile {
  /** Statements that can be read; the others are diagnostics. */
  readonly statements: readonly LtlfStatement[];
  readonly diagnostics: readonly SpecificationDiagnostic[];
}

/** Operators and words with their meaning on finite traces, for completion and hovers. */
export const ltlfWords: readonly { readonly word: string; readonly meaning: string }[] = [
  { word: "X", meaning: "next: there is a next step and the formula holds there" },
  { word: "WX", meaning: "weak next: the formula holds at the next step, if there is one" },
  { word: "F", meaning: "eventually: the formula holds at this or a later step" },
  { word: "G", meaning: "always: the formula holds at this and every later step" },
  { word: "U", meaning: "a U b, until: b holds at some step, and a at every step before it" },
  {
    word: "R",
    meaning: "a R b, release: b holds up to and including the first step where a holds, or to the end",
  },
  { word: "last", meaning: "this is the last step of the trajectory" },
  { word: "true", meaning: "holds at every step" },
  { word: "false", meaning: "holds nowhere" },
  { word: "!", meaning: "not" },
  { word: "&", meaning: "and" },
  { word: "|", meaning: "or" },
  { word: "->", meaning: "implies" },
  { word: "<->", meaning: "exactly when" },
];

interface Token extends SourceRange {
  readonly text: string;
  /** True when a line ends between the token before and this one. */
  readonly newLine: boolean;
}

/** Loosest first; all of them group to the right, as flloat's grammar has them. */
const binary = ["<->", "->", "|", "&", "U", "R"] as const;
const unary: ReadonlySet<string> = new Set(["!", "X", "WX", "F", "G"]);
const isName = (text: string): boolean => /^[A-Za-z_]\w*$/u.test(text);
const spelling: Readonly<Record<string, string>> = { "&&": "&", "||": "|", "~": "!" };

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let end = 0;
  // A remark runs from # or // to the end of its line.
  for (const found of source.matchAll(/#[^\n]*|\/\/[^\n]*|<->|->|&&?|\|\|?|[A-Za-z_]\w*|[^\s]/gu)) {
    const [written] = found;
    if (written.startsWith("#") || written.startsWith("//")) continue;
    const start = found.index;
    const newLine = source.slice(end, start).includes("\n");
    end = start + written.length;
    tokens.push({ text: spelling[written] ?? written, start, end, newLine });
  }
  return tokens;
}

/**
 * Reads a `.ltlf` file: statements `name: formula` or bare formulas, one after the other, `#` and `//` remarks. A
 * formula goes on over line ends as long as it is not complete. Never throws: what cannot be read is a diagnostic, and
 * reading goes on at the next line that starts a statement.
 *
 * @param propositions names that are defined; others are warned about. Undefined = not known here
 */
export function parseLtlfFile(source: string, propositions?: ReadonlySet<string>): LtlfFile {
  const tokens = tokensOf(source);
  const statements: LtlfStatement[] = [];
  const diagnostics: SpecificationDiagnostic[] = [];
  const reader = new StatementReader(tokens, source.length);
  while (!reader.ended) {
    try {
      const statement = reader.statement(statements.length + 1);
      statements.push(statement);
      if (propositions) diagnostics.push(...unknownNames(statement.formula, propositions));
    } catch (error) {
      if (!(error instanceof SpecificationError)) throw error;
      diagnostics.push(error.toDiagnostic());
      reader.skipStatement();
    }
  }
  const seen = new Set<string>();
  for (const { name, nameRange } of statements) {
    if (nameRange && seen.has(name))
      diagnostics.push({
        range: nameRange,
        severity: "warning",
        code: "duplicate-name",
        message: `The name ${name} is used twice in this file.`,
      });
    seen.add(name);
  }
  return { statements, diagnostics };
}

function unknownNames(formula: LtlfFormula, known: ReadonlySet<string>): SpecificationDiagnostic[] {
  return atomsOf(formula)
    .filter((atom) => !known.has(atom.name))
    .map((atom) => {
      const near = nearestName(atom.name, known);
      return {
        range: atom.range,
        severity: "warning",
        code: "unknown-proposition",
        message: `The proposition ${atom.name} is not defined${near === undefined ? "" : ` (did you mean ${near}?)`}. Define it in the setting trajectoryLens.propositions.`,
      };
    });
}

class StatementReader {
  private at = 0;
  private start = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly length: number,
  ) {}

  get ended(): boolean {
    while (this.tokens[this.at]?.text === ";") this.at++;
    return this.at >= this.tokens.length;
  }

  /** The next token of the statement; undefined where the file ends or another statement is named. */
  private get next(): Token | undefined {
    return this.names(this.at) && this.at > this.start ? undefined : this.tokens[this.at];
  }

  /** True where a line starts with `name:`. */
  private names(at: number): boolean {
    const token = this.tokens[at];
    return token !== undefined && token.newLine && isName(token.text) && this.tokens[at + 1]?.text === ":";
  }

  private stop(message: string, token: Token | undefined = this.next): never {
    const before = this.tokens[this.at - 1];
    const range = token ?? { start: before?.start ?? 0, end: before?.end ?? this.length };
    throw new SpecificationError(message, { start: range.start, end: range.end });
  }

  statement(number: number): LtlfStatement {
    this.depth = 0;
    this.start = this.at;
    const first = this.tokens[this.at]!;
    const named = isName(first.text) && this.tokens[this.at + 1]?.text === ":";
    if (named) {
      if (ltlfWords.some(({ word }) => word === first.text))
        this.stop(`"${first.text}" is an operator and cannot name a formula.`, first);
      this.at += 2;
    }
    const formula = this.level(0);
    const after = this.next;
    if (after && after.text !== ";" && !after.newLine)
      this.stop(
        after.text === ")"
          ? "This bracket was never opened."
          : `An operator is missing before "${after.text}".`,
        after,
      );
    return {
      name: named ? first.text : `formula ${number}`,
      ...(named ? { nameRange: { start: first.start, end: first.end } } : {}),
      formula,
      range: { start: first.start, end: formula.range.end },
    };
  }

  /** Goes on behind a mistake: behind the next `;`, or at the next line that can start a statement. */
  skipStatement(): void {
    if (this.at === this.start) this.at++;
    for (; this.at < this.tokens.length; this.at++) {
      const token = this.tokens[this.at]!;
      if (this.tokens[this.at - 1]!.text === ";" || this.names(this.at)) return;
      const goesOn = (binary as readonly string[]).includes(token.text) || token.text === ")";
      if (token.newLine && !goesOn && token.text !== ":") return;
    }
  }

  private level(depth: number): LtlfFormula {
    const kind = binary[depth];
    if (kind === undefined) return this.single();
    const left = this.level(depth + 1);
    if (this.next?.text !== kind) return left;
    this.at++;
    const right = this.nested(() => this.level(depth));
    return { kind, left, right, range: { start: left.range.start, end: right.range.end } };
  }

  private single(): LtlfFormula {
    const token = this.next;
    if (!token) this.stop("A formula is missing at the end.");
    if (unary.has(token.text)) {
      this.at++;
      const of = this.nested(() => this.single());
      return {
        kind: token.text as "!" | "X" | "WX" | "F" | "G",
        of,
        range: { start: token.start, end: of.range.end },
      };
    }
    if (token.text === "(") {
      this.at++;
      const inner = this.nested(() => this.level(0));
      const closing = this.next;
      if (closing?.text !== ")") this.stop('A ")" is missing.', closing ?? token);
      this.at++;
      return { ...inner, range: { start: token.start, end: closing.end } };
    }
    if ((binary as readonly string[]).includes(token.text))
      this.stop(`"${token.text}" stands between two formulas; the one before it is missing.`, token);
    if (!isName(token.text)) this.stop(`"${token.text}" means nothing in a formula.`, token);
    this.at++;
    const range = { start: token.start, end: token.end };
    if (token.text === "true" || token.text === "false" || token.text === "last")
      return { kind: token.text, range };
    return { kind: "atom", name: token.text, range };
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > 500) this.stop("This formula is nested too deeply.");
    const value = read();
    this.depth--;
    return value;
  }
}

/** The propositions of a formula, in reading order, one entry a mention. */
export function atomsOf(formula: LtlfFormula): readonly Extract<LtlfFormula, { kind: "atom" }>[] {
  if (formula.kind === "atom") return [formula];
  if ("of" in formula) return atomsOf(formula.of);
  return "left" in formula ? [...atomsOf(formula.left), ...atomsOf(formula.right)] : [];
}

/** The smallest part of a formula that an offset lies in. */
export function formulaAt(formula: LtlfFormula, offset: number): LtlfFormula | undefined {
  if (offset < formula.range.start || offset > formula.range.end) return undefined;
  const parts = "of" in formula ? [formula.of] : "left" in formula ? [formula.left, formula.right] : [];
  for (const part of parts) {
    const inner = formulaAt(part, offset);
    if (inner) return inner;
  }
  return formula;
}
