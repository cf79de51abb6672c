import type { Tree, TreeNode } from "../../../src/model/tree";
import { WINDOW_LIMIT, type FromTreeView, type ToTreeView } from "../../../src/protocol/webviewMessages";
import { button, textField } from "../../components/controls";
import { el, setText } from "../../components/element";
import { count, exact, oneLine, plural, significant, withSign } from "../../components/format";
import { HelpOverlay } from "../../components/helpOverlay";
import type { Channel } from "../../components/messages";
import { splitter } from "../../components/splitter";
import { StatusLine } from "../../components/statusLine";
import { TreeCanvas } from "../../components/treeCanvas";
import { ancestry, wayDown } from "../../components/treeLayout";
import { TreeLegend } from "../../components/treeLegend";
import { pathList } from "./pathList";

/** Where the user is; what VS Code keeps between visits. */
export interface TreeViewState {
  treeId: string;
  selected: number;
  sideWidth: number;
}

const KEYS: readonly (readonly [string, string])[] = [
  ["← →", "parent, child"],
  ["↑ ↓", "neighbours in the same column"],
  ["j k", "next, previous node of the path"],
  ["Enter", "open the trajectory at this node"],
  ["+ -", "zoom; the wheel does too"],
  ["0", "show all"],
  ["/", "find in the texts"],
  ["n N", "next, previous match"],
  ["?", "these keys"],
];

/** The branching tree of a group or a search, with the selected path beside it. */
export class TreeView {
  private readonly status = new StatusLine();
  private readonly title = el("h1", { class: "title" });
  private readonly facts = el("div", { class: "facts" });
  private readonly canvas: TreeCanvas;
  private readonly legend = new TreeLegend(window.innerWidth >= 1000);
  private readonly hover = el("div", { class: "tree-hover", hidden: true });
  private readonly list;
  private readonly detail = el("div", {
    class: "step-detail node-detail",
    tabIndex: 0,
    role: "region",
    aria: { label: "Selected node" },
  });
  private readonly spoken = el("div", { class: "visually-hidden", role: "status" });
  private readonly findField;
  private readonly findCount = el("span", { class: "quiet number" });
  private readonly help = new HelpOverlay("Keys of the branching tree", KEYS);
  private readonly side: HTMLElement;
  private tree: Omit<Tree, "nodes"> | undefined;
  private nodes: TreeNode[] = [];
  private total = 0;
  private loading: TreeNode[] = [];
  private complete = false;
  private path: number[] = [];
  private selected = -1;
  private matches: number[] = [];
  private wanted: { trajectoryId: string; stepIndex: number | undefined } | undefined;
  private cursorTimer = 0;

  constructor(
    root: HTMLElement,
    private readonly channel: Channel<FromTreeView, TreeViewState>,
  ) {
    this.canvas = new TreeCanvas({
      onSelect: (index) => this.select(index, true),
      onOpen: (index) => this.open(index),
      onHover: (index, x, y) => this.drawHover(index, x, y),
    });
    this.list = pathList(
      () => ({ path: this.path, nodes: this.nodes, scales: this.canvas.treeScales }),
      (index) => this.select(index, true),
      (index) => this.open(index),
    );
    this.findField = textField({
      label: "Find in the texts",
      placeholder: "find (/)",
      onInput: (text) => this.find(text),
      onEnter: (back) => this.nextMatch(back ? -1 : 1),
      onEscape: () => this.canvas.focus(),
    });
    this.canvas.element.append(this.legend.element, this.hover);
    this.side = el(
      "section",
      { class: "pane side-pane" },
      el(
        "div",
        { class: "pane-head" },
        el("span", { class: "pane-title", text: "selected path" }),
        el("span", { class: "quiet", text: "value, advantage" }),
      ),
      this.list.element,
      this.detail,
    );
    this.setSideWidth(channel.state.sideWidth ?? 380);
    const header = el(
      "header",
      { class: "header header-line" },
      this.title,
      this.facts,
      el(
        "div",
        { class: "header-actions", role: "toolbar", aria: { label: "Actions" } },
        this.findField.element,
        this.findCount,
        button({
          label: "Show all",
          icon: "screen-full",
          appearance: "icon",
          title: "Show all (0)",
          onClick: () => this.canvas.fit(),
        }).element,
        button({
          label: "Keys",
          icon: "keyboard",
          appearance: "icon",
          title: "Keys (?)",
          onClick: () => this.help.toggle(),
        }).element,
      ),
    );
    const bar = splitter({
      label: "Width of the path",
      direction: "vertical",
      after: true,
      size: () => this.side.clientWidth,
      onSize: (size, done) => {
        this.setSideWidth(size);
        if (done) channel.keep({ sideWidth: size });
      },
    });
    root.replaceChildren(
      this.status.element,
      header,
      this.status.sentence,
      el("main", { class: "tree-body" }, this.canvas.element, bar, this.side),
      this.spoken,
      this.help.element,
    );
    this.status.busy(undefined);
    setText(this.title, "Reading the tree…");
  }

  receive(message: ToTreeView): void {
    switch (message.type) {
      case "tree":
        this.tree = message.tree;
        this.total = message.nodeCount;
        this.loading = [];
        this.complete = false;
        if (message.selectedTrajectoryId !== undefined)
          this.wanted = { trajectoryId: message.selectedTrajectoryId, stepIndex: undefined };
        this.drawHead();
        if (this.total === 0) {
          this.status.idle();
          this.status.tell("This tree has no nodes.");
        } else this.requestNodes();
        return;
      case "nodes":
        return this.receiveNodes(message.start, message.nodes);
      case "select":
        this.wanted = { trajectoryId: message.trajectoryId, stepIndex: message.stepIndex };
        if (this.complete) this.follow();
        return;
      case "error":
        this.status.idle();
        this.status.error(message.message, message.hint);
        if (!this.tree) setText(this.title, "This tree could not be read");
        return;
    }
  }

  private requestNodes(): void {
    this.channel.post({
      type: "nodes",
      start: this.loading.length,
      end: Math.min(this.total, this.loading.length + WINDOW_LIMIT),
    });
  }

  private receiveNodes(start: number, nodes: readonly TreeNode[]): void {
    if (this.complete || start !== this.loading.length) return;
    const asked = Math.ceil((this.loading.length + 1) / WINDOW_LIMIT) * WINDOW_LIMIT;
    this.loading.push(...nodes);
    if (this.loading.length < this.total) {
      this.status.busy(this.loading.length / this.total);
      this.status.tell(`${count(this.loading.length)} of ${plural(this.total, "node")}`);
      // An answer may come in several messages; the next window is asked for when this one is whole.
      if (nodes.length > 0 && this.loading.length >= Math.min(asked, this.total)) this.requestNodes();
      return;
    }
    this.status.idle();
    this.status.tell("");
    this.complete = true;
    this.nodes = this.loading;
    this.canvas.setNodes(this.nodes);
    this.legend.show(this.canvas.treeScales, this.tree?.valueSource ?? "", this.tree?.advantageSource ?? "");
    this.drawHead();
    if (this.wanted) return this.follow();
    const { treeId, selected } = this.channel.state;
    const kept =
      treeId === this.tree?.id && selected !== undefined && selected < this.nodes.length ? selected : 0;
    this.select(kept, false);
  }

  private drawHead(): void {
    const { tree } = this;
    if (!tree) return;
    document.title = tree.title;
    setText(this.title, oneLine(tree.title, 120));
    const leaves = this.nodes.filter((node) => node.leaf).length;
    const apart = this.nodes.filter(
      (node) => node.status === "pruned" || node.status === "suppressed",
    ).length;
    const made = this.nodes.filter((node) => node.status === "generated").length;
    const fact = (text: string, title = ""): HTMLElement => el("span", { class: "number", text, title });
    this.facts.replaceChildren(
      el("span", {
        class: "quiet",
        text: tree.origin === "file" ? "tree of the file" : "shared prefixes of the group",
      }),
      fact(plural(this.total, "node")),
      ...(this.complete ? [fact(`${count(leaves)} ends`)] : []),
      ...(apart > 0 ? [fact(`${count(apart)} pruned or suppressed`)] : []),
      ...(made > 0 ? [fact(`${count(made)} generated here`)] : []),
    );
  }

  /** Goes where another view's cursor is. */
  private follow(): void {
    const { wanted } = this;
    this.wanted = undefined;
    if (!wanted) return;
    const leaf = this.nodes.findIndex((node) => node.trajectoryId === wanted.trajectoryId);
    if (leaf < 0) return this.select(Math.max(0, this.selected), false);
    this.path = ancestry(this.nodes, leaf);
    const { stepIndex } = wanted;
    let node = leaf;
    if (stepIndex !== undefined) {
      const told = this.path.filter((index) => (this.nodes[index]!.stepIndex ?? Infinity) <= stepIndex);
      node = told.at(-1) ?? this.path[Math.min(stepIndex, this.path.length - 1)] ?? leaf;
    }
    this.select(node, false);
  }

  private select(index: number, tell: boolean): void {
    const node = this.nodes[index];
    if (!node) return;
    this.selected = index;
    if (!this.path.includes(index))
      this.path = ancestry(this.nodes, wayDown(this.nodes, this.canvas.treeLayout, index));
    this.canvas.select(index, new Set(this.path), true);
    this.list.setCount(this.path.length);
    this.list.setCursor(this.path.indexOf(index));
    this.drawDetail(index, node);
    const siblings = node.parent >= 0 ? (this.canvas.treeLayout.children[node.parent] ?? []) : [];
    const children = this.canvas.treeLayout.children[index]?.length ?? 0;
    setText(
      this.spoken,
      `${oneLine(node.text, 100)}; ${this.numbers(node)}; ${node.leaf ? "an end" : `${count(children)} ${children === 1 ? "child" : "children"}`}${siblings.length > 1 ? `; branch ${siblings.indexOf(index) + 1} of ${siblings.length}` : ""}`,
    );
    this.channel.keep({ treeId: this.tree?.id ?? "", selected: index });
    if (tell) this.tellCursor();
  }

  private tellCursor(): void {
    const leaf = this.nodes[this.path.at(-1) ?? -1];
    const stepIndex = this.nodes[this.selected]?.stepIndex;
    if (leaf?.trajectoryId === undefined || stepIndex === undefined) return;
    clearTimeout(this.cursorTimer);
    const { trajectoryId } = leaf;
    this.cursorTimer = window.setTimeout(
      () => this.channel.post({ type: "cursor", trajectoryId, stepIndex }),
      60,
    );
  }

  private open(index: number): void {
    this.select(index, false);
    const leaf = this.nodes[this.path.at(-1) ?? -1];
    if (leaf?.trajectoryId !== undefined)
      this.channel.post({
        type: "open",
        trajectoryId: leaf.trajectoryId,
        stepIndex: this.nodes[index]?.stepIndex,
      });
  }

  private numbers(node: TreeNode): string {
    return [
      `value ${significant(node.value)}`,
      node.advantage === undefined ? "" : `advantage ${withSign(node.advantage)}`,
      node.reward === undefined ? "" : `reward ${significant(node.reward)}`,
      node.visits === undefined ? "" : plural(node.visits, "visit"),
      node.status === "kept" ? "" : `${node.status}${node.reason === undefined ? "" : `: ${node.reason}`}`,
    ]
      .filter((part) => part !== "")
      .join(" · ");
  }

  private drawDetail(index: number, node: TreeNode): void {
    const fact = (name: string, text: string, title: string): HTMLElement =>
      el("span", { class: "number", title }, el("span", { class: "quiet", text: `${name} ` }), text);
    const leaf = this.nodes[this.path.at(-1) ?? -1];
    this.detail.replaceChildren(
      el(
        "div",
        { class: "detail-title" },
        el("span", { class: "strong", text: `node ${count(index)}` }),
        fact("value", significant(node.value), `${exact(node.value)}, ${this.tree?.valueSource ?? ""}`),
        ...(node.advantage === undefined
          ? []
          : [
              fact(
                "advantage",
                withSign(node.advantage),
                `${exact(node.advantage)}, ${this.tree?.advantageSource ?? ""}`,
              ),
            ]),
        ...(node.valueStd === undefined
          ? []
          : [fact("spread", significant(node.valueStd), exact(node.valueStd))]),
        ...(node.reward === undefined ? [] : [fact("reward", significant(node.reward), exact(node.reward))]),
        ...(node.visits === undefined ? [] : [fact("visits", count(node.visits), String(node.visits))]),
        ...(node.logprob === undefined
          ? []
          : [fact("logprob", significant(node.logprob), `${exact(node.logprob)} nats`)]),
        ...(node.tokenCount === undefined ? [] : [fact("tokens", count(node.tokenCount), "")]),
        ...(node.finishReason === undefined ? [] : [el("span", { class: "chip", text: node.finishReason })]),
      ),
      ...(node.status === "kept"
        ? []
        : [
            el("p", {
              class: "note",
              text: `${node.status}${node.reason === undefined ? "" : `: ${node.reason}`}`,
            }),
          ]),
      el("div", { class: "text", text: node.text === "" ? "(no text)" : node.text }),
      el(
        "div",
        { class: "fold-line" },
        ...(leaf?.trajectoryId === undefined
          ? []
          : [
              button({
                label: "Open trajectory",
                icon: "go-to-file",
                title: "Open the trajectory of this path at this node (Enter)",
                onClick: () => this.open(index),
              }).element,
            ]),
        button({
          label: "Copy",
          icon: "copy",
          title: "Copy this node's text",
          onClick: () => this.channel.post({ type: "copy", text: node.text }),
        }).element,
      ),
    );
  }

  private drawHover(index: number, x: number, y: number): void {
    const node = this.nodes[index];
    this.hover.hidden = !node;
    if (!node) return;
    this.hover.replaceChildren(
      el("div", { class: "number strong", text: this.numbers(node) }),
      el("div", { text: oneLine(node.text, 240) }),
    );
    const box = this.canvas.element.getBoundingClientRect();
    this.hover.style.left = `${Math.min(x + 14, Math.max(0, box.width - this.hover.offsetWidth - 8))}px`;
    this.hover.style.top = `${y + 18 + this.hover.offsetHeight > box.height ? y - this.hover.offsetHeight - 10 : y + 18}px`;
  }

  private find(text: string): void {
    const small = text.trim().toLowerCase();
    this.matches =
      small === ""
        ? []
        : this.nodes.flatMap((node, index) => (node.text.toLowerCase().includes(small) ? [index] : []));
    this.canvas.setFound(new Set(this.matches));
    setText(this.findCount, small === "" ? "" : plural(this.matches.length, "match"));
  }

  private nextMatch(offset: 1 | -1): void {
    if (this.matches.length === 0) return;
    const after = this.matches.findIndex((index) => index > this.selected);
    const at = this.matches.indexOf(this.selected);
    const next =
      at >= 0
        ? at + offset
        : offset > 0
          ? after < 0
            ? 0
            : after
          : (after < 0 ? this.matches.length : after) - 1;
    this.select(this.matches[(next + this.matches.length) % this.matches.length]!, true);
  }

  private setSideWidth(width: number): void {
    this.side.style.setProperty("--side", `${Math.max(200, Math.min(700, width))}px`);
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const stepBy = (offset: number): void => {
      const next = this.path[this.path.indexOf(this.selected) + offset];
      if (next !== undefined) this.select(next, true);
    };
    const actions: Readonly<Record<string, () => void>> = {
      j: () => stepBy(1),
      k: () => stepBy(-1),
      "/": () => this.findField.focus(),
      n: () => this.nextMatch(1),
      N: () => this.nextMatch(-1),
      "?": () => this.help.toggle(),
      "0": () => this.canvas.fit(),
    };
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    action?.();
    return action !== undefined;
  }
}
