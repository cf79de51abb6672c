import { binary, type Expression } from "../expression";
import type { Precision } from "./precision";

/** Builds expressions whose operations round like the kernels do, so that they evaluate to the computed number. */
export interface RoundedArithmetic {
  /** An input as the arithmetic sees it. */
  of(expression: Expression): Expression;
  plus(left: Expression, right: Expression): Expression;
  minus(left: Expression, right: Expression): Expression;
  times(left: Expression, right: Expression): Expression;
}

export function arithmetic(precision: Precision): RoundedArithmetic {
  const round = (expression: Expression): Expression =>
    precision === "float32" ? { kind: "call", name: "float32", arguments: [expression] } : expression;
  return {
    of: round,
    plus: (left, right) => round(binary("+", left, right)),
    minus: (left, right) => round(binary("-", left, right)),
    times: (left, right) => round(binary("*", left, right)),
  };
}
