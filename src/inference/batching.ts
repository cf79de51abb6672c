/** Sequences of one run of a model, as indices into the caller's list. */
export interface Batch {
  readonly members: readonly number[];
  /** Longest member, in tokens: the width of the batch. */
  readonly width: number;
}

export interface BatchLimits {
  /** Rows times width at most; a single longer sequence still gets a batch of its own. */
  readonly maxTokens: number;
  readonly maxRows?: number;
  /** Tokens of padding in one batch at most; a batch more is the cheaper choice then. */
  readonly maxPadding?: number;
  /** False keeps sequences of different lengths apart, for models that cannot mask padding. */
  readonly padding: boolean;
}

/**
 * Groups sequences of similar length, longest first, so that little is spent on padding and a batch that is too
 * large for memory shows at once. Deterministic.
 * @param lengths tokens of each sequence
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits): Batch[] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: { members: number[]; width: number; padding: number }[] = [];
  for (const index of order) {
    const length = lengths[index]!;
    const open = batches.at(-1);
    const fits =
      open !== undefined &&
      (open.members.length + 1) * open.width <= limits.maxTokens &&
      open.members.length < (limits.maxRows ?? Infinity) &&
      (limits.padding || open.width === length) &&
      open.padding + open.width - length <= (limits.maxPadding ?? Infinity);
    if (fits) {
      open.members.push(index);
      open.padding += open.width - length;
    } else batches.push({ members: [index], width: length, padding: 0 });
  }
  return batches.map(({ members, width }) => ({ members, width }));
}
