import { expect, it } from "vitest";
import { sharedWithEarlier } from "../../../src/host/editors/sharedText";

it("tells how far a text goes along with any of those above it", () => {
  const texts = [
    "9 - 4 = 5, then 5 + 2",
    "9 - 4 = 5, then 7",
    "9 - 4 = 5, then 5 - 2",
    "8",
    "9 - 4 = 5, then 7",
    "",
  ];
  expect(texts.map((_, index) => sharedWithEarlier(texts, index))).toEqual([0, 16, 18, 0, 17, 0]);
  // Not only the text right above counts, and a shorter one that agrees to its end counts with all of it.
  expect(sharedWithEarlier(["abcdef", "abx", "abcdz"], 2)).toBe(4);
  expect(sharedWithEarlier(["ab", "abcd"], 1)).toBe(2);
});

it("compares long texts in bounded time", () => {
  const long = "x".repeat(1_000_000);
  const texts = Array.from({ length: 64 }, () => long);
  expect(sharedWithEarlier(texts, 63)).toBe(100_000);
});
