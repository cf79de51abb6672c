import { describe, expect, it } from "vitest";
import { spreadLabels } from "../../../webview/components/labelSpread";

describe("labels of lines", () => {
  it("stay where they are wanted when there is room", () => {
    expect(spreadLabels([10, 50, 30], 11, 0, 60)).toEqual([10, 50, 30]);
  });

  it("give way to each other by the least shift, in order", () => {
    expect(spreadLabels([20, 20], 10, 0, 60)).toEqual([15, 25]);
    // Three that want one place stand evenly around it; the fourth is far enough.
    expect(spreadLabels([30, 30, 30, 55], 10, 0, 60)).toEqual([20, 30, 40, 55]);
  });

  it("stay inside, also when the pooled place is at an edge", () => {
    expect(spreadLabels([0, 1, 2], 10, 0, 60)).toEqual([0, 10, 20]);
    expect(spreadLabels([60, 60, 59], 10, 0, 60)).toEqual([50, 60, 40]);
  });

  it("never come nearer than the gap, whatever is wanted", () => {
    let state = 7;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 500; round++) {
      const wanted = Array.from({ length: 1 + Math.floor(random() * 6) }, () => random() * 60);
      const placed = [...(spreadLabels(wanted, 11, 4, 60) ?? [])].sort((a, b) => a - b);
      expect(placed).toHaveLength(wanted.length);
      placed.forEach((place, index) => {
        expect(place).toBeGreaterThanOrEqual(4 - 1e-9);
        expect(place).toBeLessThanOrEqual(60 + 1e-9);
        if (index > 0) expect(place - placed[index - 1]!).toBeGreaterThanOrEqual(11 - 1e-9);
      });
    }
  });

  it("say when there is no room for all", () => {
    expect(spreadLabels([1, 2, 3, 4, 5, 6, 7], 11, 0, 60)).toBeUndefined();
  });
});
