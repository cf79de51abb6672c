/** Why a branch is not followed, or how it came to be. */
export type BranchStatus = "kept" | "pruned" | "suppressed" | "generated";

/** One node of a branching tree. Nodes are listed parents first; `parent` is an index into the list, -1 for a root. */
export interface TreeNode {
  readonly parent: number;
  readonly depth: number;
  /** The text that this node adds to its parent's path. */
  readonly text: string;
  /** State value: recorded by the file, or the mean reward of the leaves below (see `Tree.valueSource`). */
  readonly value?: number | null;
  /** Population or sample spread of the children's values as the file records it. */
  readonly valueStd?: number | null;
  /** Advantage of the edge that enters this node. */
  readonly advantage?: number | null;
  readonly reward?: number | null;
  /** How often the node was visited or how many rollouts pass through it. */
  readonly visits?: number;
  readonly leaf: boolean;
  readonly finishReason?: string;
  readonly status: BranchStatus;
  /** Why it was pruned or suppressed, or which model generated it. */
  readonly reason?: string;
  /** Trajectory that ends here (leaves), and the step index of this node in it. */
  readonly trajectoryId?: string;
  readonly stepIndex?: number;
  readonly tokenCount?: number;
  /** Sum of log-probabilities of the node's tokens, in nats. */
  readonly logprob?: number | null;
}

/** A branching tree over one group or one search. */
export interface Tree {
  readonly id: string;
  readonly title: string;
  readonly datasetId: string;
  readonly groupId?: string;
  /** "file" when parent links are recorded, "prefix" when built from shared prefixes of a group. */
  readonly origin: "file" | "prefix";
  /** How `value` and `advantage` came about, shown in the legend. */
  readonly valueSource: string;
  readonly advantageSource: string;
  readonly nodes: readonly TreeNode[];
}
