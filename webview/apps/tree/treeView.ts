import type { Tree, TreeNode } from "../../../src/model/tree";
import type { FromTreeView, ToTreeView } from "../../../src/protocol/webviewMessages";
import { button } from "../../components/controls";
import { el, setText } from "../../components/element";
import { count, oneLine, plural } from "../../components/format";
import { HelpOverlay } from "../../components/helpOverlay";
import { actOnKey, type KeyActions } from "../../components/keyActions";
import type { Channel } from "../../components/messages";
import { RestingCursor } from "../../components/restingCursor";
import { splitter } from "../../components/splitter";
import { StatusLine } from "../../components/statusLine";
import { TreeCanvas } from "../../components/treeCanvas";
import { ancestry, wayDown } from "../../components/treeLayout";
import { TreeLegend } from "../../components/treeLegend";
import type { VirtualList } from "../../components/virtualList";
import { TREE_KEYS } from "./keys";
import { NodeDetail, nodeWords } from "./nodeDetail";
import { NodeFinder } from "./nodeFinder";
import { NodeHover } from "./nodeHover";
import { pathList } from "./pathList";
import { treeFacts } from "./treeFacts";
import { TreeLoader } from "./treeLoader";

/** Where the user is; what VS Code keeps between visits. */
export interface TreeViewState {
  treeId: string;
  selected: number;
  sideWidth: number;
}

/** From this width on the whole legend takes two lines at most. */
const ROOM_FOR_LEGEND = 1100;

/** The branching tree of a group or a search, with the selected path beside it. */
export class TreeView {
  private readonly status = new StatusLine();
  private readonly title = el("h1", { class: "title" });
  private readonly facts = el("div", { class: "facts" });
  private readonly canvas: TreeCanvas;
  private readonly legend = new TreeLegend(window.innerWidth >= ROOM_FOR_LEGEND);
  private readonly hover = new NodeHover();
  private readonly list: VirtualList;
  private readonly detail: NodeDetail;
  private readonly spoken = el("div", { class: "visually-hidden", role: "status" });
  private readonly finder: NodeFinder;
  private readonly help = new HelpOverlay("Keys of the branching tree", TREE_KEYS);
  private readonly side: HTMLElement;
  private readonly loader: TreeLoader;
  private tree: Omit<Tree, "nodes"> | undefined;
  private nodes: readonly TreeNode[] = [];
  private path: number[] = [];
  private selected = -1;
  private wanted: { trajectoryId: string; stepIndex: number | undefined } | undefined;
  private readonly resting = new RestingCursor();

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
      onHover: (index, x, y) => this.hover.show(this.nodes[index], x, y, this.canvas.element),
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
    this.finder = new NodeFinder({
      nodes: () => this.nodes,
      onFound: (matches) => this.canvas.setFound(matches),
      selected: () => this.selected,
      select: (index) => this.select(index, true),
      leave: () => this.canvas.focus(),
    });
    this.canvas.element.append(this.hover.element);
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
        this.finder.field,
        this.finder.count,
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
    const facts = treeFacts(nodes, total);
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
    const known = trajectoryId !== undefined && stepIndex !== undefined;
    this.resting.moved(
      known ? () => this.channel.post({ type: "cursor", trajectoryId, stepIndex }) : undefined,
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

  private setSideWidth(width: number): void {
    this.side.style.setProperty("--side", `${Math.max(200, Math.min(700, width))}px`);
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const stepBy = (offset: number): void => {
      const next = this.path[this.path.indexOf(this.selected) + offset];
      if (next !== undefined) this.select(next, true);
    };
    const actions: KeyActions = {
      j: () => stepBy(1),
      k: () => stepBy(-1),
      "/": () => this.finder.focus(),
      n: () => this.finder.next(1),
      N: () => this.finder.next(-1),
      "?": () => this.help.toggle(),
      f: () => this.fork(this.selected),
      "0": () => this.canvas.fit(),
    };
    return actOnKey(actions, key);
  }
}
