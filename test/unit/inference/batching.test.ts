import { describe, expect, it } from "vitest";
import { planBatches } from "../../../src/inference/batching";

describe("planBatches", () => {
  const lengths = [5, 30, 7, 30, 1, 12, 64, 3, 3, 29];

  it("puts every sequence into exactly one batch, within the budget", () => {
    const batches = planBatches(lengths, { maxTokens: 64, padding: true });
    expect(batches.flatMap((batch) => batch.members).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    for (const { members, width } of batches) {
      expect(Math.max(...members.map((i) => lengths[i]!))).toBe(width);
      expect(members.length * width).toBeLessThanOrEqual(64);
    }
  });

  it("gives a sequence longer than the budget a batch of its own", () => {
    expect(planBatches([100, 2], { maxTokens: 10, padding: true })).toEqual([
      { members: [0], width: 100 },
      { members: [1], width: 2 },
    ]);
  });

  it("keeps lengths apart where padding cannot be masked, and rows within the limit", () => {
    const apart = planBatches(lengths, { maxTokens: 1000, padding: false });
    for (const { members, width } of apart) for (const i of members) expect(lengths[i]).toBe(width);
    const narrow = planBatches(lengths, { maxTokens: 1000, maxRows: 2, padding: true });
    for (const { members } of narrow) expect(members.length).toBeLessThanOrEqual(2);
  });

  it("spends less on padding than the order of the file would", () => {
    const random = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 400));
    const padded = planBatches(random, { maxTokens: 4096, padding: true }).reduce(
      (sum, { members, width }) => sum + members.length * width,
      0,
    );
    const real = random.reduce((sum, length) => sum + length, 0);
    expect(padded / real).toBeLessThan(1.05);
  });

  it("is empty for nothing", () => {
    expect(planBatches([], { maxTokens: 8, padding: true })).toEqual([]);
  });
});
