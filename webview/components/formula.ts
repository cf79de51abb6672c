import type { Expression } from "../../src/signals/expression";
import { el, type ElementChild } from "./element";

const GREEK: Readonly<Record<string, string>> = {
  alpha: "α",
  beta: "β",
  gamma: "γ",
  delta: "δ",
  epsilon: "ε",
  eps: "ε",
  lambda: "λ",
  mu: "μ",
  pi: "π",
  rho: "ρ",
  sigma: "σ",
  tau: "τ",
  theta: "θ",
  omega: "ω",
};

type Token = { readonly kind: "number" | "name" | "sign"; readonly text: string };

/** Splits a formula into numbers, names and signs; undefined when it holds anything else. */
function tokens(text: string): Token[] | undefined {
  const pattern =
    /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_'.]*(?:\{[^{}]*\})?)|([-+*/^(),]))/uy;
  const found: Token[] = [];
  let position = 0;
  const end = text.trimEnd().length;
  while (position < end) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (!match) return undefined;
    position = pattern.lastIndex;
    if (match[1] !== undefined) found.push({ kind: "number", text: match[1] });
    else if (match[2] !== undefined) found.push({ kind: "name", text: match[2] });
    else found.push({ kind: "sign", text: match[3]! });
  }
  return found;
}

type Node = Exclude<Expression, { kind: "number" }> | { readonly kind: "number"; readonly text: string };
type Binary = {
  readonly kind: "binary";
  readonly op: "+" | "-" | "*" | "/" | "^";
  readonly left: Node;
  readonly right: Node;
};

const POWER: Readonly<Record<string, number>> = { "+": 1, "-": 1, "*": 2, "/": 2, "^": 4 };

/** Reads what `expressionText` prints; undefined for anything that it would not print. */
export function readFormula(text: string): Node | undefined {
  const list = tokens(text);
  if (!list || list.length === 0) return undefined;
  let position = 0;
  const sign = (): string | undefined => (list[position]?.kind === "sign" ? list[position]!.text : undefined);

  const atom = (): Node | undefined => {
    const token = list[position++];
    if (!token) return undefined;
    if (token.kind === "number") return { kind: "number", text: token.text };
    if (token.kind === "name") {
      if (sign() !== "(") return { kind: "symbol", name: token.text };
      position++;
      const parts: Node[] = [];
      while (sign() !== ")") {
        const part = expression(0);
        if (!part) return undefined;
        parts.push(part);
        if (sign() === ",") position++;
        else if (sign() !== ")") return undefined;
      }
      position++;
      return { kind: "call", name: token.text, arguments: parts as unknown as readonly Expression[] };
    }
    if (token.text === "-") {
      const of = expression(3);
      return of && ({ kind: "negate", of: of as Expression } as Node);
    }
    if (token.text !== "(") return undefined;
    const inner = expression(0);
    if (!inner || sign() !== ")") return undefined;
    position++;
    return inner;
  };

  const expression = (outer: number): Node | undefined => {
    let left = atom();
    while (left) {
      const op = sign();
      const power = op === undefined ? undefined : POWER[op];
      if (op === undefined || power === undefined || power <= outer) return left;
      position++;
      const right = expression(op === "^" ? power - 1 : power);
      if (!right) return undefined;
      left = { kind: "binary", op, left, right } as unknown as Node;
    }
    return undefined;
  };

  const whole = expression(0);
  return position === list.length ? whole : undefined;
}

function name(text: string): HTMLElement {
  const [base = "", ...rest] = text.split("_");
  const subscript = rest.join("_").replace(/^\{|\}$/g, "");
  const greek = (part: string): string => GREEK[part.toLowerCase()] ?? part;
  return el("var", {}, greek(base), subscript !== "" && el("sub", { text: greek(subscript) }));
}

/** A root sign that grows with what stands under it. */
function radicalSign(): Element {
  const space = "http://www.w3.org/2000/svg";
  const sign = document.createElementNS(space, "svg");
  sign.setAttribute("class", "radical-sign");
  sign.setAttribute("viewBox", "0 0 10 20");
  sign.setAttribute("preserveAspectRatio", "none");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M0 12 L3 11 L6 19.5 L10 0.5");
  sign.append(path);
  return sign;
}

/** Long lists of terms show their ends; the whole is in the tooltip. */
const TERMS = 4;
const NUMBERS = 16;

/** Terms with commas between them; the bracket that closes them never stands alone on a line. */
function listed(parts: readonly Node[], close: string): ElementChild[] {
  const simple = parts.every(
    (part) => part.kind === "number" || part.kind === "symbol" || part.kind === "negate",
  );
  // A term goes to the next line as a whole where it fits there.
  const drawn = (part: Node): HTMLElement =>
    el(
      "span",
      { class: "formula-term" },
      draw(part, 0, false),
      part === parts[parts.length - 1] ? close : ",",
    );
  if (parts.length <= (simple ? NUMBERS : TERMS))
    return parts.flatMap((part, index) => [index > 0 ? " " : "", drawn(part)]);
  return [...parts.slice(0, 2).flatMap((part) => [drawn(part), " "]), "…, ", drawn(parts[parts.length - 1]!)];
}

function draw(node: Node, outer: number, rightSide: boolean): HTMLElement {
  const brackets = (inner: readonly ElementChild[], needed: boolean): HTMLElement =>
    needed
      ? el("span", { class: "formula-group" }, "(", ...inner, ")")
      : el("span", { class: "formula-group" }, ...inner);
  switch (node.kind) {
    case "number":
      return el("span", { text: node.text });
    case "symbol":
      return name(node.name);
    case "negate":
      return brackets(["-", draw(node.of as Node, 3, true)], outer > 1 || (outer === 1 && rightSide));
    case "call":
      if (node.name === "sqrt" && node.arguments.length === 1) {
        return el(
          "span",
          { class: "radical" },
          radicalSign(),
          el("span", { class: "radicand" }, draw(node.arguments[0] as Node, 0, false)),
        );
      }
      return el(
        "span",
        { class: "formula-group" },
        /^[A-Za-z]$/.test(node.name) || node.name.includes("_")
          ? name(node.name)
          : el("span", { class: "formula-call", text: node.name }),
        "(",
        ...(node.arguments.length === 0 ? [")"] : listed(node.arguments as unknown as readonly Node[], ")")),
      );
    case "binary": {
      const { op, left, right } = node as unknown as Binary;
      if (op === "/") {
        return el(
          "span",
          { class: "fraction" },
          el("span", { class: "fraction-upper" }, draw(left, 0, false)),
          el("span", { class: "fraction-lower" }, draw(right, 0, false)),
        );
      }
      if (op === "^")
        return el(
          "span",
          { class: "formula-group" },
          draw(left, 4, false),
          el("sup", {}, draw(right, 0, false)),
        );
      const power = POWER[op]!;
      const inner = [
        draw(left, power, false),
        ` ${op === "*" ? "·" : op} `,
        draw(right, power, op === "-" || right.kind === "negate"),
      ];
      return brackets(inner, power < outer || (power === outer && rightSide));
    }
  }
}

/** Draws a formula with fractions, subscripts and Greek letters; what cannot be read is shown as it is written. */
export function formula(text: string): HTMLElement {
  const node = readFormula(text);
  const element = el("span", { class: "formula", role: "math", title: text, aria: { label: text } });
  element.append(node ? draw(node, 0, false) : text);
  return element;
}
