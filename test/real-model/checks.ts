import type { Trajectory } from "../../src/model/trajectory";

/** Counts what held and what did not, and says each with its numbers. */
export class Checks {
  passed = 0;
  failed = 0;

  check(what: string, holds: boolean, detail: string): void {
    console.log(`${holds ? "pass" : "FAIL"}  ${what}: ${detail}`);
    if (holds) this.passed++;
    else this.failed++;
  }

  /** Two lists of numbers agree to `tolerance`, and there are some. */
  near(
    what: string,
    own: ArrayLike<number> | undefined,
    expected: readonly number[],
    tolerance: number,
  ): void {
    let worst = own?.length === expected.length && expected.length > 0 ? 0 : Infinity;
    for (const [at, value] of expected.entries())
      worst = Math.max(
        worst,
        Math.abs((own?.[at] ?? Number.NaN) - value) || 0,
        Number.isNaN(own?.[at]) ? Infinity : 0,
      );
    this.check(
      what,
      worst <= tolerance,
      `largest difference ${worst.toExponential(1)} over ${expected.length} numbers`,
    );
  }
}

/** What every trajectory of these tests has. */
export const bareTrajectory: Omit<Trajectory, "id" | "steps"> = {
  datasetId: "d",
  format: "chat",
  source: { path: "x", row: 0, part: 0 },
  task: {},
  outcome: { components: {} },
  extra: {},
  notes: [],
};
