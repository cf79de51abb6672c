import { describe, expect, it } from "vitest";
import { inOrder } from "../../../src/store/inOrder";

const compare = (left: number, right: number): number => left - right;

/** Numbers that look random and are the same each time. */
function numbers(count: number, below: number): number[] {
  let state = 7;
  return Array.from(
    { length: count },
    () => (state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296) % below,
  );
}

describe("values in order, as far as they are asked for", () => {
  it.each([
    ["none", []],
    ["few", [3, 1, 2, 1]],
    ["many", numbers(20_000, 1_000_000_007)],
    ["many with equal ones", numbers(20_000, 5)],
    ["all equal", numbers(5_000, 1)],
    ["in order already", Array.from({ length: 20_000 }, (_, index) => index)],
    ["in the opposite order", Array.from({ length: 20_000 }, (_, index) => -index)],
  ])("are those that sorting gives: %s", (_what, values) => {
    expect([...inOrder(values, compare)]).toEqual([...values].sort(compare));
  });

  it("come after few looks at the others", () => {
    const values = numbers(100_000, 1_000_000_007);
    let looks = 0;
    const ordered = inOrder(values, (left, right) => {
      looks++;
      return left - right;
    });
    const first = Array.from({ length: 10 }, () => ordered.next().value);
    expect(first).toEqual([...values].sort(compare).slice(0, 10));
    expect(looks).toBeLessThan(5 * values.length);
  });
});
