import type { Tree, TreeNode } from "../model/tree";
import type { GeneratedBranch } from "./generationContract";

type Draft = { -readonly [K in keyof TreeNode]: TreeNode[K] };

/**
 * A group's tree with the branches that were generated here: each hangs below the last node of its trajectory's path
 * that does not lie behind the fork; branches of a look-ahead tree hang below the stretch of the row that they left.
 */
export function withGenerated(tree: Tree, branches: readonly GeneratedBranch[]): Tree {
  if (branches.length === 0) return tree;
  const nodes: Draft[] = tree.nodes.map((node) => ({ ...node }));
  const children = new Map<string, GeneratedBranch[]>();
  for (const branch of branches) {
    if (branch.parentBranch === undefined) continue;
    const list = children.get(branch.parentBranch) ?? [];
    children.set(branch.parentBranch, [...list, branch]);
  }
  const grow = (branch: GeneratedBranch, above: number): void => {
    // A row of a look-ahead tree is cut where others leave it.
    const leaving = (children.get(branch.id) ?? []).sort(
      (a, b) => (a.parentCharacters ?? 0) - (b.parentCharacters ?? 0),
    );
    const whole = branch.text.length;
    const cuts = [...new Set(leaving.map((child) => localCut(child, branch)))].filter(
      (cut) => cut > 0 && cut < whole,
    );
    let [from, parent] = [0, above];
    const placeOf = new Map<number, number>([[0, above]]);
    for (const to of [...cuts, whole]) {
      const last = to === whole;
      nodes.push({
        parent,
        depth: (nodes[parent]?.depth ?? -1) + 1,
        text: branch.text.slice(from, to),
        leaf: last,
        status: branch.status,
        reason: branch.reason ?? `generated here with ${branch.model} on ${branch.provider}: ${branch.how}`,
        stepIndex: branch.afterStep + 1,
        ...(last
          ? {
              finishReason: branch.stopReason,
              logprob: branch.logprob,
              tokenCount: branch.tokens,
              ...(branch.indexedAs === undefined ? {} : { trajectoryId: branch.indexedAs }),
            }
          : {}),
      });
      parent = nodes.length - 1;
      placeOf.set(to, parent);
      from = to;
    }
    for (const child of leaving) {
      const cut = Math.min(whole, Math.max(0, localCut(child, branch)));
      const places = [...placeOf.keys()].filter((place) => place <= cut);
      grow(child, placeOf.get(Math.max(...places))!);
    }
  };
  for (const branch of branches) {
    if (branch.parentBranch === undefined) grow(branch, forkNode(nodes, tree.nodes.length, branch));
  }
  return { ...tree, nodes };
}

/** Where a child leaves its parent, in characters of the parent's own text. */
const localCut = (child: GeneratedBranch, parent: GeneratedBranch): number =>
  (child.parentCharacters ?? 0) - (parent.parentBranch === undefined ? 0 : (parent.parentCharacters ?? 0));

/** The last node on the path of the branch's trajectory that is not behind the fork. */
function forkNode(nodes: readonly Draft[], count: number, branch: GeneratedBranch): number {
  let at = nodes.findIndex((node, i) => i < count && node.trajectoryId === branch.trajectoryId);
  const path: number[] = [];
  while (at >= 0) {
    path.unshift(at);
    at = nodes[at]!.parent;
  }
  const before = path.filter((i) => (nodes[i]!.stepIndex ?? 0) <= branch.afterStep);
  return before.at(-1) ?? path[0] ?? 0;
}
