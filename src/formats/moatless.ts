import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { draftsOfSearch, nestedNodes, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const NODE = new Set([
  "node_id",
  "parent_id",
  "children",
  "visits",
  "value",
  "reward",
  "user_message",
  "assistant_message",
  "action_steps",
  "output",
  "file_context",
  "completions",
]);

interface Said {
  readonly action: string;
  readonly thought?: string;
  readonly observation?: string;
  readonly terminal: boolean;
}

const jsonText = (value: JsonValue | undefined): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);

/** What the agent did in a node: each action with its arguments, and what came back. */
function saidIn(node: JsonObject): Said {
  const steps = isList(node["action_steps"]) ? node["action_steps"].filter(isObject) : [];
  const single = isObject(node["action"])
    ? [{ action: node["action"], observation: node["output"] ?? node["observation"] } as JsonObject]
    : [];
  const parts = (steps.length > 0 ? steps : single).map((step) => {
    const action = isObject(step["action"]) ? step["action"] : {};
    const observation = step["observation"];
    return {
      name: textOf(action["action_args_class"])?.split(".").at(-1) ?? textOf(action["name"]),
      args: without(action, new Set(["thoughts", "scratch_pad", "action_args_class", "name"])),
      thought: textOf(action["thoughts"]) ?? textOf(action["scratch_pad"]),
      observation: isObject(observation) ? textOf(observation["message"]) : textOf(observation),
      terminal: isObject(observation) && recordedFlag(observation["terminal"]) === true,
    };
  });
  const thoughts = parts.flatMap((part) => (part.thought === undefined ? [] : [part.thought]));
  const observations = parts.flatMap((part) => (part.observation === undefined ? [] : [part.observation]));
  return {
    action:
      parts.length === 0
        ? jsonText(node["assistant_message"] ?? "")
        : parts.map((part) => `${part.name ?? "action"} ${JSON.stringify(part.args)}`).join("\n"),
    ...(thoughts.length > 0
      ? { thought: thoughts.join("\n\n") }
      : given("thought", textOf(node["assistant_message"]))),
    ...(observations.length > 0 ? { observation: observations.join("\n\n") } : {}),
    terminal: parts.some((part) => part.terminal),
  };
}

/** Newer files list their nodes flat, with the parent's id in each. */
function nodesOf(
  row: JsonObject,
): readonly { readonly node: JsonObject; readonly parent: number; readonly leaf: boolean }[] {
  if (isObject(row["root"])) return nestedNodes(row["root"]);
  const listed = isList(row["nodes"]) ? row["nodes"].filter(isObject) : [];
  const byId = new Map(listed.map((node) => [String(node["node_id"]), node]));
  const children = new Map<string, JsonObject[]>();
  const roots: JsonObject[] = [];
  for (const node of listed) {
    const parent = node["parent_id"];
    const id = parent === null || parent === undefined ? undefined : String(parent);
    if (id === undefined || !byId.has(id)) roots.push(node);
    else children.set(id, [...(children.get(id) ?? []), node]);
  }
  const flat: { node: JsonObject; parent: number; leaf: boolean }[] = [];
  const seen = new Set<JsonObject>();
  const stack = roots.slice(0, 1).map((node) => ({ node, parent: -1 }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    // Parent links of a damaged file may run in a circle.
    if (seen.has(top.node)) continue;
    seen.add(top.node);
    const below = children.get(String(top.node["node_id"])) ?? [];
    const index = flat.push({ ...top, leaf: below.length === 0 }) - 1;
    for (const child of [...below].reverse()) stack.push({ node: child, parent: index });
  }
  return flat;
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const flat = nodesOf(row);
  const nodes = flat.map(({ node, parent, leaf }, index): SearchNode => {
    const reward = isObject(node["reward"])
      ? recordedNumber(node["reward"]["value"])
      : recordedNumber(node["reward"]);
    const value = recordedNumber(node["value"]);
    const { terminal, action, ...said } = saidIn(node);
    const duplicate = recordedFlag(node["is_duplicate"]) === true;
    return {
      parent,
      text: action,
      ...said,
      ...given("value", value),
      ...given("reward", reward),
      ...given("visits", wholeNumber(node["visits"])),
      ...(duplicate ? { status: "pruned", reason: "a duplicate of another node" } : {}),
      ...(terminal ? { finishReason: "terminal" } : {}),
      extra: without(node, NODE),
      ...(leaf && index > 0
        ? {
            end: {
              ...(reward === undefined ? {} : { reward, rewardSource: "reward.value of the last node" }),
              ...(terminal ? { stopReason: "terminal" } : { stopReason: "not finished" }),
              components: {},
            },
          }
        : {}),
    };
  });
  const root = flat[0]?.node ?? {};
  const prompt = textOf(root["user_message"]) ?? textOf(root["message"]) ?? "";
  return {
    ...given("id", textOf(row["instance_id"])),
    prompt,
    nodes,
    valueSource: "recorded: value of the node (sum or mean of the rewards below it, as the search is set)",
    advantageSource: "not recorded",
    extra: without(row, new Set(["root", "nodes"])),
    notes: [],
  };
}

/** Trees of moatless-tree-search: agent actions with the value model's reward, visits and value. */
export const moatless = draftedFormat({
  id: "moatless-tree",
  title: "Moatless search tree",
  source: "aorwall/moatless-tree-search, SearchTree.persist (trajectory.json)",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const root = row["root"];
    if (isObject(root) && "node_id" in root && isList(root["children"]))
      return { confidence: 0.95, reason: "root with node_id and children" };
    const node = isList(row["nodes"]) ? row["nodes"][0] : undefined;
    return isObject(node) &&
      "node_id" in node &&
      "parent_id" in node &&
      ("action_steps" in node || "visits" in node)
      ? { confidence: 0.9, reason: "nodes with node_id, parent_id and visits" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
