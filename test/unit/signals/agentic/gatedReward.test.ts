import { describe, expect, it } from "vitest";
import { gatedAccumulation, gatedReward, parseLevels } from "../../../../src/signals/agentic/gatedReward";
import { resolveParameters } from "../../../../src/signals/signal";
import { episode, random, step, trajectory } from "../worlds";

const numbers = (result: ReturnType<typeof gatedReward.compute>): number[] => {
  if ("missing" in result) throw new Error(result.how);
  return [...result.values];
};
const with_ = (overrides: Record<string, unknown>, preset?: string) =>
  resolveParameters(gatedReward, preset, overrides);

describe("gated reward accumulation", () => {
  it("adds step rewards only when the outcome reaches delta", () => {
    const levels = [{ name: "steps", rewards: [0.25, NaN, 0.5] }];
    expect(gatedAccumulation(1, 1, levels, false).gated).toBe(1.75);
    expect(gatedAccumulation(1, 1, levels, true).gated).toBe(1);
    expect(gatedAccumulation(0.5, 1, levels, false)).toMatchObject({
      gated: 0.5,
      ungated: 1.25,
      open: [false],
    });
  });

  it("closes the gates below a level that misses its own", () => {
    const levels = [
      { name: "format", rewards: [1, 0], gate: 2 },
      { name: "scaffold", rewards: [4, 4] },
    ];
    const result = gatedAccumulation(1, 0, levels, false);
    expect(result.open).toEqual([true, false]);
    expect(result.gated).toBe(2);
    expect([...result.steps]).toEqual([1, 0]);
    expect(result.ungated).toBe(10);
  });

  it("gives a series that adds up to the gated total, for any gate", () => {
    const next = random(5);
    for (let round = 0; round < 50; round++) {
      const rewards = Array.from({ length: 1 + Math.floor(next() * 6) }, () => Math.round(next() * 64) / 64);
      const outcome = Math.round((next() * 4 - 2) * 64) / 64;
      const made = trajectory("e", {
        steps: rewards.map((reward, t) => step(t, { reward })),
        outcome: { reward: outcome, components: {} },
      });
      const delta = Math.round((next() * 4 - 2) * 64) / 64;
      const sum = numbers(gatedReward.compute({ trajectory: made }, with_({ delta }))).reduce(
        (a, b) => a + b,
        0,
      );
      const steps = rewards.reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(outcome + (outcome >= delta ? steps : 0), 12);
      const ungated = numbers(gatedReward.compute({ trajectory: made }, with_({ delta }, "d-ra")));
      expect(ungated.reduce((a, b) => a + b, 0)).toBeCloseTo(outcome + steps, 12);
    }
  });

  it("takes an outcome by how the episode ended, and says so when the file does not tell", () => {
    const made = episode("e", [1, 1]);
    const ended = { ...made, outcome: { ...made.outcome, stopReason: "empty patch" } };
    const parameters = with_({ outcome: "class", emptyPatch: -3, delta: 0 });
    const values = numbers(gatedReward.compute({ trajectory: ended }, parameters)).filter(
      (value) => !Number.isNaN(value),
    );
    expect(values.reduce((a, b) => a + b, 0)).toBe(-3);
    expect(gatedReward.compute({ trajectory: made }, parameters)).toMatchObject({
      missing: ["outcomeReward"],
    });
  });

  it("refuses a gate that is no number", () => {
    expect(parseLevels("format:1, scaffold")).toEqual([{ name: "format", gate: 1 }, { name: "scaffold" }]);
    expect(() => parseLevels("format:x")).toThrow(/no numeric gate/u);
  });
});
