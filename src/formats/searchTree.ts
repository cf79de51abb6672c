import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Outcome, Step, StepRole } from "../model/trajectory";
import type { BranchStatus, Tree, TreeNode } from "../model/tree";
import { given, type TrajectoryDraft } from "./draft";
import type { RecordContext } from "./format";
import { isList, isObject, titleOf } from "./jsonFields";

/** Trees are walked without recursion, so that no depth can end the process; beyond this something is wrong. */
const DEEPEST = 10_000;

/** A node of a search as a format reads it. Nodes are listed parents first; node 0 is the root, the prompt. */
export interface SearchNode {
  readonly parent: number;
  readonly text: string;
  /** Of an agent: what came back. It becomes a step of its own behind the action. */
  readonly observation?: string;
  readonly thought?: string;
  readonly value?: number | null;
  readonly advantage?: number | null;
  readonly reward?: number | null;
  readonly visits?: number;
  readonly status?: BranchStatus;
  readonly reason?: string;
  readonly finishReason?: string;
  readonly extra?: JsonObject;
  /** Set where a trajectory ends. */
  readonly end?: Outcome;
}

/** One search: its tree, and the paths through it that are trajectories. */
export interface Search {
  readonly id?: string;
  readonly prompt: string;
  readonly title?: string;
  readonly groundTruth?: JsonValue;
  readonly trainingStep?: number;
  readonly nodes: readonly SearchNode[];
  readonly valueSource: string;
  readonly advantageSource: string;
  readonly extra: JsonObject;
  readonly notes: readonly Note[];
  /** Who writes the nodes; "assistant" unless said otherwise. */
  readonly role?: StepRole;
}

/** Nested `children` as a list, parents first and in the file's order. @throws Failure when it is too deep */
export function nestedNodes(
  root: JsonObject,
): readonly { readonly node: JsonObject; readonly parent: number; readonly leaf: boolean }[] {
  const nodes: { node: JsonObject; parent: number; leaf: boolean }[] = [];
  const stack: { node: JsonObject; parent: number; depth: number }[] = [{ node: root, parent: -1, depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.depth > DEEPEST)
      throw new Failure(
        "too-deep",
        `The tree is deeper than ${DEEPEST} levels.`,
        "Check that the file is a search tree.",
      );
    const listed = top.node["children"];
    const children = isList(listed) ? listed.filter(isObject) : [];
    const index = nodes.push({ node: top.node, parent: top.parent, leaf: children.length === 0 }) - 1;
    for (const child of [...children].reverse())
      stack.push({ node: child, parent: index, depth: top.depth + 1 });
  }
  return nodes;
}

/** Ends of a search in the order of their nodes: `part` i of the record is the i-th. */
const endsOf = (search: Search): readonly number[] =>
  search.nodes.flatMap((node, index) => (index > 0 && node.end !== undefined ? [index] : []));

function pathTo(nodes: readonly SearchNode[], end: number): readonly number[] {
  const path: number[] = [];
  for (let index = end; index > 0; index = nodes[index]?.parent ?? -1) path.push(index);
  return path.reverse();
}

/** One trajectory an end: the prompt, then the nodes of its path as steps. */
export function draftsOfSearch(search: Search): readonly TrajectoryDraft[] {
  const root = search.nodes[0];
  return endsOf(search).map((end): TrajectoryDraft => {
    const path = pathTo(search.nodes, end);
    const steps: Step[] = [
      {
        index: 0,
        role: "user",
        kind: "prompt",
        observation: search.prompt,
        ...given("value", root?.value),
      },
    ];
    for (const index of path) {
      const node = search.nodes[index] as SearchNode;
      steps.push({
        index: steps.length,
        role: search.role ?? "assistant",
        kind: index === end ? "answer" : "act",
        ...given("thought", node.thought),
        action: node.text,
        ...given("value", node.value),
        ...given("advantage", node.advantage),
        ...given("reward", node.reward),
        ...given("extra", node.extra),
      });
      if (node.observation !== undefined)
        steps.push({ index: steps.length, role: "tool", kind: "observe", observation: node.observation });
    }
    return {
      ...given("ownId", search.id),
      groupKey: "tree",
      title: search.title ?? titleOf(search.prompt),
      task: { prompt: search.prompt, ...given("groundTruth", search.groundTruth) },
      ...given("trainingStep", search.trainingStep),
      steps,
      outcome: (search.nodes[end] as SearchNode).end as Outcome,
      extra: search.extra,
      notes: search.notes,
    };
  });
}

/** The search's own tree; a node that is several steps of its trajectory points at the first of them. */
export function treeOfSearch(
  search: Search,
  context: RecordContext & { readonly datasetId: string; readonly groupId?: string },
  trajectoryId: (part: number) => string,
): Tree {
  const partOf = new Map(endsOf(search).map((end, part) => [end, part]));
  const parents = new Set(search.nodes.map((node) => node.parent));
  const depth: number[] = [];
  const step: number[] = [];
  const nodes = search.nodes.map((node, index): TreeNode => {
    depth[index] = index === 0 ? 0 : (depth[node.parent] ?? 0) + 1;
    const above = search.nodes[node.parent];
    step[index] =
      index === 0
        ? 0
        : (step[node.parent] ?? 0) + (above?.observation === undefined || node.parent === 0 ? 1 : 2);
    const part = partOf.get(index);
    return {
      parent: node.parent,
      depth: depth[index] ?? 0,
      text: index === 0 ? search.prompt : node.text,
      ...given("value", node.value),
      ...given("advantage", node.advantage),
      ...given("reward", node.reward ?? node.end?.reward),
      ...given("visits", node.visits),
      leaf: !parents.has(index),
      ...given("finishReason", node.finishReason),
      status: node.status ?? "kept",
      ...given("reason", node.reason),
      ...(part === undefined ? {} : { trajectoryId: trajectoryId(part) }),
      stepIndex: step[index] ?? 0,
    };
  });
  return {
    id: context.groupId ?? `${context.relativePath}#${context.row}`,
    title: search.title ?? titleOf(search.prompt),
    datasetId: context.datasetId,
    ...given("groupId", context.groupId),
    origin: "file",
    valueSource: search.valueSource,
    advantageSource: search.advantageSource,
    nodes,
  };
}
