import { hierarchy, tree, type HierarchyNode } from "d3";
import type { TreeNode } from "../../src/model/tree";

/** Places of all nodes: a row (vertical, in rows of one unit) and a column (its depth). */
export interface TreeLayout {
  readonly row: Float64Array;
  readonly column: Int32Array;
  readonly children: readonly (readonly number[])[];
  /** Nodes of each column from top to bottom. */
  readonly columns: readonly Int32Array[];
  readonly rows: number;
}

/** What is laid out: a node of the tree, or the invisible root above several roots. */
interface Place {
  readonly index: number;
}

/**
 * Tidy layout from left to right. Nodes come parents first, as the model promises; a node whose parent is not before
 * it is taken for a root, so that a damaged tree is still shown.
 */
export function layoutTree(nodes: readonly Pick<TreeNode, "parent">[]): TreeLayout {
  const children: number[][] = nodes.map(() => []);
  const roots: number[] = [];
  nodes.forEach(({ parent }, index) => {
    if (parent >= 0 && parent < index) children[parent]!.push(index);
    else roots.push(index);
  });
  const row = new Float64Array(nodes.length);
  const column = new Int32Array(nodes.length);
  const columns: number[][] = [];
  if (nodes.length > 0) {
    const top = hierarchy<Place>({ index: -1 }, (place) =>
      (place.index < 0 ? roots : children[place.index]!).map((index) => ({ index })),
    );
    const placed = tree<Place>()
      .nodeSize([1, 1])
      // The label of a branch stands above its row, that of an end in its row: between the two is half a row more.
      .separation((a, b) =>
        (a.children === undefined) === (b.children === undefined) ? (a.parent === b.parent ? 1 : 1.35) : 1.5,
      )(top);
    // Breadth first visits each column from top to bottom.
    placed.each((node: HierarchyNode<Place> & { x: number }) => {
      const { index } = node.data;
      if (index < 0) return;
      row[index] = node.x;
      column[index] = node.depth - 1;
      (columns[node.depth - 1] ??= []).push(index);
    });
  }
  let low = Infinity;
  let high = -Infinity;
  for (const each of row) {
    if (each < low) low = each;
    if (each > high) high = each;
  }
  for (let index = 0; index < row.length; index++) row[index]! -= low;
  return {
    row,
    column,
    children,
    columns: columns.map((each) => Int32Array.from(each)),
    rows: nodes.length === 0 ? 0 : high - low + 1,
  };
}

/** First position in a column whose row is at least `row`. */
export function firstAtOrBelow(layout: TreeLayout, column: Int32Array, row: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (layout.row[column[middle]!]! < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Nodes from the root to `index`. */
export function ancestry(nodes: readonly Pick<TreeNode, "parent">[], index: number): number[] {
  const path: number[] = [];
  for (let at = index; at >= 0 && at < nodes.length;) {
    path.push(at);
    const parent = nodes[at]!.parent;
    at = parent < at ? parent : -1;
  }
  return path.reverse();
}

/** The way on from a node: its most visited child, or the best one, down to a leaf. */
export function wayDown(nodes: readonly TreeNode[], layout: TreeLayout, index: number): number {
  let at = index;
  for (;;) {
    const next = layout.children[at]?.reduce<number | undefined>(
      (best, child) => (best === undefined || better(nodes[child]!, nodes[best]!) ? child : best),
      undefined,
    );
    if (next === undefined) return at;
    at = next;
  }
}

function better(a: TreeNode, b: TreeNode): boolean {
  const kept =
    Number(a.status !== "pruned" && a.status !== "suppressed") -
    Number(b.status !== "pruned" && b.status !== "suppressed");
  if (kept !== 0) return kept > 0;
  return (a.visits ?? 0) !== (b.visits ?? 0)
    ? (a.visits ?? 0) > (b.visits ?? 0)
    : (a.value ?? -Infinity) > (b.value ?? -Infinity);
}
