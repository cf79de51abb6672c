/** Linear temporal logic over finite traces. */
export type TemporalFormula =
  | { readonly kind: "atom"; readonly name: string }
  | { readonly kind: "true" | "false" | "last" }
  | { readonly kind: "!" | "X" | "WX" | "F" | "G"; readonly of: TemporalFormula }
  | {
      readonly kind: "<->" | "->" | "|" | "&" | "U" | "R";
      readonly left: TemporalFormula;
      readonly right: TemporalFormula;
    };

/** Loosest first, as flloat's grammar orders them. */
const binary = ["<->", "->", "|", "&", "U", "R"] as const;
const unary = new Set(["!", "X", "WX", "F", "G"]);

/**
 * Reads a formula of `X WX F G U R ! & | -> <-> true false last`, brackets, and lower-case propositions.
 *
 * @throws Error that says where reading stopped
 */
export function parseTemporalFormula(text: string): TemporalFormula {
  const tokens = text.match(/<->|->|&&?|\|\|?|[!~()]|[A-Za-z_][A-Za-z0-9_]*|\S/gu) ?? [];
  let at = 0;
  const peek = (): string | undefined => {
    const token = tokens[at];
    if (token === "&&" || token === "||") return token[0];
    return token === "~" ? "!" : token;
  };
  const stop = (): never => {
    throw new Error(
      `The formula "${text}" cannot be read at ${tokens[at] === undefined ? "its end" : `"${tokens[at]}"`}.`,
    );
  };
  const single = (): TemporalFormula => {
    const token = peek() ?? stop();
    at++;
    if (unary.has(token)) return { kind: token as "!" | "X" | "WX" | "F" | "G", of: single() };
    if (token === "(") {
      const inner = level(0);
      if (peek() !== ")") stop();
      at++;
      return inner;
    }
    if (token === "true" || token === "false" || token === "last") return { kind: token };
    if (/^[a-z_]\w*$/u.test(token)) return { kind: "atom", name: token };
    at--;
    return stop();
  };
  const level = (depth: number): TemporalFormula => {
    const kind = binary[depth];
    if (kind === undefined) return single();
    const left = level(depth + 1);
    if (peek() !== kind) return left;
    at++;
    return { kind, left, right: level(depth) };
  };
  const formula = level(0);
  if (at < tokens.length) stop();
  return formula;
}

/**
 * Truth of a formula on a finite trace (De Giacomo and Vardi, 2013; whitemech/flloat, flloat/ltlf.py). On the empty
 * trace propositions, `true`, `last`, X, F and U are false, WX, G and R true, as that library returns.
 *
 * @param trace true propositions of each step; @param at step that the formula is read at
 */
export function holdsOnTrace(
  formula: TemporalFormula,
  trace: readonly ReadonlySet<string>[],
  at = 0,
): boolean {
  const holds = (part: TemporalFormula, t = at): boolean => holdsOnTrace(part, trace, t);
  const rest = Array.from({ length: Math.max(0, trace.length - at) }, (_, k) => at + k);
  switch (formula.kind) {
    case "true":
      return at < trace.length;
    case "false":
      return false;
    case "last":
      return at === trace.length - 1;
    case "atom":
      return trace[at]?.has(formula.name) ?? false;
    case "!":
      return !holds(formula.of);
    case "X":
      return at < trace.length - 1 && holds(formula.of, at + 1);
    case "WX":
      return at >= trace.length - 1 || holds(formula.of, at + 1);
    case "F":
      return rest.some((t) => holds(formula.of, t));
    case "G":
      return rest.every((t) => holds(formula.of, t));
    case "&":
      return holds(formula.left) && holds(formula.right);
    case "|":
      return holds(formula.left) || holds(formula.right);
    case "->":
      return !holds(formula.left) || holds(formula.right);
    case "<->":
      return holds(formula.left) === holds(formula.right);
    case "U": {
      const end = rest.find((t) => holds(formula.right, t));
      return end !== undefined && rest.every((t) => t >= end || holds(formula.left, t));
    }
    case "R": {
      const broken = rest.find((t) => !holds(formula.right, t));
      return broken === undefined || rest.some((t) => t < broken && holds(formula.left, t));
    }
  }
}

/** Truth on every prefix: what the verdict would be if the episode ended there. Not a four-valued monitor. */
export function prefixVerdicts(formula: TemporalFormula, trace: readonly ReadonlySet<string>[]): boolean[] {
  return trace.map((_, t) => holdsOnTrace(formula, trace.slice(0, t + 1)));
}
