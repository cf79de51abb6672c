import { editDistance, longestSuffixIn, rougeL } from "../kernels/sequenceDistance";

/** When a runner-up token opens a branch. */
export interface BranchRule {
  /** Its probability must be above this. */
  readonly absolute: number;
  /** Bound on the gap to the most likely token. */
  readonly relative: number;
  /** `below`: the gap must be below the bound (since 23 January 2026); `above`: it must be above (earlier commits). */
  readonly gap: "below" | "above";
}

/** LATR's branch test (model/sample_filter.py, ProbFilter); both comparisons are strict. */
export function opensBranch(topProbability: number, probability: number, rule: BranchRule): boolean {
  const gap = topProbability - probability;
  return probability > rule.absolute && (rule.gap === "below" ? gap < rule.relative : gap > rule.relative);
}

/** Share of a branch's tokens that repeat the parent's end, or the other way round. */
export function suffixMatch<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  return a.length === 0 ? 0 : Math.max(longestSuffixIn(a, b), longestSuffixIn(b, a)) / a.length;
}

/** A rollout that is being generated, or a branch of one. */
export interface Branch {
  parent: number | null;
  readonly root: number;
  /** Step at which it left its parent; 0 for roots. */
  readonly birthStep: number;
  children: number[];
  /** Sum of log(p + 1e-9), nats. */
  logprob: number;
  /** Branches that this row would have opened, had there been room. */
  suppressed: number;
}

/** Look-ahead pruning: a branch is dropped when, some steps after its birth, it still does what its parent does. */
export interface PruneRule {
  /** Ages, in steps, at which branches are compared. */
  readonly ages: readonly number[];
  /** Drop when edit distance / age is below this. */
  readonly edit?: number;
  /** Drop when the suffix match is above this. */
  readonly suffix?: number;
  /** Drop when ROUGE-L is above this. */
  readonly rouge?: number;
}

export interface LatrState {
  readonly sequences: number[][];
  readonly branches: Branch[];
}

/** Roots before the first step; every sequence starts with its prompt id. */
export function latrRoots(firstIds: readonly number[]): LatrState {
  return {
    sequences: firstIds.map((id) => [id]),
    branches: firstIds.map((_, root) => ({
      parent: null,
      root,
      birthStep: 0,
      children: [],
      logprob: 0,
      suppressed: 0,
    })),
  };
}

/**
 * One step for all rows: every row goes on with its likeliest token; runner-up tokens that pass the branch rule open new
 * rows, in row order, while the root has room; the others are counted as suppressed.
 *
 * @param probabilities next-token distribution of each row, [rows][V]
 * @param capacity rows per root; @param width candidates looked at per row (2 = one runner-up)
 * @returns rows that had a runner-up which passed the rule
 */
export function latrStep(
  state: LatrState,
  probabilities: readonly ArrayLike<number>[],
  step: number,
  rule: BranchRule,
  capacity: number,
  width = 2,
): number {
  const { sequences, branches } = state;
  const rows = branches.length;
  const members = new Map<number, number>();
  for (const branch of branches) members.set(branch.root, (members.get(branch.root) ?? 0) + 1);
  let candidates = 0;
  const opened: { readonly parent: number; readonly sequence: number[]; readonly logprob: number }[] = [];
  for (let row = 0; row < rows; row++) {
    const distribution = Array.from(probabilities[row]!);
    const order = [...distribution.keys()]
      .sort((a, b) => distribution[b]! - distribution[a]!)
      .slice(0, width);
    const [best, ...others] = order;
    const branch = branches[row]!;
    const before = sequences[row]!;
    const passing = others.filter((token) => opensBranch(distribution[best!]!, distribution[token]!, rule));
    if (passing.length > 0) candidates++;
    for (const token of passing) {
      const size = members.get(branch.root)!;
      if (size >= capacity) {
        branch.suppressed++;
        continue;
      }
      members.set(branch.root, size + 1);
      opened.push({
        parent: row,
        sequence: [...before, token],
        logprob: branch.logprob + Math.log(distribution[token]! + 1e-9),
      });
    }
    branch.logprob += Math.log(distribution[best!]! + 1e-9);
    sequences[row] = [...before, best!];
  }
  for (const { parent, sequence, logprob } of opened) {
    branches[parent]!.children.push(branches.length);
    branches.push({
      parent,
      root: branches[parent]!.root,
      birthStep: step,
      children: [],
      logprob,
      suppressed: 0,
    });
    sequences.push(sequence);
  }
  return candidates;
}

/** Rows and all rows that descend from them, in order. */
function withDescendants(branches: readonly Branch[], rows: readonly number[]): readonly number[] {
  const found = new Set(rows);
  // Parents come before their children, so one pass finds every generation.
  branches.forEach((branch, row) => {
    if (branch.parent !== null && found.has(branch.parent)) found.add(row);
  });
  return [...found].sort((a, b) => a - b);
}

export interface PruneResult {
  /** Rows to drop, descendants included, ascending. */
  readonly removed: readonly number[];
  /** Branches that were compared. */
  readonly compared: number;
  /** Why each compared row that is dropped was dropped. */
  readonly reasons: ReadonlyMap<number, string>;
}

/**
 * Look-ahead pruning after a step (model/sample_filter.py, RolloutFilter): compares the tokens since a branch's birth with
 * the same tokens of its parent. Rows that hold the end token are left alone; roots are never dropped.
 *
 * @param step number of the next step; @param promptLength ids in front of the first generated token
 * @param keep parent tokens at the fork (such as mathematical symbols) at which branches are always kept
 */
export function latrPrune(
  { sequences, branches }: LatrState,
  step: number,
  rule: PruneRule,
  endToken: number | undefined,
  promptLength = 1,
  keep: ReadonlySet<number> = new Set(),
): PruneResult {
  const reasons = new Map<number, string>();
  let compared = 0;
  branches.forEach((branch, row) => {
    if (branch.parent === null) return;
    const age = step - branch.birthStep;
    if (!rule.ages.includes(age)) return;
    const from = promptLength + branch.birthStep;
    const mine = sequences[row]!.slice(from, from + age);
    const theirs = sequences[branch.parent]!.slice(from, from + age);
    if (endToken !== undefined && (mine.includes(endToken) || theirs.includes(endToken))) return;
    if (keep.has(theirs[0]!)) return;
    compared++;
    const edit = editDistance(mine, theirs) / age;
    if (rule.edit !== undefined && edit < rule.edit)
      reasons.set(row, `edit distance ${edit} below ${rule.edit}`);
    const suffix = suffixMatch(mine, theirs);
    if (rule.suffix !== undefined && suffix > rule.suffix)
      reasons.set(row, `suffix match ${suffix} above ${rule.suffix}`);
    const rouge = rougeL(mine, theirs);
    if (rule.rouge !== undefined && rouge > rule.rouge)
      reasons.set(row, `ROUGE-L ${rouge} above ${rule.rouge}`);
  });
  return { removed: withDescendants(branches, [...reasons.keys()]), compared, reasons };
}

/** Drops rows and renumbers parents and children. */
export function removeRows(state: LatrState, removed: readonly number[]): LatrState {
  const gone = new Set(removed);
  const renumber = new Map<number, number>();
  state.branches.forEach((_, row) => {
    if (!gone.has(row)) renumber.set(row, renumber.size);
  });
  const kept = [...renumber.keys()];
  return {
    sequences: kept.map((row) => state.sequences[row]!),
    branches: kept.map((row) => {
      const branch = state.branches[row]!;
      return {
        ...branch,
        parent: branch.parent === null ? null : renumber.get(branch.parent)!,
        children: branch.children.flatMap((child) => renumber.get(child) ?? []),
      };
    }),
  };
}

/**
 * Cumulative filter (CumulativeProbFilter): every `interval` steps, drops branches whose log-probability is below the best
 * of their root plus log(threshold) times the step, unless the root is full or the row has ended.
 */
export function latrCumulativeFilter(
  branches: readonly Pick<Branch, "parent" | "root" | "logprob">[],
  sequences: readonly (readonly number[])[],
  step: number,
  options: {
    readonly threshold: number;
    readonly interval: number;
    readonly capacity: number;
    readonly endToken: number;
  },
): { readonly removed: readonly number[]; readonly compared: number } {
  if (step % options.interval !== 0) return { removed: [], compared: 0 };
  const best = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const { root, logprob } of branches) {
    best.set(root, Math.max(best.get(root) ?? -Infinity, logprob));
    sizes.set(root, (sizes.get(root) ?? 0) + 1);
  }
  const removed = [...branches.keys()].filter((row) => {
    const { parent, root, logprob } = branches[row]!;
    if (parent === null || sizes.get(root)! >= options.capacity || sequences[row]!.includes(options.endToken))
      return false;
    return logprob < best.get(root)! + Math.log(options.threshold) * step;
  });
  return { removed, compared: branches.length };
}
