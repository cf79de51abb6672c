import type { JsonObject } from "../model/json";
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
import { draftsOfSearch, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const NODE = new Set(["plan", "code", "_term_out", "parent", "children"]);

const nodesOf = (row: JsonObject): readonly JsonObject[] =>
  isList(row["nodes"]) ? row["nodes"].filter(isObject) : [];
const isNode = (node: JsonObject | undefined): boolean =>
  node !== undefined &&
  typeof node["code"] === "string" &&
  typeof node["id"] === "string" &&
  "is_buggy" in node;

/** The metric of a node; some writers keep several in an object, which is no number. */
const metricOf = (node: JsonObject): number | null | undefined =>
  recordedNumber(isObject(node["metric"]) ? node["metric"]["value"] : node["metric"]);

/** Nodes in an order in which each comes after its parent; links that run in a circle begin anew. */
function ordered(nodes: readonly JsonObject[], parentOf: ReadonlyMap<string, string>): readonly JsonObject[] {
  const byId = new Map(nodes.map((node) => [String(node["id"]), node]));
  const out = new Map<string, JsonObject>();
  for (const node of nodes) {
    const chain: string[] = [];
    const seen = new Set<string>();
    for (
      let id: string | undefined = String(node["id"]);
      id !== undefined && !out.has(id) && !seen.has(id);
      id = parentOf.get(id)
    ) {
      seen.add(id);
      chain.push(id);
    }
    for (const id of chain.reverse()) {
      const own = byId.get(id);
      if (own !== undefined) out.set(id, own);
    }
  }
  return [...out.values()];
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const links = isObject(row["node2parent"]) ? row["node2parent"] : {};
  const listed = nodesOf(row);
  const parentOf = new Map<string, string>();
  for (const node of listed) {
    const id = String(node["id"]);
    const parent = textOf(links[id]) ?? textOf(node["parent"]) ?? textOf(node["parent_id"]);
    if (parent !== undefined) parentOf.set(id, parent);
  }
  const nodes = ordered(listed, parentOf);
  const at = new Map(nodes.map((node, index) => [String(node["id"]), index + 1]));
  // A parent that comes later would be a circle.
  const above = nodes.map((node, index) => {
    const parent = at.get(parentOf.get(String(node["id"])) ?? "") ?? 0;
    return parent <= index ? parent : 0;
  });
  const inner = new Set(above);
  const minimised = nodes.some(
    (node) => isObject(node["metric"]) && recordedFlag(node["metric"]["maximize"]) === false,
  );
  const read = nodes.map((node, index): SearchNode => {
    const metric = metricOf(node);
    const buggy = recordedFlag(node["is_buggy"]);
    const output = isList(node["_term_out"])
      ? node["_term_out"].map(String).join("")
      : textOf(node["_term_out"]);
    return {
      parent: above[index] ?? 0,
      text: textOf(node["code"]) ?? "",
      ...given("thought", textOf(node["plan"])),
      ...(output === undefined || output === "" ? {} : { observation: output }),
      ...given("value", metric),
      ...given("finishReason", textOf(node["exc_type"])),
      extra: without(node, NODE),
      ...(inner.has(index + 1)
        ? {}
        : {
            end: {
              ...(buggy === true ? { stopReason: textOf(node["exc_type"]) ?? "buggy" } : {}),
              components: { ...given("metric", metric), ...given("step", wholeNumber(node["step"])) },
            },
          }),
    };
  });
  return {
    prompt: textOf(row["goal"]) ?? textOf(row["task_desc"]) ?? "",
    title: `${read.length} solutions`,
    nodes: [{ parent: -1, text: "" }, ...read],
    valueSource: `recorded: the validation metric of the node${minimised ? "; lower is better" : ""}`,
    advantageSource: "not recorded",
    extra: without(row, new Set(["nodes", "node2parent"])),
    notes: [
      {
        code: "no-prompt",
        message:
          "The journal does not hold the task, and a node's metric is the agent's own validation, not the grade.",
      },
    ],
  };
}

/** Journals of AIDE and of the agents built on it: solutions as a tree, each a plan, its code, what it printed and its metric. */
export const aideJournal = draftedFormat({
  id: "aide-journal",
  title: "AIDE journals",
  source: "WecoAI/aideml journal.json, AI-Scientist-v2, runs of MLE-bench",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      isNode(nodesOf(row)[0]) &&
      (isObject(row["node2parent"]) || "metric" in (nodesOf(row)[0] ?? {}))
      ? { confidence: 0.9, reason: "nodes of code and is_buggy with their parents" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
