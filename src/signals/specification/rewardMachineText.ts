import {
  nearestName,
  SpecificationError,
  type SourceRange,
  type SpecificationDiagnostic,
} from "./sourceText";

/** A proposition in the formula of an edge. */
export interface GuardLiteral {
  readonly name: string;
  readonly positive: boolean;
  readonly range: SourceRange;
}

/** How an edge pays: a number, or what the simulator reports in `reward_ctrl` and `reward_run`. */
export type EdgeReward =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "control" | "forward" | "backwards" };

export interface MachineEdgeText {
  readonly from: number;
  readonly to: number;
  readonly fromRange: SourceRange;
  readonly toRange: SourceRange;
  /** Formula as written, without its quotes. */
  readonly formula: string;
  readonly formulaRange: SourceRange;
  /** Alternatives of literals; an empty alternative always holds, no alternative never. */
  readonly guard: readonly (readonly GuardLiteral[])[];
  readonly reward: EdgeReward;
  readonly range: SourceRange;
}

export interface RewardMachineFile {
  readonly initial: number | undefined;
  readonly initialRange?: SourceRange;
  readonly terminal: readonly { readonly state: number; readonly range: SourceRange }[];
  /** In file order, those that can be read. */
  readonly edges: readonly MachineEdgeText[];
  readonly diagnostics: readonly SpecificationDiagnostic[];
}

/** Reward functions of an edge, with what they pay, for completion. */
export const rewardFunctions: readonly { readonly name: string; readonly meaning: string }[] = [
  { name: "ConstantRewardFunction", meaning: "ConstantRewardFunction(c) pays c" },
  { name: "RewardControl", meaning: "pays what the simulator reports as reward_ctrl" },
  { name: "RewardForward", meaning: "pays reward_run + reward_ctrl of the simulator" },
  { name: "RewardBackwards", meaning: "pays -reward_run + reward_ctrl of the simulator" },
];

const simulated: Readonly<Record<string, EdgeReward>> = {
  RewardControl: { kind: "control" },
  RewardForward: { kind: "forward" },
  RewardBackwards: { kind: "backwards" },
};

interface Line extends SourceRange {
  readonly text: string;
}

/** Lines without remarks and blanks, each with its place. */
function linesOf(source: string): readonly Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const raw of source.split("\n")) {
    const bare = raw.replace(/#.*$/u, "");
    const text = bare.trim();
    if (text !== "") {
      const from = start + bare.indexOf(text);
      lines.push({ text, start: from, end: from + text.length });
    }
    start += raw.length + 1;
  }
  return lines;
}

/**
 * Reads a `.rm` file: the initial state, the list of terminal states, then a line per edge
 * `(u, u', 'formula', RewardFunction(c))`; `#` starts a remark. Never throws: what cannot be read is a diagnostic.
 *
 * @param propositions names that are defined; others are warned about. Undefined = not known here
 */
export function parseRewardMachineFile(
  source: string,
  propositions?: ReadonlySet<string>,
): RewardMachineFile {
  const diagnostics: SpecificationDiagnostic[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SpecificationError)) throw error;
      diagnostics.push(error.toDiagnostic());
      return undefined;
    }
  };
  const [first, second, ...rest] = linesOf(source);
  const initial = first && attempt(() => new LineReader(first).initial());
  if (!first)
    diagnostics.push({
      range: { start: 0, end: 0 },
      severity: "error",
      code: "syntax",
      message: "A reward machine starts with the number of its initial state.",
    });
  const terminal = second && attempt(() => new LineReader(second).terminal());
  if (first && !second)
    diagnostics.push({
      range: { start: first.start, end: first.end },
      severity: "error",
      code: "syntax",
      message: "The second line lists the terminal states, as in [2]; write [] when there are none.",
    });
  const edges = rest.flatMap((line) => attempt(() => new LineReader(line).edge()) ?? []);
  const file = { initial, terminal: terminal ?? [], edges };
  return {
    ...file,
    ...(first ? { initialRange: { start: first.start, end: first.end } } : {}),
    diagnostics: [...diagnostics, ...remarks(file, first), ...unknownNames(edges, propositions)],
  };
}

class LineReader {
  private at = 0;

  constructor(private readonly line: Line) {}

  initial(): number {
    const { value } = this.state();
    this.end();
    return value;
  }

  terminal(): { state: number; range: SourceRange }[] {
    const found: { state: number; range: SourceRange }[] = [];
    this.expect("[", "The second line lists the terminal states, as in [2].");
    while (!this.skips("]")) {
      if (found.length > 0) this.expect(",", 'A "," is missing between two states.');
      const { value, range } = this.state();
      found.push({ state: value, range });
    }
    this.end();
    return found;
  }

  edge(): MachineEdgeText {
    this.expect("(", "An edge is written (from, to, 'formula', ConstantRewardFunction(0)).");
    const from = this.state();
    this.comma();
    const to = this.state();
    this.comma();
    const { formula, range, guard } = this.guard();
    this.comma();
    const reward = this.reward();
    this.expect(")", 'The ")" that closes the edge is missing.');
    this.end();
    return {
      from: from.value,
      to: to.value,
      fromRange: from.range,
      toRange: to.range,
      formula,
      formulaRange: range,
      guard,
      reward,
      range: { start: this.line.start, end: this.line.end },
    };
  }

  private stop(message: string, from = this.at, to = this.line.text.length): never {
    const start = this.line.start + Math.min(from, Math.max(0, this.line.text.length - 1));
    throw new SpecificationError(message, { start, end: Math.max(start + 1, this.line.start + to) });
  }

  private skipSpace(): void {
    while (/\s/u.test(this.line.text[this.at] ?? "")) this.at++;
  }

  private skips(sign: string): boolean {
    this.skipSpace();
    if (this.line.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  private expect(sign: string, message: string): void {
    if (!this.skips(sign)) this.stop(message);
  }

  private comma(): void {
    this.expect(",", 'A "," is missing between two parts of the edge.');
  }

  private end(): void {
    this.skipSpace();
    if (this.at < this.line.text.length) this.stop("This does not belong to the line.");
  }

  private take(pattern: RegExp): { text: string; range: SourceRange } | undefined {
    this.skipSpace();
    const found = pattern.exec(this.line.text.slice(this.at))?.[0];
    if (found === undefined) return undefined;
    const start = this.line.start + this.at;
    this.at += found.length;
    return { text: found, range: { start, end: start + found.length } };
  }

  private state(): { value: number; range: SourceRange } {
    const found = this.take(/^-?\d+/u);
    if (!found) this.stop("A state is a whole number.");
    return { value: Number(found.text), range: found.range };
  }

  private guard(): { formula: string; range: SourceRange; guard: GuardLiteral[][] } {
    this.skipSpace();
    const quote = this.line.text[this.at];
    if (quote !== "'" && quote !== '"') this.stop("The formula of an edge stands in quotes.");
    const close = this.line.text.indexOf(quote, this.at + 1);
    if (close < 0) this.stop("The quote that closes the formula is missing.");
    const start = this.at + 1;
    const formula = this.line.text.slice(start, close);
    this.at = close + 1;
    const guard: GuardLiteral[][] = [];
    let offset = start;
    for (const clause of formula.split("|")) {
      const literals = this.clause(clause, offset);
      if (literals) guard.push(literals);
      offset += clause.length + 1;
    }
    return {
      formula,
      range: { start: this.line.start + start, end: this.line.start + close },
      guard,
    };
  }

  /** Literals of one alternative; undefined when it can never hold. */
  private clause(clause: string, offset: number): GuardLiteral[] | undefined {
    const literals: GuardLiteral[] = [];
    let possible = true;
    for (const part of clause.split("&")) {
      const found = /^(\s*)((?:!\s*)*)([A-Za-z_]\w*)\s*$/u.exec(part);
      if (!found)
        this.stop(
          part.trim() === ""
            ? "A proposition is missing in this formula."
            : `"${part.trim()}" is no literal: formulas of edges are | of & of a, !a, True and False, without brackets.`,
          offset,
          offset + Math.max(1, part.length),
        );
      const negations = found[2]!.replaceAll(/\s/gu, "").length;
      const name = found[3]!;
      const from = this.line.start + offset + found[1]!.length + found[2]!.length;
      const positive = negations % 2 === 0;
      if (name === "True" || name === "False") {
        if ((name === "True") !== positive) possible = false;
      } else {
        literals.push({ name, positive, range: { start: from, end: from + name.length } });
      }
      offset += part.length + 1;
    }
    return possible ? literals : undefined;
  }

  private reward(): EdgeReward {
    const name = this.take(/^[A-Za-z_]\w*/u);
    if (!name) this.stop("The reward of an edge is missing, as in ConstantRewardFunction(1).");
    const from = name.range.start - this.line.start;
    const names = rewardFunctions.map((known) => known.name);
    if (!names.includes(name.text)) {
      const near = nearestName(name.text, names);
      this.stop(
        `There is no reward function ${name.text}${near === undefined ? "" : ` (did you mean ${near}?)`}; there are ${names.join(", ")}.`,
        from,
        this.at,
      );
    }
    this.expect("(", `${name.text} is written with brackets.`);
    const value = this.take(/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/u);
    const constant = name.text === "ConstantRewardFunction";
    if (constant && !value) this.stop("ConstantRewardFunction takes one number.");
    if (!constant && value) this.stop(`${name.text} takes nothing.`, from, this.at);
    this.expect(")", `The ")" of ${name.text} is missing.`);
    return constant ? { kind: "constant", value: Number(value!.text) } : simulated[name.text]!;
  }
}

type MachineParts = Pick<RewardMachineFile, "initial" | "terminal" | "edges">;

/** What the file says that its author hardly meant. */
function remarks(
  { initial, terminal, edges }: MachineParts,
  first: Line | undefined,
): SpecificationDiagnostic[] {
  const found: SpecificationDiagnostic[] = [];
  const warn = (range: SourceRange, code: string, message: string): void => {
    found.push({ range, severity: "warning", code, message });
  };
  const ends = new Set(terminal.map(({ state }) => state));
  const merged = (state: number): number => (ends.has(state) ? -1 : state);
  const pairs = new Map<string, MachineEdgeText>();
  for (const edge of edges) {
    const key = `${merged(edge.from)},${merged(edge.to)}`;
    const before = pairs.get(key);
    if (before)
      warn(
        edge.range,
        "overwritten-edge",
        `As released, this line replaces the formula and the reward of the earlier edge from ${before.from} to ${before.to}; join them with | into one line.`,
      );
    else pairs.set(key, edge);
    if (ends.has(edge.from))
      warn(edge.fromRange, "edge-from-end", `State ${edge.from} is terminal; this edge is never taken.`);
  }
  const reached = new Set(initial === undefined ? [] : [initial]);
  for (const state of reached) for (const edge of edges) if (edge.from === state) reached.add(edge.to);
  const reported = new Set<number>();
  for (const { from, fromRange } of edges) {
    if (initial === undefined || reached.has(from) || reported.has(from) || ends.has(from)) continue;
    reported.add(from);
    warn(
      fromRange,
      "unreachable-state",
      `State ${from} cannot be reached from the initial state ${initial}.`,
    );
  }
  for (const { to, toRange } of edges) {
    if (ends.has(to) || reported.has(to) || edges.some((edge) => edge.from === to)) continue;
    reported.add(to);
    warn(
      toRange,
      "no-way-out",
      `State ${to} has no edges and is not terminal: the machine ends there at the next step.`,
    );
  }
  if (first && initial !== undefined && !ends.has(initial) && !edges.some((edge) => edge.from === initial))
    warn({ start: first.start, end: first.end }, "no-way-out", `The initial state ${initial} has no edges.`);
  return found;
}

function unknownNames(
  edges: readonly MachineEdgeText[],
  known: ReadonlySet<string> | undefined,
): SpecificationDiagnostic[] {
  if (!known) return [];
  return edges
    .flatMap((edge) => edge.guard.flat())
    .filter((literal) => !known.has(literal.name))
    .map((literal) => {
      const near = nearestName(literal.name, known);
      return {
        range: literal.range,
        severity: "warning",
        code: "unknown-proposition",
        message: `The proposition ${literal.name} is not defined${near === undefined ? "" : ` (did you mean ${near}?)`}. Define it in the setting trajectoryLens.propositions.`,
      };
    });
}
