import { meanAndSpread, normaliseGroups, type GroupConvention } from "../kernels/groupNormalisation";
import type { Precision } from "../kernels/precision";
import type { Missing } from "../series/episode";
import type { GroupMember } from "../signal";
import type { WeightedFunction } from "./groupRewards";

/**
 * Weighted sum over reward functions that skips NaN; all NaN stays NaN.
 *
 * @param perFunction one row per rollout, one column per reward function, [N][F]; @param weights [F]
 */
function weightedNanSum(
  perFunction: readonly (readonly number[])[],
  weights: readonly number[],
): Float64Array {
  return Float64Array.from(perFunction, (row) => {
    let sum = 0;
    let counted = 0;
    row.forEach((value, f) => {
      if (Number.isNaN(value)) return;
      sum += value * weights[f]!;
      counted++;
    });
    return counted === 0 ? NaN : sum;
  });
}

/** Weighted rewards of a group's members from their recorded components. */
export function combineFunctions(
  members: readonly GroupMember[],
  functions: readonly WeightedFunction[],
): { readonly rewards: Float64Array } | Missing {
  for (const { component } of functions) {
    if (!members.some((member) => Object.hasOwn(member.components, component))) {
      const known = [...new Set(members.flatMap((member) => Object.keys(member.components)))];
      return {
        missing: ["components"],
        how: `No member of the group records "${component}"; recorded components: ${known.join(", ") || "none"}.`,
      };
    }
  }
  const rows = members.map((member) => functions.map(({ component }) => member.components[component] ?? NaN));
  return {
    rewards: weightedNanSum(
      rows,
      functions.map((f) => f.weight),
    ),
  };
}

export interface FunctionAdvantages {
  readonly advantages: Float64Array;
  /** Combined reward of each rollout, [N]. */
  readonly rewards: Float64Array;
  /** Deviation that divided each row, [N]. */
  readonly spreads: Float64Array;
}

/**
 * Group advantages from several reward functions over a batch of equal groups (TRL).
 *
 * `sum-then-normalize` weighs and sums first, then normalises by the group or the batch; `normalize-then-sum`
 * standardises every function inside its group, sums with weights, and standardises the sums over the batch.
 * Rollouts that no function could score get 0 and leave the baseline.
 *
 * @param perFunction [N][F], NaN = the function gave no reward; @param groupSize members per group, in order
 */
export function functionAdvantages(
  perFunction: readonly (readonly number[])[],
  weights: readonly number[],
  groupSize: number,
  scale: "group" | "batch" | "none",
  aggregation: "sum-then-normalize" | "normalize-then-sum",
  precision: Precision = "float64",
): FunctionAdvantages {
  const size = perFunction.length;
  const groups = Int32Array.from({ length: size }, (_, row) => Math.floor(row / groupSize));
  const groupCount = Math.ceil(size / groupSize);
  const convention: GroupConvention = {
    baseline: "mean",
    std: scale === "none" && aggregation === "sum-then-normalize" ? "none" : "sample",
    spreadOver: "group",
    epsilon: 1e-4,
    singleton: "zero",
    zeroSpread: "divide",
    nan: "leave-out",
    precision,
  };
  const scorable = (values: Float64Array): Float64Array => values.filter((value) => !Number.isNaN(value));
  if (aggregation === "sum-then-normalize") {
    const rewards = weightedNanSum(perFunction, weights);
    const batchSpread = meanAndSpread(scorable(rewards), "sample", precision).spread;
    const groupResult = normaliseGroups(
      rewards,
      groups,
      groupCount,
      convention,
      scale === "batch" ? batchSpread : undefined,
    );
    // The reported deviation is the group's also for rows that could not be scored.
    const spreads =
      scale === "batch"
        ? new Float64Array(size).fill(batchSpread)
        : groupSpreads(rewards, groups, groupCount, precision);
    return { advantages: groupResult.advantages, rewards, spreads };
  }
  const columns = weights.map((_, f) =>
    normaliseGroups(
      Float64Array.from(perFunction, (row) => row[f]!),
      groups,
      groupCount,
      { ...convention, std: "sample" },
    ),
  );
  const rewards = Float64Array.from(perFunction, (row, i) => {
    if (row.every((value) => Number.isNaN(value))) return NaN;
    let sum = 0;
    columns.forEach((column, f) => {
      if (!Number.isNaN(row[f]!)) sum += column.advantages[i]! * weights[f]!;
    });
    return sum;
  });
  const { mean, spread } = meanAndSpread(scorable(rewards), "sample", precision);
  const divisor = Number.isNaN(spread) ? 0 : spread;
  return {
    advantages: Float64Array.from(rewards, (reward) =>
      Number.isNaN(reward) ? 0 : (reward - mean) / (divisor + convention.epsilon),
    ),
    rewards,
    spreads: new Float64Array(size).fill(divisor),
  };
}

/** Sample deviation of each row's group over the rewards that are numbers; 0 with fewer than two. */
function groupSpreads(
  rewards: Float64Array,
  groups: Int32Array,
  groupCount: number,
  precision: Precision,
): Float64Array {
  const members: number[][] = Array.from({ length: groupCount }, () => []);
  rewards.forEach((reward, row) => {
    if (!Number.isNaN(reward)) members[groups[row]!]!.push(reward);
  });
  const spreads = members.map((values) =>
    values.length < 2 ? 0 : meanAndSpread(Float64Array.from(values), "sample", precision).spread,
  );
  return Float64Array.from(groups, (group) => spreads[group]!);
}
