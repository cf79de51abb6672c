import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, Trajectory } from "../model/trajectory";
import type { TreeNode } from "../model/tree";
import type { FileHead, Format, FormatRecord } from "./format";
import {
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";

/** A tree is read without recursion, so that no depth can end the process; beyond this something is wrong. */
const DEEPEST = 10_000;

interface FlatNode {
  readonly node: JsonObject;
  readonly parent: number;
  readonly depth: number;
}

const MAPPED = new Set([
  "text",
  "depth",
  "full_text",
  "stop_text",
  "finish_reason",
  "leaf",
  "reward",
  "reward_std",
  "sum_logprobs",
  "logprob",
  "num_tokens",
  "children",
]);

function childrenOf(node: JsonObject): readonly JsonObject[] {
  return isList(node["children"]) ? node["children"].filter(isObject) : [];
}

function rootOf(record: FormatRecord): JsonObject {
  if (record.kind !== "value" || !isObject(record.value))
    throw new Failure(
      "unfit-record",
      "The document is not a JSON object.",
      "Check that the file is an SPO tree.",
    );
  return record.value;
}

/** Nodes in depth-first order, parents first. */
function flatten(root: JsonObject): readonly FlatNode[] {
  const nodes: FlatNode[] = [];
  const stack: FlatNode[] = [{ node: root, parent: -1, depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.depth > DEEPEST)
      throw new Failure(
        "too-deep",
        `The tree is deeper than ${DEEPEST} levels.`,
        "Check that the file is an SPO tree.",
      );
    const index = nodes.push(top) - 1;
    const children = childrenOf(top.node);
    for (let child = children.length - 1; child >= 0; child--)
      stack.push({ node: children[child] as JsonObject, parent: index, depth: top.depth + 1 });
  }
  return nodes;
}

const isLeaf = ({ node }: FlatNode): boolean => childrenOf(node).length === 0;

/** Indices of the nodes from the first below the root to the leaf. */
function pathTo(nodes: readonly FlatNode[], leaf: number): readonly number[] {
  const path: number[] = [];
  for (let index = leaf; index > 0; index = nodes[index]?.parent ?? -1) path.unshift(index);
  return path;
}

/** Advantage of the edge into a node as released: reward of the child minus reward of the parent. */
function edgeAdvantage(nodes: readonly FlatNode[], index: number): number | undefined {
  const node = nodes[index];
  const parent = node === undefined ? undefined : nodes[node.parent];
  const own = recordedNumber(node?.node["reward"]);
  const above = recordedNumber(parent?.node["reward"]);
  return typeof own === "number" && typeof above === "number" ? own - above : undefined;
}

function leavesOf(nodes: readonly FlatNode[]): readonly number[] {
  // A root without children is a search that found nothing: not a trajectory.
  return nodes.flatMap((node, index) => (index > 0 && isLeaf(node) ? [index] : []));
}

function promptOf(root: JsonObject): string {
  return textOf(root["full_text"]) ?? textOf(root["text"]) ?? "";
}

/** The question as a person would name it, from the request that started the search, or the prompt. */
function titleOfTree(root: JsonObject): string {
  const request = root["_request_object"];
  for (const key of ["problem", "question", "query", "prompt"]) {
    const text = isObject(request) ? textOf(request[key]) : undefined;
    if (text !== undefined) return titleOf(text);
  }
  return titleOf(promptOf(root));
}

function groundTruthOf(root: JsonObject): JsonValue | undefined {
  const request = root["_request_object"];
  if (!isObject(request)) return undefined;
  for (const key of ["answer", "gold", "ground_truth", "target", "solution"])
    if (request[key] !== undefined) return request[key];
  return undefined;
}

function trainingStepOf(root: JsonObject): number | undefined {
  const request = root["_request_object"];
  return (
    wholeNumber(root["step"]) ??
    wholeNumber(root["iteration"]) ??
    (isObject(request) ? (wholeNumber(request["step"]) ?? wholeNumber(request["iteration"])) : undefined)
  );
}

function wasCut(finishReason: string | undefined): boolean | undefined {
  return finishReason === undefined ? undefined : finishReason === "length";
}

function sumOf(nodes: readonly FlatNode[], path: readonly number[], key: string): number | undefined {
  let sum = 0;
  for (const index of path) {
    const number = recordedNumber(nodes[index]?.node[key]);
    if (typeof number !== "number") return undefined;
    sum += number;
  }
  return sum;
}

/** Trees of SPO (segment policy optimisation): one JSON document a question, node value = mean reward of the children. */
export const spoTree: Format = {
  id: "spo-tree",
  title: "SPO tree",
  source: "AIFrameResearch/SPO, trees/{idx}.json (hybrid_inference_strategy.py)",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,
  recordsAdvantage: "step",

  detect(head: FileHead) {
    const root = head.firstRecord;
    if (!isObject(root) || !isList(root["children"]) || typeof root["text"] !== "string") return undefined;
    const child = childrenOf(root)[0];
    const known = [
      "full_text",
      "reward",
      "reward_std",
      "leaf",
      "finish_reason",
      "num_tokens",
      "_request_object",
      "stop_text",
    ].filter((key) => key in root || (child !== undefined && key in child));
    if ("_request_object" in root && known.length >= 3)
      return { confidence: 0.95, reason: "a tree of text, reward and children with _request_object" };
    return known.length >= 4
      ? { confidence: 0.7, reason: `a tree of text and children with ${known.slice(0, 3).join(", ")}` }
      : undefined;
  },

  summarise(record) {
    const root = rootOf(record);
    const nodes = flatten(root);
    const title = titleOfTree(root);
    const trainingStep = trainingStepOf(root);
    return leavesOf(nodes).map((leaf, part) => {
      const node = (nodes[leaf] as FlatNode).node;
      const path = pathTo(nodes, leaf);
      const reward = recordedNumber(node["reward"]);
      const success = recordedFlag(node["reward"]);
      const stopReason = textOf(node["finish_reason"]);
      const truncated = wasCut(stopReason);
      const tokenCount = sumOf(nodes, path, "num_tokens");
      return {
        part,
        groupKey: "tree",
        title,
        ...(trainingStep === undefined ? {} : { trainingStep }),
        ...(reward === undefined ? {} : { reward }),
        ...(success === undefined ? {} : { success }),
        ...(truncated === undefined ? {} : { truncated }),
        ...(stopReason === undefined ? {} : { stopReason }),
        stepCount: path.length + 1,
        ...(tokenCount === undefined ? {} : { tokenCount }),
        responseCharacters: path.reduce(
          (sum, index) => sum + (textOf(nodes[index]?.node["text"]) ?? "").length,
          0,
        ),
        components: {},
        steps: path.map((index, position) => {
          const value = recordedNumber(nodes[index]?.node["reward"]);
          const advantage = edgeAdvantage(nodes, index);
          return {
            index: position + 1,
            ...(value === undefined ? {} : { value }),
            ...(advantage === undefined ? {} : { advantage }),
          };
        }),
      };
    });
  },

  read(record, place): Trajectory {
    const root = rootOf(record);
    const nodes = flatten(root);
    const leaf = leavesOf(nodes)[place.source.part];
    if (leaf === undefined)
      throw new Failure(
        "missing-part",
        `The tree has no leaf ${place.source.part}.`,
        "Refresh the Trajectories view.",
      );
    const path = pathTo(nodes, leaf);
    const leafNode = (nodes[leaf] as FlatNode).node;
    const prompt = promptOf(root);
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt, ...valueOf(root) }];
    for (const [position, index] of path.entries()) {
      const { node } = nodes[index] as FlatNode;
      const advantage = edgeAdvantage(nodes, index);
      const logprob = recordedNumber(node["sum_logprobs"] ?? node["logprob"]);
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: position === path.length - 1 ? "answer" : "act",
        action: textOf(node["text"]) ?? "",
        ...valueOf(node),
        ...(advantage === undefined ? {} : { advantage }),
        ...(logprob === undefined ? {} : { logprob }),
        extra: without(node, MAPPED),
      });
    }
    const reward = recordedNumber(leafNode["reward"]);
    const success = recordedFlag(leafNode["reward"]);
    const stopReason = textOf(leafNode["finish_reason"]);
    const truncated = wasCut(stopReason);
    const groundTruth = groundTruthOf(root);
    const trainingStep = trainingStepOf(root);
    return {
      ...place,
      format: "spo-tree",
      task: { prompt, ...(groundTruth === undefined ? {} : { groundTruth }) },
      ...(trainingStep === undefined ? {} : { trainingStep }),
      steps,
      flatText: {
        prompt,
        response: steps
          .slice(1)
          .map((step) => step.action ?? "")
          .join(""),
      },
      outcome: {
        ...(reward === undefined ? {} : { reward, rewardSource: "reward of the leaf" }),
        ...(success === undefined ? {} : { success }),
        ...(stopReason === undefined ? {} : { stopReason }),
        ...(truncated === undefined ? {} : { truncated }),
        components: {},
      },
      extra: without(root, MAPPED),
      notes: [
        {
          code: "edge-advantage",
          message:
            "A step's value is its node's recorded reward; its advantage is that minus the parent's, as SPO's `rloo` mode computes it.",
        },
      ],
    };
  },

  tree(record, context, trajectoryId) {
    const root = rootOf(record);
    const flat = flatten(root);
    let part = 0;
    const nodes = flat.map((item, index): TreeNode => {
      const { node, parent, depth } = item;
      const leaf = isLeaf(item);
      const value = recordedNumber(node["reward"]);
      const valueStd = recordedNumber(node["reward_std"]);
      const advantage = index === 0 ? undefined : edgeAdvantage(flat, index);
      const logprob = recordedNumber(node["sum_logprobs"] ?? node["logprob"]);
      const tokenCount = wholeNumber(node["num_tokens"]);
      const finishReason = textOf(node["finish_reason"]);
      return {
        parent,
        depth,
        text: index === 0 ? promptOf(root) : (textOf(node["text"]) ?? ""),
        ...(value === undefined ? {} : { value }),
        ...(valueStd === undefined ? {} : { valueStd }),
        ...(advantage === undefined ? {} : { advantage }),
        ...(leaf && value !== undefined ? { reward: value } : {}),
        leaf,
        ...(finishReason === undefined ? {} : { finishReason }),
        status: "kept",
        ...(leaf && index > 0 ? { trajectoryId: trajectoryId(part++) } : {}),
        stepIndex: depth,
        ...(tokenCount === undefined ? {} : { tokenCount }),
        ...(logprob === undefined ? {} : { logprob }),
      };
    });
    return {
      id: context.groupId ?? `${context.relativePath}#${context.row}`,
      title: titleOfTree(root),
      datasetId: context.datasetId,
      ...(context.groupId === undefined ? {} : { groupId: context.groupId }),
      origin: "file",
      valueSource: "recorded: mean reward of the node's children",
      advantageSource: "value of the node minus value of its parent (SPO rloo, as released)",
      nodes,
    };
  },
};

function valueOf(node: JsonObject): { readonly value?: number | null } {
  const value = recordedNumber(node["reward"]);
  return value === undefined ? {} : { value };
}
