import { describe, expect, it } from "vitest";
import type { TreeNode } from "../../../src/model/tree";
import { ancestry, firstAtOrBelow, layoutTree, wayDown } from "../../../webview/components/treeLayout";
import { edgeShape, labelBox, labelSize } from "../../../webview/components/treeScene";
import { treeScales, visitShare } from "../../../webview/components/treeScales";

const node = (parent: number, rest: Partial<TreeNode> = {}): TreeNode => ({
  parent,
  depth: 0,
  text: "",
  leaf: false,
  status: "kept",
  ...rest,
});

describe("layout of a tree", () => {
  it("puts depth into columns and never two nodes of a column closer than a row", () => {
    const nodes = Array.from({ length: 5_000 }, (_, index) => ({
      parent: index === 0 ? -1 : Math.floor((index - 1) / 3),
    }));
    const layout = layoutTree(nodes);
    nodes.forEach(({ parent }, index) => {
      if (parent >= 0) expect(layout.column[index]).toBe(layout.column[parent]! + 1);
    });
    for (const column of layout.columns) {
      for (let at = 1; at < column.length; at++)
        expect(layout.row[column[at]!]! - layout.row[column[at - 1]!]!).toBeGreaterThanOrEqual(1 - 1e-9);
    }
    expect(Math.min(...layout.row)).toBe(0);
    expect(Math.max(...layout.row)).toBeCloseTo(layout.rows - 1, 9);
  });

  it("lays out several roots, damaged parents, nothing, and a chain of 5,000", () => {
    const layout = layoutTree([{ parent: -1 }, { parent: -1 }, { parent: 7 }, { parent: 0 }]);
    expect([...layout.column]).toEqual([0, 0, 0, 1]);
    expect(layoutTree([]).rows).toBe(0);
    const chain = layoutTree(Array.from({ length: 5_000 }, (_, index) => ({ parent: index - 1 })));
    expect(chain.columns).toHaveLength(5_000);
    expect(chain.rows).toBe(1);
  });

  it("finds the nodes in view by halving", () => {
    const layout = layoutTree([{ parent: -1 }, { parent: 0 }, { parent: 0 }, { parent: 0 }]);
    const column = layout.columns[1]!;
    expect(firstAtOrBelow(layout, column, -5)).toBe(0);
    expect(firstAtOrBelow(layout, column, layout.row[column[1]!]!)).toBe(1);
    expect(firstAtOrBelow(layout, column, 99)).toBe(3);
  });

  it("walks to the root, and down along kept branches first", () => {
    const nodes = [
      node(-1),
      node(0, { visits: 9, status: "pruned" }),
      node(0, { visits: 2 }),
      node(2, { value: 0.1 }),
      node(2, { value: 0.9 }),
    ];
    expect(ancestry(nodes, 4)).toEqual([0, 2, 4]);
    expect(wayDown(nodes, layoutTree(nodes), 0)).toBe(4);
  });
});

describe("labels of a tree", () => {
  it("are struck through by no edge and cover no other label, at every zoom that shows them", () => {
    // Uneven: single children, wide nodes, ends at all depths.
    const parents = [-1, 0, 0, 0, 1, 1, 2, 4, 4, 4, 4, 6, 11, 12, 12, 3, 15, 15, 9, 9, 18];
    const nodes = parents.map((parent) => node(parent));
    const layout = layoutTree(nodes);
    const scene = { nodes, layout };
    const faults: string[] = [];
    for (const rowPixels of [11, 13, 17, 24, 60])
      for (const columnPixels of [120, 190, 300]) {
        const view = { width: 1600, height: 900, rowPixels, top: 40, columnPixels, left: 30 };
        const size = labelSize(view, 13);
        const boxes = nodes.map((_, index) => {
          const { left, right, y } = labelBox(scene, view, index, size);
          return { left, right, top: y - size / 2, bottom: y + size / 2 };
        });
        for (const [index, { parent }] of nodes.entries()) {
          if (parent < 0) continue;
          const { x0, y0, start, x1, y1 } = edgeShape(scene, view, index);
          for (let at = 0; at <= 40; at++) {
            const share = at / 40;
            const [a, b, c, d] = [
              (1 - share) ** 3,
              3 * share * (1 - share) ** 2,
              3 * share ** 2 * (1 - share),
              share ** 3,
            ];
            const middle = (start + x1) / 2;
            const points = [
              [x0 + (start - x0) * share, y0],
              [a * start + (b + c) * middle + d * x1, (a + b) * y0 + (c + d) * y1],
            ] as const;
            for (const [x, y] of points)
              for (const box of boxes)
                if (x > box.left && x < box.right && y > box.top && y < box.bottom)
                  faults.push(`edge to ${index} at ${rowPixels}`);
          }
        }
        boxes.forEach((box, index) => {
          for (const other of boxes.slice(index + 1))
            if (
              box.left < other.right &&
              other.left < box.right &&
              box.top < other.bottom - 1e-9 &&
              other.top < box.bottom - 1e-9
            )
              faults.push(`label ${index} at ${rowPixels}`);
        });
      }
    expect(faults).toEqual([]);
  });
});

describe("scales of a tree", () => {
  it("spans shares from 0 to 1, diverges below zero, and leaves missing values out", () => {
    expect(treeScales([node(-1, { value: 0.3 }), node(0, { value: null }), node(0)]).value).toMatchObject({
      low: 0,
      high: 1,
    });
    const signed = treeScales([node(-1, { value: -2 }), node(0, { value: 1, advantage: 3, visits: 100 })]);
    expect(signed).toMatchObject({ diverging: true, advantage: 3, visits: 100 });
    expect(visitShare(node(0, { visits: 10 }), signed)).toBeCloseTo(0.5, 12);
    expect(treeScales([node(-1)])).toMatchObject({ value: undefined, advantage: 0 });
  });
});
