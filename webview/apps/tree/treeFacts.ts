import type { TreeNode } from "../../../src/model/tree";
import { count, plural } from "../../components/format";

/** What a tree consists of, in a few words each; before all nodes are here only their number. */
export function treeFacts(nodes: readonly TreeNode[], total: number): readonly string[] {
  const all = plural(total, "node");
  if (nodes.length !== total || total === 0) return [all];
  const number = (test: (node: TreeNode) => boolean): number => nodes.filter(test).length;
  const apart = number((node) => node.status === "pruned" || node.status === "suppressed");
  const made = number((node) => node.status === "generated");
  const ends = number((node) => node.leaf);
  return [
    all,
    plural(ends, "end"),
    ...(apart > 0 ? [`${count(apart)} pruned or suppressed`] : []),
    ...(made > 0 ? [`${count(made)} generated here`] : []),
  ];
}
