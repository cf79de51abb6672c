import type { Tree } from "../../model/tree";
import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { textOf } from "../series/parameters";
import {
  needHow,
  type ExplanationLine,
  type ParameterValues,
  type Signal,
  type SignalContext,
} from "../signal";
import {
  edgeCredit,
  edgeEpsilon,
  proverValue,
  treeValues,
  type EdgeMethod,
  type RewardTree,
  type TreeValues,
} from "./treeCredit";

/** Rewards of a tree's leaves; a leaf without one is NaN, never 0. */
function rewardTree(tree: Tree): RewardTree {
  return {
    parents: Int32Array.from(tree.nodes, (node) => node.parent),
    leafRewards: Float64Array.from(tree.nodes, (node) => node.reward ?? node.value ?? NaN),
  };
}

interface Prepared {
  readonly tree: Tree;
  readonly values: TreeValues;
  readonly credits: Float64Array;
  readonly parents: Int32Array;
  /** Nodes from the first edge to the trajectory's leaf. */
  readonly path: readonly number[];
  /** Entry of the series that each node of the path stands at. */
  readonly positions: readonly number[];
  readonly level: "step" | "trajectory";
  readonly length: number;
  readonly method: EdgeMethod | "prover";
  readonly notes: readonly string[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const { tree, trajectory } = context;
  if (!tree) return { missing: ["tree"], how: needHow.tree };
  const leaf = tree.nodes.findIndex((node) => node.leaf && node.trajectoryId === trajectory.id);
  if (leaf < 0)
    return {
      missing: ["tree"],
      how: `No leaf of tree ${tree.id} is this trajectory: open the tree of its own group.`,
    };
  const method = textOf(parameters, "method") as Prepared["method"];
  const rewards = rewardTree(tree);
  const values = treeValues(rewards);
  const credit = edgeCredit(rewards, values, method === "grpo" ? "grpo" : "rloo");
  const path: number[] = [];
  for (let node = leaf; node >= 0 && tree.nodes[node]!.parent >= 0; node = tree.nodes[node]!.parent) {
    path.push(node);
    if (path.length > tree.nodes.length)
      return { missing: ["tree"], how: `Tree ${tree.id} has a cycle in its parent links.` };
  }
  path.reverse();
  const unknown = tree.nodes.filter(
    (node, index) => node.leaf && Number.isNaN(rewards.leafRewards[index]!),
  ).length;
  const notes = unknown > 0 ? [`${unknown} leaves have no reward; every node above them is unknown.`] : [];
  const placed =
    path.every((node) => tree.nodes[node]!.stepIndex !== undefined) && trajectory.steps.length > 0;
  const distinct = new Set(path.map((node) => tree.nodes[node]!.stepIndex)).size === path.length;
  if (placed && !distinct) notes.push("Several nodes lie inside one step; the step shows the last of them.");
  return {
    tree,
    values,
    credits: method === "prover" ? credit.provers : credit.advantages,
    parents: rewards.parents,
    path,
    positions: placed ? path.map((node) => tree.nodes[node]!.stepIndex!) : path.map((_, i) => i),
    level: "step",
    length: placed ? trajectory.steps.length : path.length,
    method,
    notes,
  };
}

export const spoTree: Signal = {
  id: "spo-tree",
  title: "Tree edge advantage",
  family: "tree",
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["tree"],
  parameters: [
    {
      name: "method",
      description:
        "rloo: child minus parent; grpo: that over the spread of the parent's children; prover: difference of the chance that one of four tries succeeds.",
      type: "choice",
      choices: ["rloo", "grpo", "prover"],
      default: "rloo",
    },
  ],
  presets: [
    {
      id: "spo-rloo",
      title: "SPO tree, rloo",
      values: { method: "rloo" },
      source:
        "AIFrameResearch/SPO, tree_episode_generator.py, extract_edges_from_tree, adv_method rloo (the child is inside the parent's mean)",
    },
    {
      id: "spo-grpo",
      title: "SPO tree, grpo",
      values: { method: "grpo" },
      source:
        "AIFrameResearch/SPO, tree_episode_generator.py, extract_edges_from_tree, adv_method grpo (population std of children, eps 1e-8)",
    },
    {
      id: "spo-prover",
      title: "SPO tree, prover",
      values: { method: "prover" },
      source: "AIFrameResearch/SPO, tree_episode_generator.py, prover advantage with best of 4",
    },
  ],
  source: "Guo et al. 2025, Segment Policy Optimization; AIFrameResearch/SPO",
  description:
    "Credit of each branch on the way to this rollout: the value of a node (mean of its children's values, rewards at the leaves) minus its parent's.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const credits = new Float64Array(prepared.length).fill(NaN);
    const values = new Float64Array(prepared.length).fill(NaN);
    prepared.path.forEach((node, i) => {
      credits[prepared.positions[i]!] = prepared.credits[node]!;
      values[prepared.positions[i]!] = prepared.values.values[node]!;
    });
    return { level: prepared.level, values: credits, parts: { "node value": values }, notes: prepared.notes };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const place = prepared.positions.lastIndexOf(index);
    const node = prepared.path[place];
    if (node === undefined || Number.isNaN(prepared.credits[node]!)) return undefined;
    return {
      title: "Tree edge advantage",
      convention: `${prepared.method}; node value = mean of the children${prepared.method === "grpo" ? `, population std, eps ${edgeEpsilon}` : ""}`,
      lines: edgeLines(prepared, node),
      source: spoTree.source,
      notes: prepared.notes,
    };
  },
};

function edgeLines(
  { tree, values, credits, parents, method }: Prepared,
  node: number,
): readonly ExplanationLine[] {
  const parent = parents[node]!;
  const child = values.values[node]!;
  const above = values.values[parent]!;
  const childSymbol = symbol("V(child)", child, "value of this node");
  const parentSymbol = symbol("V(parent)", above, "mean value of the parent's children");
  const lines: ExplanationLine[] = [];
  if (method === "prover") {
    const best = (name: string, of: Expression, value: number): ExplanationLine => ({
      name,
      expression: binary("-", number(1), binary("^", binary("-", number(1), of), number(4))),
      value: proverValue(value),
    });
    lines.push(
      {
        name: "A",
        expression: binary(
          "-",
          symbol("B(child)", proverValue(child)),
          symbol("B(parent)", proverValue(above)),
        ),
        value: credits[node]!,
      },
      best("B(child)", childSymbol, child),
      best("B(parent)", parentSymbol, above),
    );
  } else {
    const difference = binary("-", childSymbol, parentSymbol);
    const spread = binary(
      "+",
      symbol("std(children)", values.spreads[parent]!, "population deviation of the parent's children"),
      symbol("eps", edgeEpsilon),
    );
    lines.push({
      name: "A",
      expression: method === "grpo" ? binary("/", difference, spread) : difference,
      value: credits[node]!,
    });
  }
  const below = (of: number): readonly Expression[] =>
    values.children[of]!.map((sibling, i) => {
      const { trajectoryId } = tree.nodes[sibling]!;
      return symbol(
        `V_${i + 1}`,
        values.values[sibling]!,
        `value of branch ${i + 1}`,
        trajectoryId === undefined ? undefined : { trajectoryId },
      );
    });
  lines.push({
    name: "V(parent)",
    expression: { kind: "call", name: "mean", arguments: below(parent) },
    value: above,
  });
  if (values.children[node]!.length > 0)
    lines.push({
      name: "V(child)",
      expression: { kind: "call", name: "mean", arguments: below(node) },
      value: child,
    });
  return lines;
}
