import type { TreeNode } from "../../../src/model/tree";
import { WINDOW_LIMIT } from "../../../src/protocol/webviewMessages";

/** Fetches the nodes of a tree window by window; each window may come in several messages. */
export class TreeLoader {
  private nodes: TreeNode[] = [];
  private total = 0;
  private asked = 0;

  constructor(
    private readonly request: (start: number, end: number) => void,
    private readonly onProgress: (loaded: number, total: number) => void,
    private readonly onComplete: (nodes: readonly TreeNode[]) => void,
  ) {}

  start(total: number): void {
    this.nodes = [];
    this.total = total;
    this.next();
  }

  /** Takes a piece; pieces that do not continue the list belong to an older tree and are dropped. */
  receive(start: number, nodes: readonly TreeNode[]): void {
    if (start !== this.nodes.length || this.nodes.length >= this.total || nodes.length === 0) return;
    this.nodes.push(...nodes);
    if (this.nodes.length >= this.total) return this.onComplete(this.nodes);
    this.onProgress(this.nodes.length, this.total);
    if (this.nodes.length >= this.asked) this.next();
  }

  private next(): void {
    this.asked = Math.min(this.total, this.nodes.length + WINDOW_LIMIT);
    this.request(this.nodes.length, this.asked);
  }
}
