import type { TreeNode } from "../../../src/model/tree";
import { textField, type Field } from "../../components/controls";
import { el, setText } from "../../components/element";
import { plural } from "../../components/format";

export interface NodeFinderActions {
  nodes(): readonly TreeNode[];
  /** Nodes whose text has what is looked for. */
  onFound(matches: ReadonlySet<number>): void;
  selected(): number;
  select(index: number): void;
  /** Gives the keyboard back to the picture. */
  leave(): void;
}

/** Finds nodes by their texts, and goes from one to the next. */
export class NodeFinder {
  readonly count = el("span", { class: "quiet number" });
  private readonly text: Field;
  private matches: readonly number[] = [];

  constructor(private readonly actions: NodeFinderActions) {
    this.text = textField({
      label: "Find in the texts",
      placeholder: "find (/)",
      onInput: (text) => this.find(text),
      onEnter: (back) => this.next(back ? -1 : 1),
      onEscape: () => actions.leave(),
    });
  }

  get field(): HTMLElement {
    return this.text.element;
  }

  focus(): void {
    this.text.focus();
  }

  private find(text: string): void {
    const small = text.trim().toLowerCase();
    this.matches =
      small === ""
        ? []
        : this.actions
            .nodes()
            .flatMap((node, index) => (node.text.toLowerCase().includes(small) ? [index] : []));
    this.actions.onFound(new Set(this.matches));
    setText(this.count, small === "" ? "" : plural(this.matches.length, "match"));
  }

  /** Selects the next or previous match, seen from the selected node. */
  next(offset: 1 | -1): void {
    const { matches } = this;
    if (matches.length === 0) return;
    const selected = this.actions.selected();
    const after = matches.findIndex((index) => index > selected);
    const at = matches.indexOf(selected);
    let next = at + offset;
    if (at < 0) next = offset > 0 ? Math.max(0, after) : (after < 0 ? matches.length : after) - 1;
    this.actions.select(matches[(next + matches.length) % matches.length]!);
  }
}
