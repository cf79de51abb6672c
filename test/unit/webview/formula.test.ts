import { describe, expect, it } from "vitest";
import { binary, expressionText, number, symbol, type Expression } from "../../../src/signals/expression";
import { readFormula } from "../../../webview/components/formula";

/** Prints what was read, brackets made explicit, to compare shapes. */
function shape(node: ReturnType<typeof readFormula>): string {
  if (!node) return "?";
  switch (node.kind) {
    case "number":
      return node.text;
    case "symbol":
      return node.name;
    case "negate":
      return `(-${shape(node.of as never)})`;
    case "call":
      return `${node.name}(${node.arguments.map((part) => shape(part as never)).join(", ")})`;
    case "binary":
      return `(${shape(node.left as never)} ${node.op} ${shape(node.right as never)})`;
  }
}

describe("formulas are read back as they were printed", () => {
  const call = (name: string, ...parts: Expression[]): Expression => ({
    kind: "call",
    name,
    arguments: parts,
  });
  it.each<[Expression, string]>([
    [
      binary(
        "/",
        binary("-", symbol("r_i"), call("mean", symbol("r"))),
        binary("+", call("std", symbol("r")), symbol("eps")),
      ),
      "((r_i - mean(r)) / (std(r) + eps))",
    ],
    [binary("-", symbol("a"), binary("-", symbol("b"), symbol("c"))), "(a - (b - c))"],
    [binary("-", binary("-", symbol("a"), symbol("b")), symbol("c")), "((a - b) - c)"],
    [binary("^", binary("+", symbol("x"), number(1)), number(2)), "((x + 1) ^ 2)"],
    [{ kind: "negate", of: symbol("x") }, "(-x)"],
    [binary("*", symbol("gamma"), symbol("V_{t+1}")), "(gamma * V_{t+1})"],
    [binary("*", number(0.95), number(-0.5)), "(0.95 * (-0.5))"],
  ])("%#", (expression, wanted) => {
    expect(shape(readFormula(expressionText(expression, false)))).toBe(wanted);
  });

  it("leaves what it cannot read alone", () => {
    for (const text of ["", "a +", "(a", "f(a", "1[x > 0]", "a ? b : c", "<b>x</b>"])
      expect(readFormula(text)).toBeUndefined();
  });
});
