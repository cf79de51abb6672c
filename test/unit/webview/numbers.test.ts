import { describe, expect, it } from "vitest";
import {
  aligned,
  bytes,
  exact,
  oneLine,
  percent,
  plural,
  significant,
  visibleToken,
  withSign,
} from "../../../webview/components/format";
import { robustLimits } from "../../../webview/components/limits";

describe("numbers as views write them", () => {
  it("keeps three significant digits, and absent, null and NaN apart", () => {
    expect([0.02, 0.625, 1, 12.34, 187.4, 1123.4, 1e-5, 123456, 0, -0].map(significant)).toEqual([
      "0.0200",
      "0.625",
      "1.00",
      "12.3",
      "187",
      "1123",
      "1.00e-5",
      "1.23e+5",
      "0.00",
      "0.00",
    ]);
    expect([undefined, null, NaN, Infinity, -Infinity].map(significant)).toEqual([
      "-",
      "null",
      "NaN",
      "inf",
      "-inf",
    ]);
    expect(significant(0.9996)).toBe("1.00");
    expect(significant(999.96)).toBe("1000");
  });

  it("always writes the sign of an advantage, and full precision where it is asked for", () => {
    expect([0.72, -1.2071, 0, null, undefined, NaN].map(withSign)).toEqual([
      "+0.720",
      "-1.21",
      "+0.00",
      "null",
      "-",
      "NaN",
    ]);
    expect(exact(-1.2070982142857143)).toBe("-1.2070982142857143");
    expect(exact(-0)).toBe("-0");
    expect(exact(undefined)).toBe("not recorded");
  });

  it("aligns a column on the largest number without turning small ones into zero", () => {
    expect([0.02, -0.74, 0, 0.0001].map((value) => aligned(value, 0.74, true))).toEqual([
      "+0.020",
      "-0.740",
      "+0.000",
      "+0.000100",
    ]);
    expect(aligned(-128.04, 1200, true)).toBe("-128");
    expect([1, 0.125, 0].map((value) => aligned(value, 1, false))).toEqual(["1.000", "0.125", "0.000"]);
    expect(aligned(3, NaN, false)).toBe("3.00");
  });

  it("never rounds a share to none or all", () => {
    expect([0, 1, 0.0004, 0.9996, 0.094, 0.5, undefined].map(percent)).toEqual([
      "0%",
      "100%",
      "<0.1%",
      ">99.9%",
      "9.4%",
      "50%",
      "-",
    ]);
  });

  it("counts in words", () => {
    expect([plural(1, "step"), plural(3072, "trajectory"), plural(2, "match"), plural(0, "key")]).toEqual([
      "1 step",
      "3,072 trajectories",
      "2 matches",
      "0 keys",
    ]);
    expect([bytes(900), bytes(3_120_000), bytes(48_231_993)]).toEqual(["900 B", "3.1 MB", "48 MB"]);
  });

  it("makes white space of tokens visible and keeps lists on one line", () => {
    expect([" the", "a b", "\n", "", "Ġof"].map(visibleToken)).toEqual(["·the", "a b", "⏎", "∅", "·of"]);
    expect(oneLine("a\n\n  b\tc", 10)).toBe("a b c");
    expect(oneLine("x".repeat(50), 10)).toBe(`${"x".repeat(10)}…`);
  });
});

describe("robust limits", () => {
  it("shows smooth series whole and cuts outliers, saying how many", () => {
    const smooth = Float64Array.from({ length: 200 }, (_, index) => Math.sin(index / 10));
    expect(robustLimits(smooth, false)?.beyond).toBe(0);
    const spiky = Float64Array.from({ length: 200 }, (_, index) => (index === 7 ? 100 : Math.sin(index)));
    const limits = robustLimits(spiky, true)!;
    expect(limits.high).toBeLessThan(1.01);
    expect(limits.low).toBe(-limits.high);
    expect(limits.beyond).toBeGreaterThan(0);
  });

  it("puts zero at the edge of one-sided signed series and keeps constants in sight", () => {
    expect(robustLimits([-3, -1, NaN], true)).toEqual({ low: -3, high: 0, beyond: 0 });
    expect(robustLimits([0, 2], true)).toEqual({ low: 0, high: 2, beyond: 0 });
    expect(robustLimits([-1, 2], true)).toEqual({ low: -2, high: 2, beyond: 0 });
    expect(robustLimits([0, NaN], true)).toEqual({ low: 0, high: 1, beyond: 0 });
    expect(robustLimits([5, 5, 5], false)).toEqual({ low: 0, high: 5, beyond: 0 });
    expect(robustLimits([0, 0], false)).toEqual({ low: 0, high: 1, beyond: 0 });
    expect(robustLimits([NaN, Infinity], true)).toBeUndefined();
  });
});
