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
import { draftsOfSearch, nestedNodes, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const NODE = new Set(["children", "description", "observation", "node_type", "pruned", "messages"]);
/** What the environment's code says of a call that ends the work. */
const ENDS: Readonly<Record<number, string>> = { 3: "give_answer", 4: "give_up_and_restart" };

const rootOf = (row: JsonObject): JsonObject | undefined => {
  const tree = isObject(row["tree"]) ? row["tree"] : undefined;
  const root = tree !== undefined && isObject(tree["tree"]) ? tree["tree"] : undefined;
  return root !== undefined && "node_type" in root && isList(root["children"]) ? root : undefined;
};

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const answer = isObject(row["answer_generation"]) ? row["answer_generation"] : {};
  const nodes = nestedNodes(rootOf(row) ?? {}).map(({ node, parent, leaf }, index): SearchNode => {
    const type = textOf(node["node_type"]);
    const said = textOf(node["description"]) ?? "";
    const code = wholeNumber(node["observation_code"]);
    const stop = ENDS[code ?? -1] ?? (recordedFlag(node["pruned"]) === true ? "pruned" : undefined);
    const observation = textOf(node["observation"]);
    // Ratings that a search without comparisons gives to all nodes alike are none.
    const rating = recordedNumber(node["Elo"]);
    return {
      parent,
      text: type === "Thought" ? "" : said,
      ...(type === "Thought" ? { thought: said } : {}),
      ...(observation === undefined || observation === "" ? {} : { observation }),
      ...(recordedFlag(node["pruned"]) === true ? { status: "pruned", reason: "the search left it" } : {}),
      ...given("finishReason", ENDS[code ?? -1]),
      extra: { ...given("node_type", type), ...without(node, NODE), ...given("Elo", rating) },
      ...(leaf && index > 0 ? { end: { ...given("stopReason", stop), components: {} } } : {}),
    };
  });
  const tree = isObject(row["tree"]) ? row["tree"] : {};
  return {
    prompt: textOf(answer["query"]) ?? "",
    nodes,
    valueSource: "not recorded",
    advantageSource: "not recorded",
    extra: {
      ...without(row, new Set(["tree", "answer_generation", "compare_candidates", "trys"])),
      ...without(tree, new Set(["tree"])),
      answer: without(answer, new Set(["train_messages", "function", "chain", "query"])),
    },
    notes: [
      {
        code: "own-verdict",
        message:
          "`win` says that the search gave an answer: whether the answer is right is judged elsewhere.",
      },
    ],
  };
}

/** Searches of ToolBench (DFSDT and chains): thoughts, calls of interfaces and what they gave, as a tree. */
export const toolBench = draftedFormat({
  id: "toolbench",
  title: "ToolBench searches",
  source: "OpenBMB/ToolBench answers of DFS and CoT inference ({id}_{method}.json)",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && isObject(row["answer_generation"]) && rootOf(row) !== undefined
      ? { confidence: 0.9, reason: "a tree of node_type and children, and answer_generation" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
