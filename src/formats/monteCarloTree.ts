import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { draftsOfSearch, nestedNodes, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const ROOTS = ["reasoning_steps", "tree", "root"] as const;
const NODE = new Set(["text", "mc_value", "children"]);

const isNode = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) && typeof value["text"] === "string" && "mc_value" in value && isList(value["children"]);

/** The tree of a record: under a name of its own, or the record itself. */
function rootOf(row: JsonObject): JsonObject | undefined {
  for (const name of ROOTS) {
    const root = row[name];
    if (isNode(root)) return root;
  }
  return isNode(row) ? row : undefined;
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const root = rootOf(row);
  const prompt = textOf(row["question"]) ?? textOf(row["problem"]) ?? textOf(root?.["text"]) ?? "";
  const listed = root === undefined ? [] : nestedNodes(root);
  const values = listed.map(({ node }) => recordedNumber(node["mc_value"]));
  const nodes = listed.map(({ node, parent, leaf }, index): SearchNode => {
    const value = values[index];
    const above = values[parent];
    const extra = without(node, NODE);
    return {
      parent,
      text: `${textOf(node["text"]) ?? ""}\n`,
      ...given("value", value),
      ...(parent >= 0 && typeof value === "number" && typeof above === "number"
        ? { advantage: value - above }
        : {}),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      ...(leaf && index > 0
        ? {
            end: {
              // Only a state from which every rollout is right, or none, tells how its solution ends.
              ...(value === 1 ? { success: true } : value === 0 ? { success: false } : {}),
              components: typeof value === "number" ? { mc_value: value } : {},
            },
          }
        : {}),
    };
  });
  const id = row["question_id"] ?? row["id"];
  return {
    ...(id === undefined ? {} : { id: String(id) }),
    prompt,
    ...given("groundTruth", row["final_answer"] ?? row["answer"]),
    nodes: nodes.length === 0 ? [{ parent: -1, text: prompt }] : nodes,
    valueSource: "recorded: mc_value, the share of right rollouts from the state",
    advantageSource: "value of the state minus value of the state that it continues",
    extra: without(row, new Set([...ROOTS, "question", ...NODE])),
    notes: [],
  };
}

/** Trees of reasoning steps with a Monte-Carlo value each, as OmegaPRM builds them. */
export const monteCarloTree = draftedFormat({
  id: "mc-tree",
  title: "Reasoning tree with Monte-Carlo values",
  source:
    "openreasoner/openr, OmegaPRM data (MATH-APS): question, reasoning_steps {text, mc_value, children}",
  containers: ["jsonl", "json"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && rootOf(row) !== undefined
      ? { confidence: 0.9, reason: "a tree of text, mc_value and children" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
