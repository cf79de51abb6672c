import { describe, expect, it } from "vitest";
import { hullCorners } from "../../../../src/signals/reward/contrastInstructions";
import { densityClusters } from "../../../../src/signals/reward/selfReferential";
import { random } from "../worlds";

describe("clusters by density", () => {
  it("take in points at exactly the radius, follow chains and leave single points out", () => {
    const points = [
      [0, 0],
      [10, 10],
      [0.5, 0],
      [3, 3],
      [1, 0],
      [10, 10.5],
    ];
    expect(densityClusters(points, 0.5)).toEqual([
      [0, 2, 4],
      [1, 5],
    ]);
    expect(densityClusters(points, 0.499)).toEqual([]);
    expect(densityClusters([[1, 1]], 0.5)).toEqual([]);
    expect(densityClusters([], 0.5)).toEqual([]);
  });

  it("count equal points as a cluster, and points that are not finite as noise", () => {
    expect(densityClusters([[2], [NaN], [2], [Infinity]], 0)).toEqual([[0, 2]]);
  });

  it("are the connected pieces of the graph of near points", () => {
    const next = random(4);
    const points = Array.from({ length: 60 }, () => [next() * 4, next() * 4]);
    const near = (a: number, b: number): boolean =>
      Math.hypot(points[a]![0]! - points[b]![0]!, points[a]![1]! - points[b]![1]!) <= 0.5;
    const clusters = densityClusters(points, 0.5);
    const of = points.map((_, i) => clusters.findIndex((members) => members.includes(i)));
    points.forEach((_, a) => {
      const others = points.map((__, b) => b).filter((b) => b !== a && near(a, b));
      expect(of[a] === -1).toBe(others.length === 0);
      for (const b of others) expect(of[b]).toBe(of[a]);
    });
  });
});

describe("corners of the hull", () => {
  it("are neither points on an edge nor repetitions, whatever the order", () => {
    const square = [
      [0, 0],
      [4, 0],
      [2, 0],
      [4, 4],
      [0, 4],
      [2, 2],
      [0, 0],
      [4, 2 + 1e-15],
    ] as const;
    expect(hullCorners(square)).toEqual([0, 1, 3, 4]);
    const turned = [...square].reverse();
    expect(
      hullCorners(turned)
        .map((i) => turned[i]!.join(" "))
        .sort(),
    ).toEqual(["0 0", "0 4", "4 0", "4 4"]);
  });

  it("do not depend on scale and refuse a line", () => {
    const line = [
      [0, 0],
      [0.1, 0.3],
      [0.2, 0.6],
      [0.3, 0.9],
    ] as const;
    for (const scale of [1, 1e-9, 1e9])
      expect(() => hullCorners(line.map(([x, y]) => [x * scale, y * scale] as const))).toThrow("one line");
    const triangle = [
      [0, 0],
      [1, 0.3],
      [0.4, 1],
      [0.4, 0.4],
    ] as const;
    for (const scale of [1e-9, 1, 1e9])
      expect(hullCorners(triangle.map(([x, y]) => [x * scale, y * scale] as const))).toEqual([0, 1, 2]);
    expect(() =>
      hullCorners([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    ).toThrow("one line");
  });
});
