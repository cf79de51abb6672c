import type { Tree, TreeNode } from "../../../src/model/tree";
import type { FromTreeView } from "../../../src/protocol/webviewMessages";
import { HOSTILE, spread } from "./scenarios";
import type { Answer } from "./viewHost";

/** A search over a puzzle: values are means of the leaves below, advantages what a step adds. */
function search(count: number, branching: number, hostile = false): TreeNode[] {
  const parents: number[] = [-1];
  const depths: number[] = [0];
  for (let index = 1; index < count; index++) {
    const parent = Math.floor((index - 1) / branching);
    parents.push(parent);
    depths.push(depths[parent]! + 1);
  }
  const leaf = parents.map(() => true);
  for (const parent of parents) if (parent >= 0) leaf[parent] = false;
  const sums = new Float64Array(count);
  const visits = new Float64Array(count);
  for (let index = count - 1; index >= 0; index--) {
    if (leaf[index]) {
      sums[index] = spread(index * 3) < 0.4 ? 1 : 0;
      visits[index] = 1;
    }
    const parent = parents[index]!;
    if (parent >= 0) {
      sums[parent]! += sums[index]!;
      visits[parent]! += visits[index]!;
    }
  }
  return parents.map((parent, index): TreeNode => {
    const value = sums[index]! / visits[index]!;
    const status =
      index > 3 && spread(index + 11) < 0.06
        ? "pruned"
        : index > 3 && spread(index + 12) < 0.04
          ? "generated"
          : "kept";
    return {
      parent,
      depth: depths[index]!,
      text: hostile
        ? HOSTILE
        : index === 0
          ? "Use 3 7 8 2 to make 24."
          : `${1 + (index % 9)} ${"+-*/"[index % 4]} ${1 + ((index * 7) % 9)} = ${index % 50}, then go on with what is left of it`,
      value: index % 37 === 5 ? null : value,
      ...(parent >= 0 ? { advantage: value - sums[parent]! / visits[parent]! } : {}),
      visits: visits[index]!,
      leaf: leaf[index]!,
      status,
      ...(status === "pruned"
        ? { reason: "no number left to combine" }
        : status === "generated"
          ? { reason: "policy on webgpu" }
          : {}),
      ...(leaf[index] ? { trajectoryId: `t${index}`, reward: sums[index]! } : {}),
      stepIndex: depths[index]!,
    };
  });
}

const SCENARIOS: Readonly<Record<string, () => TreeNode[]>> = {
  search: () => search(40, 3),
  large: () => search(100_000, 4),
  line: () => search(12, 1),
  hostile: () => search(9, 2, true),
  nothing: () => [],
};

/** Plays the tree editor's host over a generated search. */
export function playTree(name: string, answer: Answer): (message: FromTreeView) => void {
  const make = SCENARIOS[name];
  if (!make) throw new Error(`There is no scenario ${name}.`);
  const nodes = make();
  const tree: Omit<Tree, "nodes"> = {
    id: name,
    title: "Use 3 7 8 2 to make 24.",
    datasetId: "d",
    groupId: "g0",
    origin: "prefix",
    valueSource: "mean reward of the leaves below",
    advantageSource: "value minus the parent's value",
  };
  return (message) => {
    switch (message.type) {
      case "ready":
        return answer({
          type: "tree",
          tree,
          nodeCount: nodes.length,
          selectedTrajectoryId: nodes.findLast((node) => node.leaf && node.reward === 1)?.trajectoryId,
        });
      case "nodes":
        return answer({
          type: "nodes",
          start: message.start,
          nodes: nodes.slice(message.start, Math.min(message.end, message.start + 500)),
        });
    }
  };
}
