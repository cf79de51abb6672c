/** End flags of a flat D4RL file, one row per step. */
export interface FlatFlags {
  readonly terminals: ArrayLike<number>;
  /** Undefined = the file has no such field, and episodes end after `longest` steps. */
  readonly timeouts?: ArrayLike<number>;
  readonly longest: number;
}

/** A transition of a flat file, by row numbers. */
export interface RowTransition {
  readonly row: number;
  /** Row read as the next state: always the one after, at an end the first of the next episode. */
  readonly next: number;
  readonly terminal: boolean;
}

/**
 * Transitions as `qlearning_dataset` reads a flat file (Farama-Foundation/D4RL, d4rl/__init__.py): row i with row i + 1
 * as its next state, even where the next row starts another episode. The file's last row is never used; rows that time
 * out are left out unless `keepTimeouts` (terminate_on_end) is set.
 */
export function rowTransitions(
  { terminals, timeouts, longest }: FlatFlags,
  keepTimeouts: boolean,
): RowTransition[] {
  const out: RowTransition[] = [];
  let steps = 0;
  for (let row = 0; row < terminals.length - 1; row++) {
    const terminal = Boolean(terminals[row]);
    const timeout = timeouts ? Boolean(timeouts[row]) : steps === longest - 1;
    if (timeout && !keepTimeouts) {
      steps = 0;
      continue;
    }
    if (terminal || timeout) steps = 0;
    out.push({ row, next: row + 1, terminal });
    steps++;
  }
  return out;
}

/**
 * Rows of each episode as `sequence_dataset` cuts a flat file. Rows after the last end are dropped. Without timeouts the
 * step counter restarts at 1 after the first episode, so later episodes of a cut file are one step shorter.
 */
export function episodeRows({ terminals, timeouts, longest }: FlatFlags): number[][] {
  const episodes: number[][] = [];
  let own: number[] = [];
  let steps = 0;
  for (let row = 0; row < terminals.length; row++) {
    own.push(row);
    if (terminals[row] || (timeouts ? timeouts[row] : steps === longest - 1)) {
      episodes.push(own);
      own = [];
      steps = 0;
    }
    steps++;
  }
  return episodes;
}
