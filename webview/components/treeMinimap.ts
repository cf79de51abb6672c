import type { TreeNode } from "../../src/model/tree";
import { beginDrawing } from "./canvas";
import { el } from "./element";
import { theme } from "./theme";
import type { TreeLayout } from "./treeLayout";
import { valueColour, type TreeScales } from "./treeScales";
import type { TreeViewport } from "./treeScene";

const WIDTH = 168;
const HEIGHT = 104;
/** Trees with fewer rows and columns fit the screen anyway. */
const WORTH_IT = 30;
/** Rows of this height can be read, so nothing need be looked up on a map. */
const READABLE = 9;

/** The whole tree, small, with the part on the screen framed; a press or drag goes there. */
export class TreeMinimap {
  readonly element = el("canvas", { class: "minimap", hidden: true, aria: { hidden: "true" } });
  private picture: HTMLCanvasElement | undefined;
  private nodes: readonly TreeNode[] = [];
  private layout: TreeLayout | undefined;
  private scales: TreeScales | undefined;

  constructor(goTo: (column: number, row: number) => void) {
    const go = (event: PointerEvent): void => {
      if ((event.buttons & 1) === 0 || !this.layout) return;
      const box = this.element.getBoundingClientRect();
      goTo(
        ((event.clientX - box.left) / WIDTH) * this.columns(),
        ((event.clientY - box.top) / HEIGHT) * this.layout.rows,
      );
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      go(event);
    });
    this.element.addEventListener("pointermove", go);
  }

  set(nodes: readonly TreeNode[], layout: TreeLayout, scales: TreeScales): void {
    this.nodes = nodes;
    this.layout = layout;
    this.scales = scales;
    this.element.hidden = layout.rows < WORTH_IT && layout.columns.length < WORTH_IT;
    this.picture = undefined;
  }

  /** Draws the tree anew, after the colours changed. */
  forget(): void {
    this.picture = undefined;
  }

  draw(view: TreeViewport): void {
    const { layout } = this;
    if (this.element.hidden || !layout) return;
    const drawing = beginDrawing(this.element);
    if (!drawing) return;
    // A map of what is on the screen anyway would only cover it.
    const whole =
      view.left >= 0 &&
      view.top >= 0 &&
      view.left + (this.columns() - 1) * view.columnPixels <= view.width &&
      view.top + (layout.rows - 1) * view.rowPixels <= view.height;
    this.element.classList.toggle("idle", whole && view.rowPixels >= READABLE);
    const { context } = drawing;
    this.picture ??= this.paint(layout);
    context.drawImage(this.picture, 0, 0, WIDTH, HEIGHT);
    const x = ((0 - view.left) / view.columnPixels / this.columns()) * WIDTH;
    const y = ((0 - view.top) / view.rowPixels / layout.rows) * HEIGHT;
    context.strokeStyle = theme().focus;
    context.lineWidth = 1.5;
    const width = (view.width / view.columnPixels / this.columns()) * WIDTH;
    const height = (view.height / view.rowPixels / layout.rows) * HEIGHT;
    context.strokeRect(
      Math.max(0.75, x),
      Math.max(0.75, y),
      Math.min(WIDTH - 1.5 - Math.max(0, x), width + Math.min(0, x)),
      Math.min(HEIGHT - 1.5 - Math.max(0, y), height + Math.min(0, y)),
    );
  }

  private columns(): number {
    return Math.max(1, this.layout?.columns.length ?? 1);
  }

  private paint(layout: TreeLayout): HTMLCanvasElement {
    const picture = document.createElement("canvas");
    const ratio = window.devicePixelRatio || 1;
    picture.width = WIDTH * ratio;
    picture.height = HEIGHT * ratio;
    const context = picture.getContext("2d");
    if (!context || !this.scales) return picture;
    context.scale(ratio, ratio);
    const across = WIDTH / this.columns();
    for (let index = 0; index < this.nodes.length; index++) {
      context.fillStyle = valueColour(this.nodes[index]!, this.scales) ?? theme().neutral;
      context.fillRect(
        layout.column[index]! * across + across / 2 - 1,
        (layout.row[index]! / layout.rows) * HEIGHT,
        Math.max(1.5, Math.min(4, across - 1)),
        Math.max(0.8, Math.min(3, HEIGHT / layout.rows)),
      );
    }
    return picture;
  }
}
