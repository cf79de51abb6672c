import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { Tree } from "../../model/tree";
import type { FromTreeView, ToTreeView } from "../../protocol/webviewMessages";
import type { Host } from "../host";
import { parseLensUri } from "../lensUris";
import { openTrajectory } from "../open";
import { clampWindow, parseFromTreeView } from "./incoming";
import { cutText, splitBySize } from "./messageSize";
import { ViewChannel } from "./viewChannel";
import { showApp } from "./webviewHtml";

/** Characters of one node's text that travel; a node is a sentence or a step, rarely more. */
const NODE_TEXT_LIMIT = 2_000;

class TreeDocument implements vscode.CustomDocument {
  constructor(
    readonly uri: vscode.Uri,
    readonly groupId: string,
    readonly selected: string | undefined,
  ) {}
  dispose(): void {}
}

/** The branching tree of a group: the file's own, or the shared prefixes of its members. */
export class TreeEditor implements vscode.CustomReadonlyEditorProvider<TreeDocument> {
  private newest: { readonly panel: vscode.WebviewPanel; readonly groupId: string } | undefined;

  private readonly sessions = new Set<TreeSession>();

  constructor(private readonly host: Host) {}

  /** Views that are open and have come up. */
  get readyViews(): number {
    return [...this.sessions].filter((session) => session.ready).length;
  }

  /** Group of the tree that is on the screen and had the focus last. */
  get activeGroupId(): string | undefined {
    return this.newest?.panel.visible ? this.newest.groupId : undefined;
  }

  openCustomDocument(uri: vscode.Uri): TreeDocument {
    const what = parseLensUri(uri);
    if (what?.kind !== "tree") {
      throw new Failure(
        "not-a-tree",
        `${uri.path} does not stand for a branching tree.`,
        "Open it from the Trajectories view.",
      );
    }
    return new TreeDocument(uri, what.groupId, what.selected);
  }

  async resolveCustomEditor(document: TreeDocument, panel: vscode.WebviewPanel): Promise<void> {
    const { host } = this;
    const noteActive = (): void => {
      if (panel.active) this.newest = { panel, groupId: document.groupId };
    };
    noteActive();
    panel.onDidChangeViewState(noteActive);
    const session = new TreeSession(host, panel, document);
    this.sessions.add(session);
    panel.onDidDispose(() => {
      this.sessions.delete(session);
      if (this.newest?.panel === panel) this.newest = undefined;
      session.dispose();
    });
    showApp(panel.webview, host.context.extensionUri, "tree");
  }
}

class TreeSession implements vscode.Disposable {
  private readonly channel: ViewChannel<ToTreeView, FromTreeView>;
  private readonly disposables: vscode.Disposable[] = [];
  private tree: Promise<Tree> | undefined;
  private members: ReadonlySet<string> = new Set();
  private selected: string | undefined;

  constructor(
    private readonly host: Host,
    panel: vscode.WebviewPanel,
    private readonly document: TreeDocument,
  ) {
    this.selected = document.selected;
    this.channel = new ViewChannel(
      panel,
      host.failures,
      parseFromTreeView,
      (message) => this.handle(message),
      (message, hint) => ({ type: "error", message, hint }),
    );
    this.disposables.push(
      host.cursor.onMove((move) => {
        if (move.origin === this || !this.members.has(move.trajectoryId)) return;
        this.selected = move.trajectoryId;
        this.channel.post({ type: "select", trajectoryId: move.trajectoryId, stepIndex: move.stepIndex });
      }),
      this.host.library.services.generation.onChange(() => {
        // Generated branches come and go while the tree is on the screen.
        this.tree = undefined;
        if (this.channel.ready)
          void this.start().catch((error: unknown) => this.channel.error(error, "draw the tree anew"));
      }),
      // A group that grew has another tree; the view asks for it when it is shown the next time.
      host.library.onChange(() => (this.tree = undefined)),
    );
  }

  /** True once the view has come up. */
  get ready(): boolean {
    return this.channel.ready;
  }

  private async handle(message: FromTreeView): Promise<void> {
    switch (message.type) {
      case "ready":
        return this.start();
      case "nodes":
        return this.sendNodes(message.start, message.end);
      case "open":
        if (message.stepIndex !== undefined)
          this.host.cursor.move(message.trajectoryId, message.stepIndex, this);
        return openTrajectory(this.host, message.trajectoryId, {
          preview: true,
          column: vscode.ViewColumn.Beside,
        });
      case "cursor":
        this.selected = message.trajectoryId;
        return this.host.cursor.move(message.trajectoryId, message.stepIndex, this);
      case "fork":
        await vscode.commands.executeCommand("trajectoryLens.forkHere", {
          trajectoryId: message.trajectoryId,
          stepIndex: message.stepIndex,
        });
        return;
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        return;
    }
  }

  private load(): Promise<Tree> {
    this.tree ??= this.host.library
      .ready()
      .then(() => this.host.library.services.generation.tree(this.document.groupId));
    this.tree.catch(() => (this.tree = undefined));
    return this.tree;
  }

  private async start(): Promise<void> {
    const { nodes, ...tree } = await this.load();
    this.members = new Set(nodes.map((node) => node.trajectoryId).filter((id) => id !== undefined));
    this.channel.post({ type: "tree", tree, nodeCount: nodes.length, selectedTrajectoryId: this.selected });
    const cursor = this.selected === undefined ? undefined : this.host.cursor.of(this.selected);
    if (this.selected !== undefined && cursor !== undefined)
      this.channel.post({ type: "select", trajectoryId: this.selected, stepIndex: cursor });
  }

  private async sendNodes(start: number, end: number): Promise<void> {
    const { nodes } = await this.load();
    const window = clampWindow(start, end, nodes.length);
    const items = nodes
      .slice(window.start, window.end)
      .map((node) =>
        node.text.length > NODE_TEXT_LIMIT
          ? { ...node, text: `${cutText(node.text, NODE_TEXT_LIMIT)}…` }
          : node,
      );
    let at = window.start;
    for (const run of splitBySize(items)) {
      this.channel.post({ type: "nodes", start: at, nodes: run });
      at += run.length;
    }
  }

  dispose(): void {
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}
