import { rounding, type Precision } from "./precision";

/** How a library turns the rewards of one group into advantages. Every field is a known difference between libraries. */
export interface GroupConvention {
  /** What is subtracted: the mean of the group, the mean of the *other* members, or nothing. */
  readonly baseline: "mean" | "leave-one-out" | "none";
  /** sample = divides by n-1, population = divides by n, none = no division at all. */
  readonly std: "sample" | "population" | "none";
  /** Over whom the deviation runs: the whole group, or the other members (NeMo-RL with a leave-one-out baseline). */
  readonly spreadOver: "group" | "others";
  /** Added to the deviation before dividing. */
  readonly epsilon: number;
  /**
   * A group of one: its own reward (mean 0 and deviation 1, so divided by 1 + epsilon where a deviation divides), its
   * own reward as it is, 0, or undefined.
   */
  readonly singleton: "reward" | "plain-reward" | "zero" | "nan";
  /** Deviation exactly 0: divide by epsilon all the same, leave the difference undivided, or 0. */
  readonly zeroSpread: "divide" | "undivided" | "zero";
  /** A reward that is NaN: everything in the group turns NaN, or it is left out and gets 0. */
  readonly nan: "propagate" | "leave-out";
  readonly precision: Precision;
}

export interface GroupResult {
  /** One advantage per row, in the order of the rewards. */
  readonly advantages: Float64Array;
  /** What was subtracted from each row. */
  readonly baselines: Float64Array;
  /** Deviation that belongs to each row (before epsilon); NaN where none is taken or it is undefined. */
  readonly spreads: Float64Array;
  /** Rewards that counted, per group. */
  readonly counts: Int32Array;
}

/**
 * The one group normalisation. Groups need not be contiguous; nothing is allocated per row.
 *
 * @param rewards one reward per row, [N]
 * @param groups group number of each row, 0..groupCount-1, [N]
 * @param givenSpread deviation to divide by instead of the group's own (a batch-wide deviation)
 * @param counted 1 = the row enters its group's mean and deviation, [N]; undefined = all do. A row that does not count
 *   is normalised all the same, leave-one-out then as `(r - mean) n / (n - 1)`
 */
export function normaliseGroups(
  rewards: Float64Array,
  groups: Int32Array,
  groupCount: number,
  convention: GroupConvention,
  givenSpread?: number,
  counted?: ArrayLike<number>,
): GroupResult {
  const size = rewards.length;
  const counts = new Int32Array(groupCount);
  const sums = new Float64Array(groupCount);
  const least = new Float64Array(groupCount).fill(Infinity);
  const most = new Float64Array(groupCount).fill(-Infinity);
  const leaveOut = convention.nan === "leave-out";
  const float32 = convention.precision === "float32";
  for (let i = 0; i < size; i++) {
    const reward = rewards[i]!;
    if ((counted && !counted[i]) || (leaveOut && Number.isNaN(reward))) continue;
    const group = groups[i]!;
    counts[group]!++;
    sums[group]! += reward;
    if (reward < least[group]!) least[group] = reward;
    if (reward > most[group]!) most[group] = reward;
  }
  const means = new Float64Array(groupCount);
  // Equal rewards have exactly their own mean and no deviation, whatever rounding a sum would leave behind.
  const equal = new Uint8Array(groupCount);
  for (let group = 0; group < groupCount; group++) {
    equal[group] =
      least[group] === most[group] && Number.isFinite(least[group]!) && !Number.isNaN(sums[group]!) ? 1 : 0;
    const mean = equal[group] ? least[group]! : sums[group]! / counts[group]!;
    means[group] = float32 ? Math.fround(mean) : mean;
  }
  const squares = new Float64Array(groupCount);
  if (convention.std !== "none") {
    for (let i = 0; i < size; i++) {
      const reward = rewards[i]!;
      if ((counted && !counted[i]) || (leaveOut && Number.isNaN(reward))) continue;
      const group = groups[i]!;
      const deviation = equal[group] ? 0 : reward - means[group]!;
      squares[group]! += deviation * deviation;
    }
  }
  // The other members are all equal when only the own reward differs: their deviation is 0, whatever rounding says.
  const leastCounts = new Int32Array(groupCount);
  const mostCounts = new Int32Array(groupCount);
  if (convention.spreadOver === "others") {
    for (let i = 0; i < size; i++) {
      if (rewards[i] === least[groups[i]!]) leastCounts[groups[i]!]!++;
      if (rewards[i] === most[groups[i]!]) mostCounts[groups[i]!]!++;
    }
  }
  const advantages = new Float64Array(size);
  const baselines = new Float64Array(size);
  const spreads = new Float64Array(size);
  const unbiased = convention.std === "sample" ? 1 : 0;
  for (let i = 0; i < size; i++) {
    const reward = rewards[i]!;
    const group = groups[i]!;
    const count = counts[group]!;
    if (leaveOut && Number.isNaN(reward)) {
      baselines[i] = count === 0 ? NaN : means[group]!;
      spreads[i] = NaN;
      advantages[i] = 0;
      continue;
    }
    if (count === 1) {
      const keeps = convention.singleton === "reward" || convention.singleton === "plain-reward";
      const own = keeps ? 0 : reward;
      baselines[i] = convention.singleton === "nan" ? NaN : own;
      spreads[i] = NaN;
      if (givenSpread !== undefined) spreads[i] = givenSpread;
      const divisor =
        convention.std === "none" || convention.singleton === "plain-reward"
          ? 1
          : (givenSpread ?? 1) + convention.epsilon;
      const alone = keeps ? reward / divisor : convention.singleton === "zero" ? 0 : NaN;
      advantages[i] = float32 ? Math.fround(alone) : alone;
      continue;
    }
    const mean = means[group]!;
    let baseline = 0;
    if (convention.baseline === "mean") baseline = mean;
    else if (convention.baseline === "leave-one-out")
      baseline =
        counted && !counted[i]
          ? reward - ((reward - mean) * count) / (count - 1)
          : equal[group]
            ? reward
            : (sums[group]! - reward) / (count - 1);
    let spread = NaN;
    if (convention.std !== "none") {
      if (givenSpread !== undefined) spread = givenSpread;
      else if (convention.spreadOver === "group") spread = Math.sqrt(squares[group]! / (count - unbiased));
      else {
        const others = count - 1;
        const deviation = equal[group] ? 0 : reward - mean;
        // Removing one value x from n values lowers the sum of squares by n/(n-1) * (x - mean)^2.
        const othersEqual =
          equal[group] === 1 ||
          (leastCounts[group] === others && reward !== least[group]) ||
          (mostCounts[group] === others && reward !== most[group]);
        const remaining = othersEqual
          ? 0
          : Math.max(0, squares[group]! - (deviation * deviation * count) / others);
        spread = others - unbiased > 0 ? Math.sqrt(remaining / (others - unbiased)) : 0;
      }
      if (float32) spread = Math.fround(spread);
    }
    if (float32) baseline = Math.fround(baseline);
    const difference = float32 ? Math.fround(reward - baseline) : reward - baseline;
    let advantage = difference;
    if (convention.std !== "none") {
      if (spread === 0 && convention.zeroSpread !== "divide")
        advantage = convention.zeroSpread === "zero" ? 0 : difference;
      else advantage = difference / (spread + convention.epsilon);
    }
    baselines[i] = baseline;
    spreads[i] = spread;
    advantages[i] = float32 ? Math.fround(advantage) : advantage;
  }
  return { advantages, baselines, spreads, counts };
}

/** One group: the same as `normaliseGroups` with every row in group 0. */
export function normaliseGroup(
  rewards: Float64Array,
  convention: GroupConvention,
  givenSpread?: number,
): GroupResult {
  return normaliseGroups(rewards, new Int32Array(rewards.length), 1, convention, givenSpread);
}

/** Mean and deviation of values as one library takes them; `float32` rounds both. */
export function meanAndSpread(
  values: Float64Array,
  std: "sample" | "population",
  precision: Precision = "float64",
): { readonly mean: number; readonly spread: number } {
  const round = rounding(precision);
  const count = values.length;
  if (count === 0) return { mean: NaN, spread: NaN };
  let sum = 0;
  let equal = true;
  for (let i = 0; i < count; i++) {
    sum += values[i]!;
    if (values[i] !== values[0]) equal = false;
  }
  const mean = equal ? values[0]! : sum / count;
  const divisor = std === "sample" ? count - 1 : count;
  if (divisor === 0) return { mean: round(mean), spread: NaN };
  let squares = 0;
  for (let i = 0; i < count; i++) squares += equal ? 0 : (values[i]! - mean) ** 2;
  return { mean: round(mean), spread: round(Math.sqrt(squares / divisor)) };
}

/** Numbers the keys of rows by first appearance: the group index that `normaliseGroups` takes. */
export function groupIndex(keys: readonly (string | number)[]): {
  readonly groups: Int32Array;
  readonly names: readonly string[];
} {
  const numbers = new Map<string, number>();
  const groups = new Int32Array(keys.length);
  keys.forEach((key, row) => {
    const name = String(key);
    let known = numbers.get(name);
    if (known === undefined) {
      known = numbers.size;
      numbers.set(name, known);
    }
    groups[row] = known;
  });
  return { groups, names: [...numbers.keys()] };
}
