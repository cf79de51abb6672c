import { describe, expect, it } from "vitest";
import {
  cheapestPacking,
  packBranches,
  planCost,
  rowPerNode,
  type BranchPlan,
} from "../../../src/inference/branchPlan";
import { fillRow, layoutOf, stretchesTo, UNSEEN } from "../../../src/inference/branchRows";
import { prefixForest, type PrefixForest } from "../../../src/inference/prefixForest";

const random =
  (seed: number): (() => number) =>
  () =>
    (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;

function randomSequences(next: () => number, count: number): number[][] {
  const sequences: number[][] = [[1, 2, 3, 4]];
  while (sequences.length < count) {
    const from = sequences[Math.floor(next() * sequences.length)]!;
    const kept = from.slice(0, Math.floor(next() * (from.length + 1)));
    sequences.push([
      ...kept,
      ...Array.from({ length: 1 + Math.floor(next() * 9) }, () => Math.floor(next() * 3)),
    ]);
  }
  return sequences;
}

/** Every node once; its parent in the same row or the row's anchor; anchors ready one wave before. */
function checkPlan(forest: PrefixForest, { rows, anchors }: BranchPlan): void {
  const rowOf = new Map<number, number>();
  rows.forEach((row, r) => {
    for (const index of row.members) {
      expect(rowOf.has(index)).toBe(false);
      rowOf.set(index, r);
    }
  });
  expect(rowOf.size).toBe(forest.nodes.length);
  rows.forEach((row, r) => {
    if (row.anchor >= 0) {
      expect(anchors[row.anchor]).toBe(1);
      expect(rows[rowOf.get(row.anchor)!]!.wave).toBe(row.wave - 1);
      expect(row.past).toBe(forest.nodes[row.anchor]!.end);
    }
    const seen = new Set<number>();
    for (const index of row.members) {
      const { parent } = forest.nodes[index]!;
      expect(parent === row.anchor || seen.has(parent)).toBe(true);
      seen.add(index);
      if (parent >= 0) expect(rowOf.get(parent) === r || anchors[parent] === 1).toBe(true);
    }
    const tokens = row.members.reduce(
      (sum, index) => sum + forest.nodes[index]!.end - forest.nodes[index]!.start,
      0,
    );
    expect(row.tokens).toBe(tokens);
    if (r > 0) expect(row.wave).toBeGreaterThanOrEqual(rows[r - 1]!.wave);
  });
}

describe("packBranches", () => {
  it("puts every node of random trees into one row, behind what it continues", () => {
    const next = random(3);
    for (let round = 0; round < 60; round++) {
      const forest = prefixForest(randomSequences(next, 40), { minSaved: 1, maxSegment: 6 });
      const width = [1, 4, 8, 20, 1000][round % 5]!;
      const plan = packBranches(forest, width);
      checkPlan(forest, plan);
      checkPlan(forest, rowPerNode(forest));
      for (const row of plan.rows) if (row.members.length > 1) expect(row.tokens).toBeLessThanOrEqual(width);
      if (width === 1000) expect(plan.anchors.every((flag) => flag === 0)).toBe(true);
    }
  });

  it("computes a group's prompt once and its rollouts behind it", () => {
    const prompt = Array.from({ length: 50 }, (_, i) => i);
    const group = Array.from({ length: 6 }, (_, i) => [
      ...prompt,
      ...Array.from({ length: 10 }, () => 100 + i),
    ]);
    const { rows } = packBranches(prefixForest(group, { minSaved: 1, maxSegment: 1000 }), 20);
    expect(rows.map(({ wave, past, tokens }) => [wave, past, tokens])).toEqual([
      [0, 0, 50],
      [1, 50, 20],
      [1, 50, 20],
      [1, 50, 20],
    ]);
  });

  it("takes the packing with the lowest estimate", () => {
    const sequences = randomSequences(random(11), 80);
    const forest = prefixForest(sequences, { minSaved: 1, maxSegment: 1000 });
    const base = { token: 1000, pair: 1, copy: 10, run: 100, maxTokens: 256 };
    // Where a run costs most, everything goes into one; where attention does, rows stay narrow.
    const fewRuns = cheapestPacking(forest, { ...base, run: 1e9 });
    const littleAttention = cheapestPacking(forest, { ...base, pair: 1e6, copy: 0, run: 0 });
    expect(Math.max(...fewRuns.rows.map((row) => row.wave))).toBeLessThan(
      Math.max(...littleAttention.rows.map((row) => row.wave)),
    );
    for (const costs of [base, { ...base, run: 1e9 }, { ...base, pair: 1e6 }])
      for (const width of [1, 64, 256])
        expect(planCost(cheapestPacking(forest, costs), costs)).toBeLessThanOrEqual(
          planCost(packBranches(forest, width), costs),
        );
  });

  it("plans ten thousand rollouts of one prompt at once", () => {
    const group = Array.from({ length: 10_000 }, (_, i) => [7, 7, 7, 7, i, i, i]);
    const forest = prefixForest(group, { minSaved: 4, maxSegment: 1000 });
    const { rows } = cheapestPacking(forest, { token: 1, pair: 1, copy: 1, run: 1, maxTokens: 4096 });
    expect(rows.reduce((sum, row) => sum + row.members.length, 0)).toBe(10_001);
  });
});

describe("layoutOf", () => {
  it("lets a token see what it continues and nothing else", () => {
    const next = random(5);
    for (let round = 0; round < 20; round++) {
      const sequences = randomSequences(next, 15);
      const forest = prefixForest(sequences, { minSaved: 1, maxSegment: 1000 });
      const plan = packBranches(forest, [6, 12, 1000][round % 3]!);
      const rows = plan.rows.map((row) => fillRow(forest, row, sequences));
      const width = Math.max(...rows.map((row) => row.ids.length));
      const past = Math.max(...rows.map(({ row }) => row.past));
      const { positions, bias } = layoutOf(forest, rows, width);
      rows.forEach((filled, r) => {
        for (const [index, offset] of filled.offsets) {
          const node = forest.nodes[index]!;
          const seen = new Set(
            stretchesTo(forest, filled, index).flatMap(([from, to]) =>
              Array.from({ length: to - from }, (_, i) => from + i),
            ),
          );
          // Behind its cache, a node sees the tokens of its own sequence in this row.
          expect([...seen].map((at) => filled.ids[at])).toEqual(
            sequences[node.representative]!.slice(filled.row.past, node.end),
          );
          for (let i = 0; i < node.end - node.start; i++) {
            expect(positions[r]![offset + i]).toBe(node.start + i);
            if (!bias) continue;
            const line = bias.subarray((r * width + offset + i) * (past + width));
            expect(line.subarray(0, past).every((value) => value === 0)).toBe(true);
            for (let key = 0; key <= offset + i; key++)
              expect(line[past + key]).toBe(seen.has(key) ? 0 : UNSEEN);
          }
        }
      });
    }
  });
});
