import { expect, it } from "vitest";
import { truthLine } from "../../../src/host/language/truthLine";

it.each([
  [[], "no steps"],
  [[0, 0], "true at 0 of 2 steps ▯▯"],
  [[1, 1, 1], "true at 3 of 3 steps: all ▮▮▮"],
  [[1, 1, 0, 1, NaN], "true at 3 of 5 steps: 0-1, 3; unknown at 1 ▮▮▯▮?"],
  [
    Array.from({ length: 100 }, (_, t) => t % 2),
    "true at 50 of 100 steps: 1, 3, 5, 7, 9, 11, and 44 more stretches",
  ],
])("says where %j is true", (truth, line) => {
  expect(truthLine(Float64Array.from(truth))).toBe(line);
});
