import { descriptorDistances, novelty } from "./novelty";

const mean = (rows: readonly Float64Array[]): number => {
  let sum = 0;
  let count = 0;
  for (const row of rows) {
    for (const value of row) sum += value;
    count += row.length;
  }
  return sum / count;
};

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const flat = (rows: readonly Float64Array[]): number[] => rows.flatMap((row) => Array.from(row));

/**
 * Improvement of an emitter (SERENE, Paolo et al., 2021; GPaolo/STAX, core/emitters/base_emitter.py,
 * estimate_improvement): mean reward of the last three generations minus a baseline, never below 0.
 *
 * @param values rewards of the emitter's population after each step, row 0 the first mutants, [G][N]
 * @param baseline mean that the last call left behind (`local`); default: mean of the first three rows
 * @returns the improvement, and the recent mean, which is the next call's baseline in the local form
 */
export function emitterImprovement(
  values: readonly Float64Array[],
  baseline?: number,
): { readonly improvement: number; readonly recent: number } {
  const recent = mean(values.slice(-3));
  return { recent, improvement: Math.max(recent - (baseline ?? mean(values.slice(0, 3))), 0) };
}

/** First step size: distance to the nearest other genome over 3, or `fallback` where that is 0 (calculate_init_sigma). */
export function initialStepSize(
  genome: Float64Array,
  others: readonly Float64Array[],
  fallback = 0.05,
): number {
  const nearest = Math.min(...descriptorDistances([genome], others, "euclidean")[0]!);
  return nearest === 0 ? fallback : nearest / 3;
}

/**
 * Whether an emitter has stopped improving (EmitterEvolver._stagnation). `custom`: over the last
 * int(20 genome / population + 120) rows, median or maximum of the first 20 is at least that of the last 20.
 * `original` (the CMA-ES rule): over the last max(int(30 genome / population + 120), 20 % of the steps), medians of both
 * the row maxima and the row medians of the first 30 % are at least those of the last. Never before that many steps.
 */
export function emitterStagnates(
  values: readonly Float64Array[],
  steps: number,
  genomeSize: number,
  population: number,
  mode: "custom" | "original",
): boolean {
  const window =
    mode === "custom"
      ? Math.trunc((20 * genomeSize) / population + 120)
      : Math.max(Math.trunc((30 * genomeSize) / population + 120), Math.trunc(steps * 0.2));
  if (steps <= window) return false;
  const rows = values.slice(-window);
  if (mode === "custom") {
    const early = flat(rows.slice(0, 20));
    const late = flat(rows.slice(-20));
    return median(early) >= median(late) || Math.max(...early) >= Math.max(...late);
  }
  const part = Math.trunc(0.3 * window);
  const settled = (measure: (row: number[]) => number): boolean => {
    const own = rows.map((row) => measure(Array.from(row)));
    return median(own.slice(0, part)) >= median(own.slice(-part));
  };
  return settled((row) => Math.max(...row)) && settled(median);
}

/**
 * Candidate emitters, the most novel against the reward archive first; equal novelty: the higher id first
 * (candidates_by_novelty). An empty archive leaves the order as it is.
 */
export function candidatesByNovelty(
  candidates: readonly { readonly id: number; readonly descriptor: Float64Array }[],
  archive: readonly Float64Array[],
  neighbours: number,
): number[] {
  if (archive.length === 0 || candidates.length === 0) return candidates.map(({ id }) => id);
  const distances = descriptorDistances(
    candidates.map(({ descriptor }) => descriptor),
    archive,
    "euclidean",
  );
  return candidates
    .map(({ id }, i) => ({ id, value: novelty(distances[i]!, neighbours) }))
    .sort((a, b) => b.value - a.value || b.id - a.id)
    .map(({ id }) => id);
}

/** State of the discounted UCB scheduler over two arms: explore, exploit. */
export interface SchedulerState {
  readonly values: Float64Array;
  readonly pulls: Float64Array;
  /** True once emitters were there after the last update. */
  readonly available: boolean;
}

/** The arm to pull (core/schedulers/ucb.py, action): explore without emitters, else argmax Q + c sqrt(ln t / n). */
export function chooseArm({ values, pulls, available }: SchedulerState, c: number): "explore" | "exploit" {
  const total = pulls[0]! + pulls[1]!;
  if (!available || total === 0) return "explore";
  const bound = (arm: number): number =>
    pulls[arm]! > 0 ? values[arm]! + c * Math.sqrt(Math.log(total) / pulls[arm]!) : Infinity;
  return bound(1) > bound(0) ? "exploit" : "explore";
}

/** Update of the pulled arm by Q += step (reward - Q); alpha -1 = 1 / pulls (ucb.py, update). */
export function updateArm(
  state: SchedulerState,
  arm: "explore" | "exploit",
  reward: number,
  emitters: number,
  alpha: number,
): SchedulerState {
  const index = arm === "explore" ? 0 : 1;
  const values = state.values.slice();
  const pulls = state.pulls.slice();
  pulls[index]!++;
  values[index]! += (alpha === -1 ? 1 / pulls[index]! : alpha) * (reward - values[index]!);
  return { values, pulls, available: emitters > 0 };
}
