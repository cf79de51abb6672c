/** A formula as a tree, with the numbers of one case put in. The webview draws it; the CLI prints it. */
export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | {
      readonly kind: "symbol";
      /** As the paper writes it: "r_i", "mean(r)", "gamma". */
      readonly name: string;
      /** The number that the symbol stands for here. */
      readonly value?: number;
      /** What it is, in a few words, for the hover. */
      readonly meaning?: string;
      /** Where the number comes from, so that a click can go there. */
      readonly ref?: ExpressionReference;
    }
  | {
      readonly kind: "binary";
      readonly op: "+" | "-" | "*" | "/" | "^";
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "negate"; readonly of: Expression }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Expression[] };

export interface ExpressionReference {
  readonly trajectoryId?: string;
  readonly stepIndex?: number;
  readonly tokenIndex?: number;
}

export const number = (value: number): Expression => ({ kind: "number", value });

export const symbol = (
  name: string,
  value?: number,
  meaning?: string,
  ref?: ExpressionReference,
): Expression => ({
  kind: "symbol",
  name,
  ...(value === undefined ? {} : { value }),
  ...(meaning === undefined ? {} : { meaning }),
  ...(ref === undefined ? {} : { ref }),
});

export const binary = (op: "+" | "-" | "*" | "/" | "^", left: Expression, right: Expression): Expression => ({
  kind: "binary",
  op,
  left,
  right,
});

export const call = (name: string, ...parts: readonly Expression[]): Expression => ({
  kind: "call",
  name,
  arguments: parts,
});

const precedence = { "+": 1, "-": 1, "*": 2, "/": 2, "^": 3 } as const;

/** Three significant digits; very large and very small numbers in exponent form. Full precision stays in the data. */
export function shortNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e5 || magnitude < 1e-4) return value.toExponential(2).replace(/\.?0+e/, "e");
  if (magnitude >= 1000) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** Six significant digits, so that whoever puts the printed numbers into the formula gets the printed result. */
export function workingNumber(value: number): string {
  if (!Number.isFinite(value) || value === 0) return shortNumber(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6 || magnitude < 1e-4) return value.toExponential(5).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(6)));
}

/**
 * Prints an expression on one line.
 * @param substituted true = numbers in place of symbols that have one, false = the formula as the paper writes it
 * @param format how numbers are written; default three significant digits
 */
export function expressionText(
  expression: Expression,
  substituted: boolean,
  format: (value: number) => string = shortNumber,
): string {
  const print = (node: Expression, outer: number, rightSide: boolean): string => {
    switch (node.kind) {
      case "number":
        return node.value < 0 && outer > 0 ? `(${format(node.value)})` : format(node.value);
      case "symbol": {
        if (!substituted || node.value === undefined) return node.name;
        return node.value < 0 && outer > 0 ? `(${format(node.value)})` : format(node.value);
      }
      case "negate":
        return `-${print(node.of, 3, true)}`;
      case "call":
        return `${node.name}(${node.arguments.map((argument) => print(argument, 0, false)).join(", ")})`;
      case "binary": {
        const own = precedence[node.op];
        const inner = `${print(node.left, own, false)} ${node.op} ${print(node.right, own, node.op === "-" || node.op === "/")}`;
        return own < outer || (own === outer && rightSide) ? `(${inner})` : inner;
      }
    }
  };
  return print(expression, 0, false);
}

/** Evaluates an expression whose leaves all carry numbers; undefined when one does not. Tests hold explanations to it. */
export function evaluate(expression: Expression): number | undefined {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "symbol":
      return expression.value;
    case "negate": {
      const value = evaluate(expression.of);
      return value === undefined ? undefined : -value;
    }
    case "call": {
      const values = expression.arguments.map(evaluate);
      if (values.some((value) => value === undefined)) return undefined;
      const numbers = values as number[];
      switch (expression.name) {
        case "min":
          return Math.min(...numbers);
        case "max":
          return Math.max(...numbers);
        case "exp":
          return Math.exp(numbers[0] ?? NaN);
        case "log":
          return Math.log(numbers[0] ?? NaN);
        case "sqrt":
          return Math.sqrt(numbers[0] ?? NaN);
        case "abs":
          return Math.abs(numbers[0] ?? NaN);
        case "float32":
          return Math.fround(numbers[0] ?? NaN);
        case "sigmoid":
          return 1 / (1 + Math.exp(-(numbers[0] ?? NaN)));
        case "tanh":
          return Math.tanh(numbers[0] ?? NaN);
        case "sign":
          return Math.sign(numbers[0] ?? NaN);
        case "sum":
          return numbers.reduce((total, value) => total + value, 0);
        case "mean":
          return numbers.reduce((total, value) => total + value, 0) / numbers.length;
        default:
          return undefined;
      }
    }
    case "binary": {
      const left = evaluate(expression.left);
      const right = evaluate(expression.right);
      if (left === undefined || right === undefined) return undefined;
      switch (expression.op) {
        case "+":
          return left + right;
        case "-":
          return left - right;
        case "*":
          return left * right;
        case "/":
          return left / right;
        case "^":
          return left ** right;
      }
    }
  }
}
