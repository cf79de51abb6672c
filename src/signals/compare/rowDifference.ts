import type { Trajectory } from "../../model/trajectory";
import type { SignalResult } from "../signal";

/** A row whose recorded advantage a preset does not reproduce. */
export interface MisfitRow {
  readonly trajectoryId: string;
  /** Step or token at which the difference is largest; 0 for trajectory level. */
  readonly index: number;
  readonly recorded: number;
  /** Absent where the convention gives no number. */
  readonly computed?: number;
}

export type Series = Extract<SignalResult, { values: Float64Array }>;

/** Entries of a recorded series that the policy produced: where the trainer's advantage means something. */
function policyEntries(trajectory: Trajectory, recorded: Series): readonly number[] {
  const entries: number[] = [];
  const mask = recorded.level === "token" ? trajectory.tokens?.mask : undefined;
  for (let i = 0; i < recorded.values.length; i++) {
    if (Number.isNaN(recorded.values[i]!) || (mask && mask[i] === 0)) continue;
    entries.push(i);
  }
  return entries;
}

export interface Difference {
  /** Infinite where the convention gives no number at all. */
  readonly largest: number;
  readonly row: MisfitRow;
  readonly within: boolean;
}

/** Largest difference of a row; a sentence where the numbers cannot be put beside each other. */
export function difference(
  trajectory: Trajectory,
  recorded: Series,
  computed: Series,
  tolerance: number,
): Difference | string {
  const single = computed.level === "trajectory";
  if (!single && computed.level !== recorded.level)
    return `Gives ${computed.level} numbers, the file records ${recorded.level} numbers.`;
  if (!single && computed.values.length !== recorded.values.length)
    return `Gives another count of ${computed.level} numbers than the file records.`;
  let worst: Pick<Difference, "largest" | "row"> | undefined;
  let within = true;
  for (const i of policyEntries(trajectory, recorded)) {
    const mine = single ? computed.values[0]! : computed.values[i]!;
    const theirs = recorded.values[i]!;
    const none = Number.isNaN(mine);
    const distance = none ? Infinity : Math.abs(mine - theirs);
    if (distance > tolerance * Math.max(1, Math.abs(theirs))) within = false;
    if (!worst || distance > worst.largest)
      worst = {
        largest: distance,
        row: {
          trajectoryId: trajectory.id,
          index: i,
          recorded: theirs,
          ...(none ? {} : { computed: mine }),
        },
      };
  }
  return worst ? { ...worst, within } : "The token mask leaves out every recorded advantage.";
}
