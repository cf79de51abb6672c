import { binary, number, symbol, type Expression } from "../expression";
import type { ExplanationLine, GroupMember } from "../signal";

/** Rewards of a group as symbols r_1, r_2, ... that lead to their members. */
export function rewardSymbols(members: readonly GroupMember[], rewards: Float64Array): readonly Expression[] {
  return members.map((member, index) =>
    symbol(`r_${index + 1}`, rewards[index]!, `reward of rollout ${index + 1}`, {
      trajectoryId: member.trajectoryId,
    }),
  );
}

/** `mean(r) = mean(r_1, ..., r_n)`. */
export function meanLine(name: string, rewards: readonly Expression[], value: number): ExplanationLine {
  return { name, expression: { kind: "call", name: "mean", arguments: rewards }, value };
}

/** `std(r) = sqrt(sum((r_j - mean)^2) / (n - 1))` or over n. */
export function deviationLine(
  name: string,
  rewards: readonly Expression[],
  mean: Expression,
  std: "sample" | "population",
  value: number,
): ExplanationLine {
  const squares: Expression = {
    kind: "call",
    name: "sum",
    arguments: rewards.map((reward) => binary("^", binary("-", reward, mean), number(2))),
  };
  const count = symbol("n", rewards.length, "rewards that count");
  const divisor = std === "sample" ? binary("-", count, number(1)) : count;
  return {
    name,
    expression: { kind: "call", name: "sqrt", arguments: [binary("/", squares, divisor)] },
    value,
  };
}
