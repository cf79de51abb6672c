import { describe, expect, it } from "vitest";
import { formats } from "../../../src/formats/index";
import { signals } from "../../../src/signals/index";
import { systems } from "../../../src/signals/systems";

describe("the published systems", () => {
  it("have unique ids, and each row of the list at most once, in order", () => {
    expect(new Set(systems.map(({ id }) => id)).size).toBe(systems.length);
    const rows = systems.map(({ row }) => row);
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
    expect(rows.every((row) => Number.isInteger(row) && row >= 1 && row <= 48)).toBe(true);
  });

  it("cover the published list without a gap", () => {
    expect(systems.map(({ row }) => row)).toEqual(Array.from({ length: 48 }, (_, k) => k + 1));
  });

  it.each(systems)("$id names signals and formats that exist", (system) => {
    expect(system.signals.length).toBeGreaterThan(0);
    const signalIds = new Set(signals.map(({ id }) => id));
    const formatIds = new Set(formats.map(({ id }) => id));
    expect(system.signals.filter((id) => !signalIds.has(id))).toEqual([]);
    expect((system.formats ?? []).filter((id) => !formatIds.has(id))).toEqual([]);
  });

  it("stand beside standard estimators", () => {
    expect(signals.filter(({ estimator }) => estimator).length).toBeGreaterThanOrEqual(25);
  });
});
