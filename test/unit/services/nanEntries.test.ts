import { describe, expect, it } from "vitest";
import type { Step, Trajectory } from "../../../src/model/trajectory";
import { nanEntries } from "../../../src/services/nanEntries";
import { resolveParameters } from "../../../src/signals/signal";
import { recordedReward } from "../../../src/signals/recorded/recordedSeries";

const step = (index: number, reward: number | null | undefined): Step => ({
  index,
  role: "assistant",
  ...(reward === undefined ? {} : { reward }),
});
const trajectory = (rewards: readonly (number | null | undefined)[]): Trajectory => ({
  id: "t",
  datasetId: "d",
  format: "",
  source: { path: "/f", row: 0, part: 0 },
  task: {},
  steps: rewards.map((reward, index) => step(index, reward)),
  outcome: { components: {} },
  extra: {},
  notes: [],
});

describe("nanEntries", () => {
  it("tells a recorded NaN from null and from nothing", () => {
    const context = { trajectory: trajectory([1, NaN, null, undefined, 0]) };
    const result = recordedReward.compute(context, resolveParameters(recordedReward, undefined));
    if ("missing" in result) throw new Error(result.how);
    expect([...result.values]).toEqual([1, NaN, NaN, NaN, 0]);
    expect(nanEntries(context, result)).toEqual([1]);
  });

  it("takes NaN along steps for a gap where all numbers that it came from are finite", () => {
    const values = Float64Array.of(NaN, 0.5, NaN);
    const result = { level: "step", values, notes: [] } as const;
    expect(nanEntries({ trajectory: trajectory([1, undefined, 2]) }, result)).toEqual([]);
    expect(nanEntries({ trajectory: trajectory([1, NaN, 2]) }, result)).toEqual([0, 2]);
    const infinite = { ...trajectory([1]), outcome: { reward: Infinity, components: {} } };
    expect(nanEntries({ trajectory: infinite }, result)).toEqual([0, 2]);
  });

  it("takes a single NaN for the outcome of the formula", () => {
    const result = { level: "trajectory", values: Float64Array.of(NaN), notes: [] } as const;
    expect(nanEntries({ trajectory: trajectory([]) }, result)).toEqual([0]);
  });

  it("leaves tokens that the policy did not write without a number", () => {
    const tokens = {
      count: 3,
      mask: Uint8Array.of(0, 1, 1),
      series: {},
    } as unknown as NonNullable<Trajectory["tokens"]>;
    const spoiled = { ...trajectory([]), outcome: { reward: NaN, components: {} }, tokens };
    const result = { level: "token", values: Float64Array.of(NaN, NaN, NaN), notes: [] } as const;
    expect(nanEntries({ trajectory: spoiled }, result)).toEqual([1, 2]);
  });
});
