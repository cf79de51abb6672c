import type { TreeNode } from "../../../src/model/tree";
import { el } from "../../components/element";
import { oneLine } from "../../components/format";
import { nodeWords } from "./nodeDetail";

/** The card beside the pointer: a node's numbers and the beginning of its text. */
export class NodeHover {
  readonly element = el("div", { class: "tree-hover", hidden: true });

  /**
   * @param node undefined hides the card
   * @param x of the pointer, in pixels from the left of `inside`, within which the card stays
   */
  show(node: TreeNode | undefined, x: number, y: number, inside: HTMLElement): void {
    this.element.hidden = !node;
    if (!node) return;
    this.element.replaceChildren(
      el("div", { class: "number strong", text: nodeWords(node) }),
      el("div", { text: oneLine(node.text, 240) }),
    );
    const { width, height } = inside.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.min(x + 14, Math.max(0, width - offsetWidth - 8))}px`;
    this.element.style.top = `${y + 18 + offsetHeight > height ? y - offsetHeight - 10 : y + 18}px`;
  }
}
