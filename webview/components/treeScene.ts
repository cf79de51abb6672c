import type { TreeNode } from "../../src/model/tree";
import { fitting } from "./canvas";
import { oneLine, significant, withSign } from "./format";
import { theme } from "./theme";
import { firstAtOrBelow, type TreeLayout } from "./treeLayout";
import { abandoned, advantageShare, valueColour, visitShare, type TreeScales } from "./treeScales";

/** Where the tree lies on the screen. */
export interface TreeViewport {
  readonly width: number;
  readonly height: number;
  /** Pixels a row, and the pixel of row 0. */
  readonly rowPixels: number;
  readonly top: number;
  /** Pixels a column, and the pixel of column 0. */
  readonly columnPixels: number;
  readonly left: number;
}

export interface TreeScene {
  readonly nodes: readonly TreeNode[];
  readonly layout: TreeLayout;
  readonly scales: TreeScales;
  readonly path: ReadonlySet<number>;
  readonly selected: number;
  readonly hovered: number;
  readonly found: ReadonlySet<number>;
}

/** Edges that cross the picture without an end in it, looked for on either side of a column at most. */
const CROSSING = 150;

export const nodeX = (scene: Pick<TreeScene, "layout">, view: TreeViewport, index: number): number =>
  view.left + scene.layout.column[index]! * view.columnPixels;
export const nodeY = (scene: Pick<TreeScene, "layout">, view: TreeViewport, index: number): number =>
  view.top + scene.layout.row[index]! * view.rowPixels;

/** Radius of a node at a zoom. */
export function nodeRadius(view: TreeViewport): number {
  return Math.max(1, Math.min(6, view.rowPixels * 0.28));
}

/** Rows at least as high as this have labels. */
export const LABEL_ROW = 11;

/**
 * Pixels from the end of an edge where it begins to branch off; before that it runs level below its node's label. As
 * rows get too low for labels, edges branch off ever earlier, until they do so at the node itself.
 */
function fanWidth(view: TreeViewport): number {
  const fan = Math.max(36, Math.min(90, view.columnPixels * 0.3));
  const labelled = Math.max(0, Math.min(1, (view.rowPixels - LABEL_ROW + 3) / 3));
  return Math.min(view.columnPixels, view.columnPixels + (fan - view.columnPixels) * labelled);
}

/** The edge to a node: level from the parent at x0 to `start`, then a curve to the node at x1. */
export function edgeShape(
  scene: Pick<TreeScene, "nodes" | "layout">,
  view: TreeViewport,
  index: number,
  fan = fanWidth(view),
): {
  readonly x0: number;
  readonly y0: number;
  readonly start: number;
  readonly x1: number;
  readonly y1: number;
} {
  const { parent } = scene.nodes[index]!;
  const x0 = nodeX(scene, view, parent);
  const x1 = nodeX(scene, view, index);
  const branches = scene.layout.children[parent]!.length > 1;
  return {
    x0,
    y0: nodeY(scene, view, parent),
    start: branches && x1 - fan - x0 > 1 ? x1 - fan : x0,
    x1,
    y1: nodeY(scene, view, index),
  };
}

/** Height of a label's letters. */
export const labelSize = (view: TreeViewport, fontSize: number): number =>
  Math.min(fontSize, Math.max(9, view.rowPixels * 0.6));

/**
 * Where a node's label may stand: an end's beside it, the others' above the level part of their edges, so that no
 * edge runs through a letter.
 * @returns left edge, largest right edge, and the middle of the letters
 */
export function labelBox(
  scene: Pick<TreeScene, "nodes" | "layout">,
  view: TreeViewport,
  index: number,
  size: number,
): { readonly left: number; readonly right: number; readonly y: number } {
  const { layout } = scene;
  const radius = nodeRadius(view);
  const x = nodeX(scene, view, index);
  const y = nodeY(scene, view, index);
  const branches = layout.children[index]!.length;
  const depth = layout.column[index]!;
  const last = depth === layout.columns.length - 1;
  return {
    left: x + radius + 5,
    right: last ? view.width : x + view.columnPixels - (branches === 1 ? radius + 8 : fanWidth(view) + 2),
    y: branches === 0 ? y : y - size / 2 - 3,
  };
}

/** Nodes to draw: those in view, and of several on one pixel row only the first. */
function visible(scene: TreeScene, view: TreeViewport): number[][] {
  const { layout } = scene;
  const margin = 12 / view.rowPixels;
  const from = -view.top / view.rowPixels - margin;
  const to = (view.height - view.top) / view.rowPixels + margin;
  const first = Math.max(0, Math.floor(-view.left / view.columnPixels) - 1);
  const last = Math.min(layout.columns.length - 1, Math.ceil((view.width - view.left) / view.columnPixels));
  const shown: number[][] = [];
  for (let depth = first; depth <= last; depth++) {
    const column = layout.columns[depth]!;
    const list: number[] = [];
    let at = firstAtOrBelow(layout, column, from);
    while (at < column.length && layout.row[column[at]!]! <= to) {
      const node = column[at]!;
      list.push(node);
      at =
        view.rowPixels >= 1
          ? at + 1
          : Math.max(at + 1, firstAtOrBelow(layout, column, layout.row[node]! + 1 / view.rowPixels));
    }
    shown[depth] = list;
  }
  return shown;
}

/** Draws the tree. Work is bounded by what is on the screen, not by the size of the tree. */
export function drawTree(context: CanvasRenderingContext2D, scene: TreeScene, view: TreeViewport): void {
  const shown = visible(scene, view);
  drawEdges(context, scene, view, shown);
  const radius = nodeRadius(view);
  for (const list of shown) {
    if (!list) continue;
    for (const index of list) drawNode(context, scene, view, index, radius);
  }
  if (view.rowPixels >= LABEL_ROW) drawLabels(context, scene, view, shown);
}

function drawEdges(
  context: CanvasRenderingContext2D,
  scene: TreeScene,
  view: TreeViewport,
  shown: readonly number[][],
): void {
  const { nodes, layout, scales } = scene;
  const colours = theme();
  const fan = fanWidth(view);
  const batches = new Map<
    string,
    { path: Path2D; colour: string; width: number; dashed: boolean; alpha: number }
  >();
  const add = (index: number): void => {
    const node = nodes[index]!;
    if (node.parent < 0 || node.parent >= index) return;
    const share = advantageShare(node, scales);
    const sign = share === undefined ? 0 : Math.sign(node.advantage!);
    const level = share === undefined ? 0 : Math.ceil(share * 3);
    const onPath = scene.path.has(index);
    const dashed = abandoned(node);
    const key = `${sign} ${level} ${dashed} ${onPath}`;
    let batch = batches.get(key);
    if (!batch) {
      batch = {
        path: new Path2D(),
        colour: sign > 0 ? colours.positive : sign < 0 ? colours.negative : colours.neutral,
        width: (onPath ? 2.5 : 0.75) + level * (onPath ? 0.7 : 0.8) * Math.min(1, view.rowPixels / 14),
        dashed,
        alpha: onPath || colours.highContrast ? 1 : scene.path.size > 0 ? 0.5 : 0.8,
      };
      batches.set(key, batch);
    }
    const { x0, y0, start, x1, y1 } = edgeShape(scene, view, index, fan);
    if (start > x0) addTrunk(node.parent, onPath, x0, start, y0);
    batch.path.moveTo(start, y0);
    if (view.columnPixels < 14 || (view.rowPixels < 2 && !onPath && Math.abs(y1 - y0) < 24))
      batch.path.lineTo(x1, y1);
    else {
      const middle = (start + x1) / 2;
      batch.path.bezierCurveTo(middle, y0, middle, y1, x1, y1);
    }
  };
  // What a node's edges share is drawn once and says nothing of one branch alone.
  const trunks = new Map<number, boolean>();
  const trunkPaths = [new Path2D(), new Path2D()] as const;
  const addTrunk = (parent: number, onPath: boolean, from: number, to: number, y: number): void => {
    const known = trunks.get(parent);
    if (known === true || known === onPath) return;
    trunks.set(parent, onPath);
    const path = trunkPaths[onPath ? 1 : 0];
    path.moveTo(from, y);
    path.lineTo(to, y);
  };
  const [top, bottom] = [-view.top / view.rowPixels, (view.height - view.top) / view.rowPixels];
  shown.forEach((list, depth) => {
    for (const index of list) add(index);
    // Order is kept between columns, so edges that cross the view are next to its first and last child.
    const column = layout.columns[depth]!;
    const before = firstAtOrBelow(layout, column, top);
    for (let at = before - 1; at >= Math.max(0, before - CROSSING); at--) {
      const parent = nodes[column[at]!]!.parent;
      if (parent < 0 || layout.row[parent]! < top) break;
      add(column[at]!);
    }
    const after = firstAtOrBelow(layout, column, bottom);
    for (let at = after; at < Math.min(column.length, after + CROSSING); at++) {
      const parent = nodes[column[at]!]!.parent;
      if (parent < 0 || layout.row[parent]! > bottom) break;
      add(column[at]!);
    }
  });
  for (const index of scene.path) add(index);
  context.strokeStyle = colours.neutral;
  context.lineWidth = 1;
  context.stroke(trunkPaths[0]);
  context.strokeStyle = colours.foreground;
  context.lineWidth = 1.5;
  context.stroke(trunkPaths[1]);
  const ordered = [...batches.entries()].sort(
    ([a], [b]) => Number(a.endsWith("true")) - Number(b.endsWith("true")),
  );
  for (const [, { path, colour, width, dashed, alpha }] of ordered) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.globalAlpha = alpha;
    context.setLineDash(dashed ? [4, 3] : []);
    context.stroke(path);
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawNode(
  context: CanvasRenderingContext2D,
  scene: TreeScene,
  view: TreeViewport,
  index: number,
  radius: number,
): void {
  const node = scene.nodes[index]!;
  const x = nodeX(scene, view, index);
  const y = nodeY(scene, view, index);
  const colours = theme();
  const fill = valueColour(node, scene.scales);
  if (radius < 2) {
    context.fillStyle = fill ?? colours.neutral;
    context.fillRect(x - 1.5, y - radius, 3, Math.max(1, radius * 2));
    if (scene.found.has(index)) {
      context.fillStyle = colours.focus;
      context.fillRect(x + 2, y - 1, 5, 2);
    }
    return;
  }
  const shape = (grow: number): void => {
    context.beginPath();
    // Ends are squares, so that they stand out without colour.
    if (node.leaf)
      context.rect(
        x - radius - grow + 0.5,
        y - radius - grow + 0.5,
        (radius + grow) * 2 - 1,
        (radius + grow) * 2 - 1,
      );
    else context.arc(x, y, radius + grow, 0, 2 * Math.PI);
  };
  shape(0);
  context.fillStyle = fill ?? colours.background;
  context.fill();
  context.setLineDash(abandoned(node) ? [3, 2] : []);
  context.strokeStyle = scene.path.has(index) ? colours.foreground : colours.muted;
  context.lineWidth = 1 + 2.5 * visitShare(node, scene.scales);
  context.stroke();
  context.setLineDash([]);
  if (node.status === "generated") {
    shape(3);
    context.strokeStyle = colours.series[3] ?? colours.foreground;
    context.lineWidth = 1.5;
    context.stroke();
  }
  if (scene.found.has(index) || index === scene.hovered) {
    shape(4.5);
    context.strokeStyle = colours.focus;
    context.lineWidth = index === scene.hovered ? 1 : 2;
    context.stroke();
  }
  if (index === scene.selected) {
    shape(4.5);
    context.strokeStyle = colours.focus;
    context.lineWidth = 2.5;
    context.stroke();
  }
}

/** Zero is neither credit nor blame; in high contrast the sign alone tells. */
function advantageColour(value: number): string {
  const { highContrast, foreground, muted, positive, negative } = theme();
  if (highContrast) return foreground;
  return value > 0 ? positive : value < 0 ? negative : muted;
}

function drawLabels(
  context: CanvasRenderingContext2D,
  scene: TreeScene,
  view: TreeViewport,
  shown: readonly number[][],
): void {
  const colours = theme();
  const size = labelSize(view, colours.fontSize);
  context.textBaseline = "middle";
  for (const list of shown) {
    for (const index of list ?? []) {
      const node = scene.nodes[index]!;
      const onPath = scene.path.has(index);
      const { left, right, y } = labelBox(scene, view, index, size);
      let x = left;
      const put = (text: string, colour: string, bold: boolean): void => {
        context.font = `${bold ? "600 " : ""}${size}px ${colours.font}`;
        const { width } = context.measureText(text);
        if (x + width > right) return void (x = right);
        // A halo of the background keeps labels readable where a crossing edge of another branch comes near.
        context.strokeStyle = colours.background;
        context.lineWidth = 3;
        context.strokeText(text, x, y);
        context.fillStyle = colour;
        context.fillText(text, x, y);
        x += width + 5;
      };
      if (typeof node.value === "number") put(significant(node.value), colours.foreground, true);
      if (typeof node.advantage === "number")
        put(withSign(node.advantage), advantageColour(node.advantage), onPath);
      context.font = `${size}px ${colours.font}`;
      const words = fitting(context, oneLine(node.text, 120), right - x);
      if (words !== "") put(words, onPath ? colours.foreground : colours.muted, false);
    }
  }
}
