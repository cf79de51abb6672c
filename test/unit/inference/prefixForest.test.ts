import { describe, expect, it } from "vitest";
import { prefixForest, type PrefixForest } from "../../../src/inference/prefixForest";

/** The tokens that a path through the forest spells for a sequence. */
function spelled(forest: PrefixForest, sequences: readonly (readonly number[])[], index: number): number[] {
  const parts: number[][] = [];
  for (let node = forest.leafOf[index]!; node >= 0; node = forest.nodes[node]!.parent) {
    const { representative, start, end } = forest.nodes[node]!;
    parts.unshift(sequences[representative]!.slice(start, end));
  }
  return parts.flat();
}

const random =
  (seed: number): (() => number) =>
  () =>
    (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;

describe("prefixForest", () => {
  it("computes a group's prompt once", () => {
    const prompt = Array.from({ length: 40 }, (_, i) => i);
    const group = Array.from({ length: 8 }, (_, i) => [...prompt, 100 + i, 7, 7]);
    const forest = prefixForest(group, { minSaved: 32, maxSegment: 1000 });
    expect(forest.tokens).toBe(40 + 8 * 3);
    expect([...forest.internal].filter((flag) => flag === 1)).toHaveLength(1);
  });

  it("spells every sequence for random trees, whatever the limits", () => {
    const next = random(7);
    for (let round = 0; round < 60; round++) {
      const sequences: number[][] = [];
      for (let i = 0; i < 30; i++) {
        const from = sequences[Math.floor(next() * sequences.length)] ?? [];
        const kept = from.slice(0, Math.floor(next() * (from.length + 1)));
        sequences.push([
          ...kept,
          ...Array.from({ length: Math.floor(next() * 6) }, () => Math.floor(next() * 3)),
        ]);
      }
      const limits = { minSaved: [1, 4, 32, Infinity][round % 4]!, maxSegment: [1, 3, 1000][round % 3]! };
      const forest = prefixForest(sequences, limits);
      sequences.forEach((sequence, i) => expect(spelled(forest, sequences, i)).toEqual(sequence));
      forest.nodes.forEach((node, i) => {
        expect(node.parent).toBeLessThan(i);
        expect(node.end - node.start).toBeGreaterThan(0);
        expect(node.end - node.start).toBeLessThanOrEqual(limits.maxSegment);
        if (node.parent >= 0) expect(forest.nodes[node.parent]!.end).toBe(node.start);
      });
      if (limits.minSaved === 1) {
        const unique = new Set(
          sequences.flatMap((sequence) => sequence.map((_, i) => sequence.slice(0, i + 1).join())),
        );
        expect(forest.tokens).toBe(unique.size);
      }
    }
  });

  it("survives a chain of thousands of branchings", () => {
    const sequences = Array.from({ length: 3000 }, (_, i) => [...Array.from({ length: i }, () => 1), 2]);
    expect(prefixForest(sequences, { minSaved: 1, maxSegment: 10_000 }).nodes.length).toBeGreaterThan(3000);
  });

  it("runs equal sequences once and leaves empty ones out", () => {
    const forest = prefixForest([[1, 2, 3], [], [1, 2, 3]], { minSaved: Infinity, maxSegment: 100 });
    expect(forest.tokens).toBe(3);
    expect([...forest.leafOf]).toEqual([0, -1, 0]);
  });
});
