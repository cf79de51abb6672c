import { expect, it } from "vitest";
import { bytes, counted, digits, percent, recorded, signedDigits } from "../../../src/host/ui/numbers";
import { significant, withSign } from "../../../webview/components/format";

it("writes numbers as the views do, so that one reward never looks like two", () => {
  for (const value of [
    0,
    1,
    0.54,
    -0.5400617,
    0.625,
    -1.2076,
    12.345,
    -187.4,
    999.6,
    1090,
    99_999,
    123_456,
    1.5e-5,
    2e-4,
    -0.0312,
    NaN,
  ]) {
    expect(digits(value)).toBe(significant(value));
    expect(signedDigits(value)).toBe(withSign(value));
  }
});

it("keeps missing, null and NaN apart", () => {
  expect([recorded(undefined), recorded(null), recorded(NaN), recorded(0)]).toEqual([
    undefined,
    "null",
    "NaN",
    "0.00",
  ]);
});

it("never rounds a share to nothing or to all", () => {
  expect([0, 0.001, 0.0934, 0.999, 1].map(percent)).toEqual(["0%", "<1%", "9%", ">99%", "100%"]);
});

it("counts and sizes", () => {
  expect([counted(1, "step"), counted(12, "step"), counted(2048, "trajectory", "trajectories")]).toEqual([
    "1 step",
    "12 steps",
    "2,048 trajectories",
  ]);
  expect([bytes(0), bytes(999), bytes(3_100_000), bytes(20_480)]).toEqual([
    "0 B",
    "999 B",
    "3.1 MB",
    "20 kB",
  ]);
});
