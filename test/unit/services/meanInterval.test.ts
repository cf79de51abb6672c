import { describe, expect, it } from "vitest";
import { meanInterval, unseenShare } from "../../../src/services/meanInterval";

describe("meanInterval", () => {
  it("is Student's where the numbers differ", () => {
    const { mean, interval, spread } = meanInterval([1, 2, 3, 4]);
    expect(mean).toBe(2.5);
    expect(spread).toBe(true);
    // t(0.975, 3) = 3.18245, sample deviation sqrt(5/3)
    expect(interval[1]).toBeCloseTo(2.5 + (3.18245 * Math.sqrt(5 / 3)) / 2, 5);
    expect(interval[0]).toBeCloseTo(2.5 - (3.18245 * Math.sqrt(5 / 3)) / 2, 5);
  });

  it("has no bounds where no spread was seen, whatever rounding makes of the mean", () => {
    for (const values of [[0.1], [0.1, 0.1, 0.1], Array.from({ length: 16 }, () => 0.7)])
      expect(meanInterval(values)).toEqual({
        mean: values[0],
        interval: [-Infinity, Infinity],
        spread: false,
      });
  });

  it("is absent without numbers", () => {
    expect(meanInterval([])).toEqual({ mean: NaN, interval: [NaN, NaN], spread: false });
  });
});

describe("unseenShare", () => {
  it("is the exact binomial bound for none of n", () => {
    // (1 - p)^n = 0.05
    for (const n of [1, 3, 16, 300]) expect((1 - unseenShare(n)) ** n).toBeCloseTo(0.05, 12);
    expect(unseenShare(16)).toBeCloseTo(0.17075, 4);
  });
});
