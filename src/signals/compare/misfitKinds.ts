import type { MisfitRow } from "./rowDifference";

/** Misfits that differ in the same way. */
export interface MisfitKind {
  /** In words: "computed is 1.07 times the recorded number". */
  readonly what: string;
  readonly count: number;
  /** Training steps of the first and the last of them, where the rows have any. */
  readonly trainingSteps?: readonly [number, number];
  /** The one with the largest difference. */
  readonly example: MisfitRow;
}

interface Kind {
  count: number;
  steps: [number, number] | undefined;
  distance: number;
  example: MisfitRow;
}

/** Different factors that are counted apart; in longer lists factors tell nothing. */
const MOST_FACTORS = 500;
/** Rows that a factor needs to be named: this many, and this share of all misfits. */
const NAMED_ROWS = 2;
const NAMED_SHARE = 0.05;

/** Sorts rows that do not fit by how they differ, which says more about a convention than the rows one by one. */
export class MisfitKinds {
  /** By what is said of them; factors as they are found. */
  private readonly kinds = new Map<string, Kind>();
  private factors = 0;

  /** @param distance of recorded and computed number; infinite where nothing was computed */
  add(row: MisfitRow, distance: number, trainingStep: number | undefined): void {
    const factor = factorOf(row);
    const rough = roughly(row);
    let what = factor ?? rough;
    if (factor !== undefined && !this.kinds.has(factor)) {
      if (this.factors >= MOST_FACTORS) what = rough;
      else this.factors++;
    }
    this.count(this.kinds, what, {
      count: 1,
      steps: trainingStep === undefined ? undefined : [trainingStep, trainingStep],
      distance,
      example: row,
    });
  }

  /** Commonest first. */
  result(): readonly MisfitKind[] {
    const total = [...this.kinds.values()].reduce((sum, { count }) => sum + count, 0);
    const told = new Map<string, Kind>();
    for (const [what, kind] of this.kinds) {
      const named = kind.count >= NAMED_ROWS && kind.count >= NAMED_SHARE * total;
      this.count(told, named ? what : roughly(kind.example), kind);
    }
    return [...told]
      .sort(([, a], [, b]) => b.count - a.count)
      .map(([what, { count, steps, example }]) => ({
        what,
        count,
        ...(steps === undefined ? {} : { trainingSteps: steps }),
        example,
      }));
  }

  private count(kinds: Map<string, Kind>, what: string, more: Kind): void {
    const known = kinds.get(what);
    if (known === undefined) {
      kinds.set(what, { ...more });
      return;
    }
    known.count += more.count;
    if (more.steps !== undefined)
      known.steps = [
        Math.min(known.steps?.[0] ?? Infinity, more.steps[0]),
        Math.max(known.steps?.[1] ?? -Infinity, more.steps[1]),
      ];
    if (more.distance > known.distance) {
      known.distance = more.distance;
      known.example = more.example;
    }
  }
}

/** Computed over recorded, to three digits; undefined where a factor says nothing. */
function factorOf({ recorded, computed }: MisfitRow): string | undefined {
  if (computed === undefined || computed === 0 || recorded === 0) return undefined;
  const factor = computed / recorded;
  if (!Number.isFinite(factor)) return undefined;
  const digits = Number(factor.toPrecision(3));
  if (digits === 1) return undefined;
  if (digits === -1) return "computed has the other sign";
  return `computed is ${digits} times the recorded number`;
}

function roughly({ recorded, computed }: MisfitRow): string {
  if (computed === undefined) return "nothing is computed there";
  if (recorded === 0) return "recorded is 0, computed is not";
  if (computed === 0) return "computed is 0, recorded is not";
  if (Math.sign(recorded) !== Math.sign(computed)) return "computed has the other sign and another size";
  const share = Math.abs(computed / recorded - 1);
  if (share < 0.005) return "computed differs by less than 0.5%";
  return Math.abs(computed) > Math.abs(recorded) ? "computed is larger" : "computed is smaller";
}
