import { select, zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3";
import type { TreeNode } from "../../src/model/tree";
import { beginDrawing, onResize, oncePerFrame } from "./canvas";
import { el } from "./element";
import { onThemeChange } from "./theme";
import { firstAtOrBelow, layoutTree, type TreeLayout } from "./treeLayout";
import { TreeMinimap } from "./treeMinimap";
import { treeScales, type TreeScales } from "./treeScales";
import {
  drawTree,
  LABEL_ROW,
  nodeRadius,
  nodeX,
  nodeY,
  type TreeScene,
  type TreeViewport,
} from "./treeScene";

const ROW = 24;
/** A column that still holds a number and its sign; wider ones are taken where the whole tree fits then. */
const COLUMN = 110;
/** What the labels of the last column get at least. */
const LAST_LABELS = 60;
const WIDEST = 300;
const PADDING = 30;
/** How much higher than the picture a tree may be for its labels to be worth the scrolling. */
const NEARLY = 1.5;

export interface TreeCanvasActions {
  onSelect(index: number): void;
  onOpen(index: number): void;
  /** Node under the pointer, -1 for none. */
  onHover(index: number, x: number, y: number): void;
}

/** The tree on a canvas: zoom, pan, minimap, keyboard; draws only what is in view. */
export class TreeCanvas {
  readonly element = el("div", { class: "tree-pane" });
  private readonly canvas = el("canvas", {
    class: "tree-canvas",
    tabIndex: 0,
    role: "application",
    aria: {
      label: "Branching tree: arrow keys move between nodes, Enter opens, plus and minus zoom, 0 shows all",
    },
  });
  private readonly minimap: TreeMinimap;
  private nodes: readonly TreeNode[] = [];
  private layout: TreeLayout = layoutTree([]);
  private scales: TreeScales = treeScales([]);
  private path: ReadonlySet<number> = new Set();
  private found: ReadonlySet<number> = new Set();
  private selected = -1;
  private hovered = -1;
  private rowScale = 1;
  private top = PADDING;
  private left = PADDING;
  private fitted = false;
  private last: ZoomTransform = zoomIdentity;
  private readonly behaviour;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(private readonly actions: TreeCanvasActions) {
    this.minimap = new TreeMinimap((column, row) => this.centre(column, row));
    this.element.append(this.canvas, this.minimap.element);
    this.behaviour = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([1e-5, 4])
      .filter((event: MouseEvent) => event.type === "wheel" || event.button === 0)
      .on("zoom", (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => this.zoomed(event));
    select(this.canvas).call(this.behaviour).on("dblclick.zoom", null);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.setHovered(-1, 0, 0));
    this.canvas.addEventListener("click", (event) => this.pick(event, false));
    this.canvas.addEventListener("dblclick", (event) => this.pick(event, true));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    onResize(this.element, () => {
      if (!this.fitted && this.nodes.length > 0) this.fit(true);
      this.redraw();
    });
    onThemeChange(() => {
      this.minimap.forget();
      this.redraw();
    });
  }

  get treeLayout(): TreeLayout {
    return this.layout;
  }

  get treeScales(): TreeScales {
    return this.scales;
  }

  setNodes(nodes: readonly TreeNode[]): void {
    this.nodes = nodes;
    this.layout = layoutTree(nodes);
    this.scales = treeScales(nodes);
    this.minimap.set(nodes, this.layout, this.scales);
    this.fitted = false;
    this.fit(true);
  }

  /** @param path nodes drawn heavy; @param reveal brings the node into view */
  select(index: number, path: ReadonlySet<number>, reveal: boolean): void {
    this.selected = index;
    this.path = path;
    if (reveal && index >= 0) this.reveal(index);
    this.redraw();
  }

  setFound(found: ReadonlySet<number>): void {
    this.found = found;
    this.redraw();
  }

  focus(): void {
    this.canvas.focus();
  }

  /**
   * Shows the whole tree.
   * @param readable where little is missing for labels, shows most of it with labels instead
   */
  fit(readable = false): void {
    const height = this.canvas.clientHeight;
    if (height === 0) return;
    this.fitted = true;
    const whole = Math.min(1.2, (height - 2 * PADDING) / (Math.max(1, this.layout.rows) * ROW));
    const labelled = LABEL_ROW / ROW;
    this.rowScale = readable && whole < labelled && whole * NEARLY >= labelled ? labelled : whole;
    this.left = PADDING;
    this.top =
      Math.max(PADDING, (height - this.layout.rows * ROW * this.rowScale) / 2) + (ROW * this.rowScale) / 2;
    this.sync();
  }

  private viewport(): TreeViewport {
    const width = this.canvas.clientWidth;
    const columns = Math.max(1, this.layout.columns.length);
    // Columns stay wide enough to fill the picture however small the rows get.
    // The last column's labels need room too, so that the columns share what is left of the width.
    const share = (width - 2 * PADDING - LAST_LABELS) / columns;
    const natural = Math.max(COLUMN, Math.min(WIDEST, share));
    const narrowest = Math.min(natural, Math.max(10, share));
    const columnPixels = Math.max(narrowest, Math.min(natural, natural * this.rowScale));
    return {
      width,
      height: this.canvas.clientHeight,
      rowPixels: ROW * this.rowScale,
      top: this.top,
      columnPixels,
      left: this.left,
    };
  }

  private scene(): TreeScene {
    return {
      nodes: this.nodes,
      layout: this.layout,
      scales: this.scales,
      path: this.path,
      selected: this.selected,
      hovered: this.hovered,
      found: this.found,
    };
  }

  /** Tells the zoom behaviour where we are, after a move that did not come from it. */
  private sync(): void {
    this.last = zoomIdentity.translate(0, 0).scale(this.rowScale);
    select(this.canvas).property("__zoom", this.last);
    this.redraw();
  }

  private zoomed(event: D3ZoomEvent<HTMLCanvasElement, unknown>): void {
    const { transform } = event;
    const source = event.sourceEvent as MouseEvent | WheelEvent | null;
    if (transform.k !== this.rowScale && source) {
      const box = this.canvas.getBoundingClientRect();
      this.zoomAt(transform.k, source.clientX - box.left, source.clientY - box.top);
    } else {
      this.left += transform.x - this.last.x;
      this.top += transform.y - this.last.y;
    }
    this.last = transform;
    this.redraw();
  }

  /** Rows zoom, columns only shrink: what is under the pointer stays under it in both directions. */
  private zoomAt(scale: number, x: number, y: number): void {
    const before = this.viewport();
    const column = (x - this.left) / before.columnPixels;
    const row = (y - this.top) / before.rowPixels;
    this.rowScale = scale;
    const after = this.viewport();
    this.left = x - column * after.columnPixels;
    this.top = y - row * after.rowPixels;
  }

  private zoomBy(factor: number): void {
    this.zoomAt(
      Math.min(4, Math.max(1e-5, this.rowScale * factor)),
      this.canvas.clientWidth / 2,
      this.canvas.clientHeight / 2,
    );
    this.sync();
  }

  private centre(column: number, row: number): void {
    const view = this.viewport();
    this.left = view.width / 2 - column * view.columnPixels;
    this.top = view.height / 2 - row * view.rowPixels;
    this.sync();
  }

  private reveal(index: number): void {
    const view = this.viewport();
    const [x, y] = [nodeX(this.scene(), view, index), nodeY(this.scene(), view, index)];
    if (y < 20) this.top += 40 - y;
    else if (y > view.height - 20) this.top -= y - view.height + 40;
    if (x < 20) this.left += 40 - x;
    else if (x > view.width - 24) this.left -= x - view.width + 160;
    this.sync();
  }

  private draw(): void {
    const drawing = beginDrawing(this.canvas);
    if (!drawing || this.nodes.length === 0) return;
    const view = this.viewport();
    drawTree(drawing.context, this.scene(), view);
    this.minimap.draw(view);
  }

  /** The node under a point of the canvas, -1 for none. */
  private at(event: MouseEvent): number {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const view = this.viewport();
    const depth = Math.round((x - view.left) / view.columnPixels - 0.1);
    const column = this.layout.columns[depth] ?? this.layout.columns[depth - 1];
    if (!column) return -1;
    const row = (y - view.top) / view.rowPixels;
    const at = firstAtOrBelow(this.layout, column, row);
    let best = -1;
    let nearest = Math.max(nodeRadius(view) + 4, Math.min(12, view.rowPixels / 2));
    for (const candidate of [column[at - 1], column[at]]) {
      if (candidate === undefined) continue;
      const distance = Math.abs(nodeY(this.scene(), view, candidate) - y);
      if (distance <= nearest) {
        nearest = distance;
        best = candidate;
      }
    }
    return best;
  }

  private pick(event: MouseEvent, open: boolean): void {
    const index = this.at(event);
    if (index < 0) return;
    if (open) this.actions.onOpen(index);
    else this.actions.onSelect(index);
  }

  private hover(event: PointerEvent): void {
    const index = event.buttons === 0 ? this.at(event) : -1;
    const box = this.element.getBoundingClientRect();
    this.setHovered(index, event.clientX - box.left, event.clientY - box.top);
  }

  private setHovered(index: number, x: number, y: number): void {
    this.actions.onHover(index, x, y);
    this.canvas.style.cursor = index >= 0 ? "pointer" : "grab";
    if (index === this.hovered) return;
    this.hovered = index;
    this.redraw();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.nodes.length === 0) return;
    const at = Math.max(0, this.selected);
    const column = this.layout.columns[this.layout.column[at]!]!;
    const place = firstAtOrBelow(this.layout, column, this.layout.row[at]!);
    const children = this.layout.children[at]!;
    const onPath = children.find((child) => this.path.has(child));
    const parent = this.nodes[at]!.parent;
    const moves: Readonly<Record<string, number | undefined>> = {
      ArrowRight: onPath ?? children[0],
      ArrowLeft: parent >= 0 ? parent : undefined,
      ArrowDown: column[place + 1],
      ArrowUp: column[place - 1],
      Home: 0,
    };
    if (event.key in moves) {
      const target = moves[event.key];
      if (target !== undefined) this.actions.onSelect(target);
    } else if (event.key === "Enter" && this.selected >= 0) this.actions.onOpen(this.selected);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.25);
    else if (event.key === "-") this.zoomBy(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
