import { binary, number, symbol, type Expression } from "../expression";
import type { GroupConvention, GroupResult } from "../kernels/groupNormalisation";
import { optionalNumberOf } from "../series/parameters";
import type { ExplanationLine, ParameterValues } from "../signal";
import { deviationLine, meanLine, rewardSymbols } from "./groupExplanation";
import type { GroupRewards } from "./groupRewards";

/** Everything behind one GRPO advantage. */
export interface GrpoDerivation {
  readonly source: GroupRewards;
  readonly rewards: Float64Array;
  readonly convention: GroupConvention;
  readonly result: GroupResult;
  /** Set when the deviation, or the baseline, is taken over the whole batch. */
  readonly batch?: { readonly spread?: number; readonly mean?: number; readonly count: number };
  /** Advantage before clipping. */
  readonly raw: number;
  readonly advantage: number;
  readonly tiny: boolean;
  readonly notes: readonly string[];
}

/** The convention in a few words. */
export function conventionName(convention: GroupConvention): string {
  const std = convention.std === "none" ? "no std" : convention.std === "sample" ? "std n-1" : "std n";
  return `${std}${convention.std === "none" ? "" : `, eps ${convention.epsilon}`}${convention.baseline === "leave-one-out" ? ", leave-one-out baseline" : ""}`;
}

/** The advantage as a formula, and its symbols. */
export function explanationLines(
  prepared: GrpoDerivation,
  parameters: ParameterValues,
): readonly ExplanationLine[] {
  const { source, rewards, result, convention, batch } = prepared;
  const own = source.own;
  const reference = { trajectoryId: source.members[own]!.trajectoryId };
  const reward = symbol("r_i", rewards[own]!, "reward of this rollout", reference);
  const counted: number[] = [];
  rewards.forEach((value, i) => {
    if (!(convention.nan === "leave-out" && Number.isNaN(value))) counted.push(i);
  });
  const symbols = rewardSymbols(source.members, rewards);
  const all = counted.map((i) => symbols[i]!);
  const others = counted.filter((i) => i !== own).map((i) => symbols[i]!);
  const lines: ExplanationLine[] = [];
  const rounded = (of: Expression): Expression =>
    convention.precision === "float32" ? { kind: "call", name: "float32", arguments: [of] } : of;
  const spread = result.spreads[own]!;
  const baseline = result.baselines[own]!;
  const leaveOut = convention.baseline === "leave-one-out" && others.length > 0;
  const ofBatch = batch?.mean !== undefined;
  const baselineName = ofBatch ? "mean(batch)" : leaveOut ? "mean(others)" : "mean(r)";
  const baselineSymbol = symbol(
    baselineName,
    baseline,
    ofBatch
      ? `mean reward of the batch's ${batch.count} rollouts`
      : leaveOut
        ? "mean reward of the other rollouts"
        : "mean reward of the group",
  );
  const divides =
    convention.std !== "none" &&
    !Number.isNaN(spread) &&
    !(spread === 0 && convention.zeroSpread !== "divide");
  const single = counted.length === 1 && !ofBatch;
  let expression: Expression;
  if (Number.isNaN(rewards[own]!) || prepared.tiny || (spread === 0 && convention.zeroSpread === "zero"))
    expression = { kind: "number", value: 0 };
  else if (single && convention.singleton === "plain-reward") expression = reward;
  else if (single && convention.singleton === "reward") {
    const divisor = binary(
      "+",
      number(1),
      symbol("eps", convention.epsilon, "keeps the division away from 0"),
    );
    expression =
      convention.std === "none"
        ? reward
        : binary(
            "/",
            reward,
            batch?.spread !== undefined
              ? binary("+", symbol("std(r)", spread), symbol("eps", convention.epsilon))
              : divisor,
          );
  } else {
    expression = single
      ? binary("-", reward, reward)
      : convention.baseline === "none"
        ? reward
        : binary("-", reward, baselineSymbol);
    expression = rounded(expression);
    if (divides)
      expression = binary(
        "/",
        expression,
        binary(
          "+",
          symbol("std(r)", spread, "deviation of the rewards"),
          symbol("eps", convention.epsilon, "keeps the division away from 0"),
        ),
      );
  }
  expression = rounded(expression);
  const low = optionalNumberOf(parameters, "clipLow");
  const high = optionalNumberOf(parameters, "clipHigh");
  if (low !== undefined)
    expression = { kind: "call", name: "max", arguments: [expression, symbol("low", low, "lower limit")] };
  if (high !== undefined)
    expression = { kind: "call", name: "min", arguments: [expression, symbol("high", high, "upper limit")] };
  lines.push({ name: "A_i", expression, value: prepared.advantage });
  const push = (line: ExplanationLine): void =>
    void lines.push({ ...line, expression: rounded(line.expression) });
  if (!single && !ofBatch && convention.baseline !== "none")
    push(meanLine(baselineName, leaveOut ? others : all, baseline));
  if (!single && divides && batch?.spread === undefined) {
    const over = convention.spreadOver === "group" ? counted : counted.filter((i) => i !== own);
    const exact = over.reduce((total, i) => total + rewards[i]!, 0) / over.length;
    const mean = convention.precision === "float32" ? Math.fround(exact) : exact;
    const meanName = convention.spreadOver === "group" ? "mean(r)" : "mean(others)";
    if (over.length > 1) {
      push(
        deviationLine(
          "std(r)",
          over.map((i) => symbols[i]!),
          symbol(meanName, mean, "mean of these rewards"),
          convention.std,
          spread,
        ),
      );
    }
  }
  return lines;
}
