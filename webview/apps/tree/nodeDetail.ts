import type { Tree, TreeNode } from "../../../src/model/tree";
import { button } from "../../components/controls";
import { el, type ElementChild } from "../../components/element";
import { count, exact, plural, significant, withSign } from "../../components/format";

/** A node's numbers in one line of words. */
export function nodeWords(node: TreeNode): string {
  const why = node.reason === undefined ? "" : `: ${node.reason}`;
  return [
    `value ${significant(node.value)}`,
    node.advantage === undefined ? "" : `advantage ${withSign(node.advantage)}`,
    node.reward === undefined ? "" : `reward ${significant(node.reward)}`,
    node.visits === undefined ? "" : plural(node.visits, "visit"),
    node.status === "kept" ? "" : `${node.status}${why}`,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

export interface NodeDetailActions {
  open(index: number): void;
  /** Continue behind this node with a local policy. */
  fork(index: number): void;
  copy(text: string): void;
}

/** The selected node in full: its numbers with full precision on hover, and its text as text. */
export class NodeDetail {
  readonly element = el("div", {
    class: "step-detail node-detail",
    tabIndex: 0,
    role: "region",
    aria: { label: "Selected node" },
  });

  constructor(private readonly actions: NodeDetailActions) {}

  /** @param opens the path ends in a trajectory that can be opened */
  show(index: number, node: TreeNode, tree: Omit<Tree, "nodes"> | undefined, opens: boolean): void {
    const facts: ElementChild[] = [el("span", { class: "strong", text: `node ${count(index)}` })];
    const fact = (name: string, text: string, title: string): void => {
      facts.push(
        el("span", { class: "number", title }, el("span", { class: "quiet", text: `${name} ` }), text),
      );
    };
    fact("value", significant(node.value), `${exact(node.value)}, ${tree?.valueSource ?? ""}`);
    if (node.advantage !== undefined)
      fact("advantage", withSign(node.advantage), `${exact(node.advantage)}, ${tree?.advantageSource ?? ""}`);
    if (node.valueStd !== undefined)
      fact("spread (as the file has it)", significant(node.valueStd), exact(node.valueStd));
    if (node.reward !== undefined) fact("reward", significant(node.reward), exact(node.reward));
    if (node.visits !== undefined) fact("visits", count(node.visits), String(node.visits));
    if (node.logprob !== undefined) fact("logprob", significant(node.logprob), `${exact(node.logprob)} nats`);
    if (node.tokenCount !== undefined) fact("tokens", count(node.tokenCount), String(node.tokenCount));
    if (node.finishReason !== undefined) facts.push(el("span", { class: "chip", text: node.finishReason }));
    const open = button({
      label: "Open trajectory",
      icon: "go-to-file",
      title: "Open the trajectory of this path at this node (Enter)",
      onClick: () => this.actions.open(index),
    });
    const copy = button({
      label: "Copy",
      icon: "copy",
      title: "Copy this node's text",
      onClick: () => this.actions.copy(node.text),
    });
    const fork = button({
      label: "Fork here",
      icon: "repo-forked",
      title: "Continue from this node with a local policy",
      onClick: () => this.actions.fork(index),
    });
    const why = node.reason === undefined ? "" : `: ${node.reason}`;
    this.element.replaceChildren(
      el("div", { class: "detail-title" }, ...facts),
      ...(node.status === "kept" ? [] : [el("p", { class: "note", text: `${node.status}${why}` })]),
      el("div", { class: "text", text: node.text === "" ? "(no text)" : node.text }),
      el("div", { class: "fold-line" }, opens && open.element, opens && fork.element, copy.element),
    );
  }
}
