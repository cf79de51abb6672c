import type { TreeNode } from "../../src/model/tree";
import { reach, robustLimits, type Limits } from "./limits";
import { divergingColour, sequentialColour } from "./theme";

/** How values, advantages and visits become colour, width and ring. */
export interface TreeScales {
  readonly value: Limits | undefined;
  /** True when some value is below zero: the fill then diverges around zero. */
  readonly diverging: boolean;
  readonly advantage: number;
  readonly visits: number;
  /** Some branches are not followed; some were generated here. */
  readonly abandoned: boolean;
  readonly generated: boolean;
}

const finite = (value: number | null | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value);

export function treeScales(nodes: readonly TreeNode[]): TreeScales {
  const values = Float64Array.from(nodes.map((node) => (finite(node.value) ? node.value : NaN)));
  const diverging = values.some((value) => value < 0);
  const shares = !diverging && values.every((value) => Number.isNaN(value) || value <= 1);
  const natural = robustLimits(values, diverging);
  const advantages = Float64Array.from(nodes.map((node) => (finite(node.advantage) ? node.advantage : NaN)));
  const advantageLimits = robustLimits(advantages, true);
  let visits = 1;
  for (const node of nodes) visits = Math.max(visits, node.visits ?? 1);
  return {
    value: natural && shares ? { ...natural, low: 0, high: 1 } : natural,
    diverging,
    advantage: advantageLimits ? reach(advantageLimits) : 0,
    visits,
    abandoned: nodes.some(abandoned),
    generated: nodes.some((node) => node.status === "generated"),
  };
}

/** Fill of a node; undefined = it has no value and stays hollow. */
export function valueColour(node: TreeNode, scales: TreeScales): string | undefined {
  if (!finite(node.value) || !scales.value) return undefined;
  return scales.diverging
    ? divergingColour(node.value, reach(scales.value))
    : sequentialColour(node.value, scales.value.low, scales.value.high);
}

/** 0 to 1: how strong the advantage of an edge is; undefined = it has none. */
export function advantageShare(node: TreeNode, scales: TreeScales): number | undefined {
  return finite(node.advantage) && scales.advantage > 0
    ? Math.min(1, Math.abs(node.advantage) / scales.advantage)
    : undefined;
}

/** 0 to 1 on a logarithmic scale: how often a node was visited. */
export function visitShare(node: TreeNode, scales: TreeScales): number {
  return scales.visits > 1 && node.visits !== undefined
    ? Math.log(Math.max(1, node.visits)) / Math.log(scales.visits)
    : 0;
}

/** Branches that are not followed are dashed. */
export const abandoned = (node: TreeNode): boolean =>
  node.status === "pruned" || node.status === "suppressed";
