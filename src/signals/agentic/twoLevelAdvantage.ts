import { normaliseGroups, type GroupConvention, type GroupResult } from "../kernels/groupNormalisation";

/** How step rows are normalised: centred, or divided by the deviation as well. */
export type RowMode = "mean_norm" | "mean_std_norm";

/** One row per policy step of a batch, in batch order. */
export interface StepRows {
  /** Task (prompt) of each row, [N]. */
  readonly tasks: readonly string[];
  /** Trajectory of each row, [N]. */
  readonly trajectories: readonly string[];
}

/** The conventions shared by GiGPO, UI-S1 and iStar: n-1, epsilon 1e-6, a lone row of a task keeps its score. */
export function rowConvention(
  mode: RowMode,
  alone: GroupConvention["singleton"],
  epsilon = 1e-6,
): GroupConvention {
  return {
    baseline: "mean",
    std: mode === "mean_norm" ? "none" : "sample",
    spreadOver: "group",
    epsilon,
    singleton: alone,
    zeroSpread: "divide",
    nan: "propagate",
    precision: "float64",
  };
}

/** Numbers keys by first appearance. */
export function numberKeys(keys: readonly string[]): { readonly groups: Int32Array; readonly count: number } {
  const known = new Map<string, number>();
  const groups = Int32Array.from(keys, (key) => {
    const number = known.get(key) ?? known.size;
    known.set(key, number);
    return number;
  });
  return { groups, count: known.size };
}

/** 1 on the first row of each trajectory of a task, 0 on its later rows. */
export function firstRows({ tasks, trajectories }: StepRows): Uint8Array {
  const seen = new Set<string>();
  return Uint8Array.from(tasks, (task, row) => {
    const key = JSON.stringify([task, trajectories[row]]);
    if (seen.has(key)) return 0;
    seen.add(key);
    return 1;
  });
}

/**
 * Normalises one value per row inside its task.
 *
 * @param over `rows`: every step row counts, so long rollouts weigh more; `trajectories`: only the first row of each does
 */
export function normaliseByTask(
  rows: StepRows,
  values: Float64Array,
  convention: GroupConvention,
  over: "rows" | "trajectories",
): GroupResult {
  const { groups, count } = numberKeys(rows.tasks);
  return normaliseGroups(
    values,
    groups,
    count,
    convention,
    undefined,
    over === "rows" ? undefined : firstRows(rows),
  );
}

/** Normalises one value per row inside groups of comparable steps; a group of one gives 0. */
export function normaliseByKey(
  keys: readonly string[],
  values: Float64Array,
  mode: RowMode,
  epsilon = 1e-6,
): GroupResult {
  const { groups, count } = numberKeys(keys);
  return normaliseGroups(values, groups, count, rowConvention(mode, "zero", epsilon));
}
