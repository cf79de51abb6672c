import type { Tree, TreeNode } from "../../../src/model/tree";
import type { FromTreeView, ToTreeView } from "../../../src/protocol/webviewMessages";
import { button, textField, type Field } from "../../components/controls";
import { el, setText } from "../../components/element";
import { count, oneLine, plural } from "../../components/format";
import { HelpOverlay } from "../../components/helpOverlay";
import type { Channel } from "../../components/messages";
import { splitter } from "../../components/splitter";
import { StatusLine } from "../../components/statusLine";
import { TreeCanvas } from "../../components/treeCanvas";
import { ancestry, wayDown } from "../../components/treeLayout";
import { TreeLegend } from "../../components/treeLegend";
import type { VirtualList } from "../../components/virtualList";
import { NodeDetail, nodeWords } from "./nodeDetail";
import { pathList } from "./pathList";
import { TreeLoader } from "./treeLoader";

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

/** From this width on the whole legend takes two lines at most. */
const ROOM_FOR_LEGEND = 1100;
/** Milliseconds that the cursor must rest before other views are told. */
const REST_MS = 60;

/** The branching tree of a group or a search, with the selected path beside it. */
export class TreeView {
  private readonly status = new StatusLine();
  private readonly title = el("h1", { class: "title" });
  private readonly facts = el("div", { class: "facts" });
  private readonly canvas: TreeCanvas;
  private readonly legend = new TreeLegend(window.innerWidth >= ROOM_FOR_LEGEND);
  private readonly hover = el("div", { class: "tree-hover", hidden: true });
  private readonly list: VirtualList;
  private readonly detail: NodeDetail;
  private readonly spoken = el("div", { class: "visually-hidden", role: "status" });
  private readonly findField: Field;
  private readonly findCount = el("span", { class: "quiet number" });
  private readonly help = new HelpOverlay("Keys of the branching tree", KEYS);
  private readonly side: HTMLElement;
  private readonly loader: TreeLoader;
  private tree: Omit<Tree, "nodes"> | undefined;
  private nodes: readonly TreeNode[] = [];
  private path: number[] = [];
  private selected = -1;
  private matches: number[] = [];
  private wanted: { trajectoryId: string; stepIndex: number | undefined } | undefined;
  private cursorTimer = 0;

  constructor(
    root: HTMLElement,
    private readonly channel: Channel<FromTreeView, TreeViewState>,
  ) {
    this.loader = new TreeLoader(
      (start, end) => channel.post({ type: "nodes", start, end }),
      (loaded, total) => {
        this.status.busy(loaded / total);
        this.status.tell(`${count(loaded)} of ${plural(total, "node")}`);
      },
      (nodes) => this.setNodes(nodes),
    );
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
    this.detail = new NodeDetail({
      open: (index) => this.open(index),
      fork: (index) => this.fork(index),
      copy: (text) => channel.post({ type: "copy", text }),
    });
    this.findField = textField({
      label: "Find in the texts",
      placeholder: "find (/)",
      onInput: (text) => this.find(text),
      onEnter: (back) => this.nextMatch(back ? -1 : 1),
      onEscape: () => this.canvas.focus(),
    });
    this.canvas.element.append(this.hover);
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
      this.detail.element,
    );
    this.setSideWidth(channel.state.sideWidth ?? 380);
    root.replaceChildren(
      this.status.element,
      this.header(),
      this.status.sentence,
      el(
        "main",
        { class: "tree-body" },
        // Beside the picture, not over it: a legend must not hide what it explains.
        el("section", { class: "tree-left" }, this.legend.element, this.canvas.element),
        this.sideSplitter(),
        this.side,
      ),
      this.spoken,
      this.help.element,
    );
    this.status.busy(undefined);
    setText(this.title, "Reading the tree…");
  }

  private header(): HTMLElement {
    const tool = (label: string, icon: string, title: string, onClick: () => void): HTMLElement =>
      button({ label, icon, appearance: "icon", title, onClick }).element;
    return el(
      "header",
      { class: "header header-line" },
      this.title,
      this.facts,
      el(
        "div",
        { class: "header-actions", role: "toolbar", aria: { label: "Actions" } },
        this.findField.element,
        this.findCount,
        tool("Show all", "screen-full", "Show all (0)", () => this.canvas.fit()),
        tool("Keys", "keyboard", "Keys (?)", () => this.help.toggle()),
      ),
    );
  }

  private sideSplitter(): HTMLElement {
    return splitter({
      label: "Width of the path",
      direction: "vertical",
      after: true,
      size: () => this.side.clientWidth,
      onSize: (size, done) => {
        this.setSideWidth(size);
        if (done) this.channel.keep({ sideWidth: size });
      },
    });
  }

  receive(message: ToTreeView): void {
    switch (message.type) {
      case "tree":
        this.tree = message.tree;
        if (message.selectedTrajectoryId !== undefined)
          this.wanted = { trajectoryId: message.selectedTrajectoryId, stepIndex: undefined };
        this.drawHead(message.nodeCount);
        if (message.nodeCount > 0) return this.loader.start(message.nodeCount);
        this.status.idle();
        return this.status.tell("This tree has no nodes.");
      case "nodes":
        return this.loader.receive(message.start, message.nodes);
      case "select":
        this.wanted = { trajectoryId: message.trajectoryId, stepIndex: message.stepIndex };
        if (this.nodes.length > 0) this.follow();
        return;
      case "error":
        this.status.idle();
        this.status.error(message.message, message.hint);
        if (!this.tree) setText(this.title, "This tree could not be read");
        return;
    }
  }

  private setNodes(nodes: readonly TreeNode[]): void {
    this.status.idle();
    this.status.tell("");
    this.nodes = nodes;
    this.path = [];
    this.canvas.setNodes(nodes);
    this.legend.show(this.canvas.treeScales, this.tree?.valueSource ?? "", this.tree?.advantageSource ?? "");
    // The legend has taken its lines of the height by now.
    this.canvas.fit(true);
    this.drawHead(nodes.length);
    if (this.wanted) return this.follow();
    const { treeId, selected } = this.channel.state;
    const kept = treeId === this.tree?.id && selected !== undefined && selected < nodes.length;
    this.select(kept ? selected : 0, false);
  }

  private drawHead(total: number): void {
    const { tree, nodes } = this;
    if (!tree) return;
    document.title = tree.title;
    setText(this.title, oneLine(tree.title, 120));
    const complete = nodes.length === total && total > 0;
    const number = (test: (node: TreeNode) => boolean): number => (complete ? nodes.filter(test).length : 0);
    const apart = number((node) => node.status === "pruned" || node.status === "suppressed");
    const made = number((node) => node.status === "generated");
    const facts = [
      plural(total, "node"),
      ...(complete
        ? [
            plural(
              number((node) => node.leaf),
              "end",
            ),
          ]
        : []),
      ...(apart > 0 ? [`${count(apart)} pruned or suppressed`] : []),
      ...(made > 0 ? [`${count(made)} generated here`] : []),
    ];
    const origin = tree.origin === "file" ? "tree of the file" : "shared prefixes of the group";
    this.facts.replaceChildren(
      el("span", { class: "quiet", text: origin }),
      ...facts.map((text) => el("span", { class: "number", text })),
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
    if (stepIndex === undefined) return this.select(leaf, false);
    const told = this.path.filter((index) => (this.nodes[index]!.stepIndex ?? Infinity) <= stepIndex);
    this.select(told.at(-1) ?? this.path[Math.min(stepIndex, this.path.length - 1)] ?? leaf, false);
  }

  /** The trajectory in which the selected path ends. */
  private get trajectoryId(): string | undefined {
    return this.nodes[this.path.at(-1) ?? -1]?.trajectoryId;
  }

  /** @param tell false when another view chose the node: it is not told back */
  private select(index: number, tell: boolean): void {
    const node = this.nodes[index];
    if (!node) return;
    const layout = this.canvas.treeLayout;
    this.selected = index;
    if (!this.path.includes(index)) this.path = ancestry(this.nodes, wayDown(this.nodes, layout, index));
    this.canvas.select(index, new Set(this.path), true);
    this.list.setCount(this.path.length);
    this.list.setCursor(this.path.indexOf(index));
    this.detail.show(index, node, this.tree, this.trajectoryId !== undefined);
    const siblings = node.parent >= 0 ? (layout.children[node.parent] ?? []) : [];
    const children = layout.children[index]?.length ?? 0;
    const branch = siblings.length > 1 ? `; branch ${siblings.indexOf(index) + 1} of ${siblings.length}` : "";
    const below = node.leaf ? "an end" : `${count(children)} ${children === 1 ? "child" : "children"}`;
    setText(this.spoken, `${oneLine(node.text, 100)}; ${nodeWords(node)}; ${below}${branch}`);
    this.channel.keep({ treeId: this.tree?.id ?? "", selected: index });
    if (tell) this.tellCursor(node.stepIndex);
  }

  private tellCursor(stepIndex: number | undefined): void {
    const { trajectoryId } = this;
    clearTimeout(this.cursorTimer);
    if (trajectoryId === undefined || stepIndex === undefined) return;
    this.cursorTimer = window.setTimeout(
      () => this.channel.post({ type: "cursor", trajectoryId, stepIndex }),
      REST_MS,
    );
  }

  private open(index: number): void {
    this.select(index, false);
    const { trajectoryId } = this;
    if (trajectoryId !== undefined)
      this.channel.post({ type: "open", trajectoryId, stepIndex: this.nodes[index]?.stepIndex });
  }

  private fork(index: number): void {
    this.select(index, false);
    const { trajectoryId } = this;
    if (trajectoryId !== undefined)
      this.channel.post({ type: "fork", trajectoryId, stepIndex: this.nodes[index]?.stepIndex ?? 0 });
  }

  private drawHover(index: number, x: number, y: number): void {
    const node = this.nodes[index];
    this.hover.hidden = !node;
    if (!node) return;
    this.hover.replaceChildren(
      el("div", { class: "number strong", text: nodeWords(node) }),
      el("div", { text: oneLine(node.text, 240) }),
    );
    const { width, height } = this.canvas.element.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.hover;
    this.hover.style.left = `${Math.min(x + 14, Math.max(0, width - offsetWidth - 8))}px`;
    this.hover.style.top = `${y + 18 + offsetHeight > height ? y - offsetHeight - 10 : y + 18}px`;
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
    const { matches } = this;
    if (matches.length === 0) return;
    const after = matches.findIndex((index) => index > this.selected);
    const at = matches.indexOf(this.selected);
    let next = at + offset;
    if (at < 0) next = offset > 0 ? Math.max(0, after) : (after < 0 ? matches.length : after) - 1;
    this.select(matches[(next + matches.length) % matches.length]!, true);
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
      f: () => this.fork(this.selected),
      "0": () => this.canvas.fit(),
    };
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    action?.();
    return action !== undefined;
  }
}
