import type { JsonObject, JsonValue } from "../model/json";
import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isObject, objectOf, recordedNumber, textOf, wholeNumber, without } from "./jsonFields";
import { draftsOfSearch, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const TREES = ["rstar", "react", "mcts", "tree"] as const;
const TAG = /^0(?:\.\d+)*$/;
/** What the writer's nodes hold before anything was estimated. */
const NO_VALUE = -100;
const MAPPED = new Set(["text", "value", "q_value", "visit_count", "final_answer"]);
/** Ends of a path that are no answers. */
const GAVE_UP =
  /^(?:Too many consecutive steps have code errors|Fail to sol?ve the problem within limited steps|Fail to generate parsable text)/;

const isNode = (value: JsonValue | undefined): value is JsonObject => isObject(value) && "text" in value;

/** The nodes by their tags: `0` is the root, `0.2.1` the first child of the second child of the root. */
function treeIn(row: JsonObject): { readonly name: string; readonly tree: JsonObject } | undefined {
  for (const name of TREES) {
    const tree = row[name];
    if (!isObject(tree) || !isNode(tree["0"])) continue;
    const root = tree["0"];
    if ("q_value" in root || "value" in root || "extra_info" in root) return { name, tree };
  }
  return undefined;
}

/** The mean of what was backed up, where the node was visited; without visits its estimate. */
function valueOf(node: JsonObject): number | undefined {
  const visits = wholeNumber(node["visit_count"]);
  const value = recordedNumber(
    visits === undefined || node["q_value"] === undefined ? node["value"] : node["q_value"],
  );
  if (typeof value !== "number" || visits === 0) return undefined;
  return value === NO_VALUE ? undefined : value;
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const found = treeIn(row);
  if (found === undefined)
    throw new Failure("missing-field", "The row has no tree of tagged nodes.", "The other rows are shown.");
  const { name, tree } = found;
  const tags = Object.keys(tree)
    .filter((tag) => TAG.test(tag) && isNode(tree[tag]))
    // Parents first; the writer goes level by level.
    .sort((left, right) => left.split(".").length - right.split(".").length);
  const places = new Map(tags.map((tag, index) => [tag, index]));
  const parentOf = (tag: string): number =>
    tag === "0" ? -1 : (places.get(tag.slice(0, tag.lastIndexOf("."))) ?? 0);
  const inner = new Set(tags.map(parentOf));
  const answered = tags.some((tag) => finalAnswer(tree[tag]) !== undefined);
  const values = tags.map((tag) => valueOf(tree[tag] as JsonObject));
  const nodes = tags.map((tag, index): SearchNode => {
    const node = tree[tag] as JsonObject;
    const parent = parentOf(tag);
    const answer = finalAnswer(node);
    const leaf = index > 0 && !inner.has(index);
    const [value, above] = [values[index], values[parent]];
    const extra = without(node, MAPPED);
    const gaveUp = answer !== undefined && GAVE_UP.test(answer);
    return {
      parent,
      text: `${textOf(node["text"]) ?? ""}\n`,
      ...given("value", value),
      ...(value !== undefined && above !== undefined ? { advantage: value - above } : {}),
      ...given("visits", wholeNumber(node["visit_count"])),
      extra: { tag, ...given("final_answer", answer), ...extra },
      ...(leaf && answer === undefined && answered
        ? { status: "pruned", reason: "the search did not go on here" }
        : {}),
      ...(index > 0 && (answer !== undefined || (leaf && !answered))
        ? {
            ...(gaveUp ? { finishReason: answer } : {}),
            end: {
              stopReason: answer === undefined ? "not finished" : gaveUp ? answer : "final answer",
              components: value === undefined ? {} : { value },
            },
          }
        : {}),
    };
  });
  const prompt = textOf(row["question"]) ?? textOf(row["problem"]) ?? "";
  const id = row["id"] ?? row["idx"];
  return {
    ...(id === undefined || id === null ? {} : { id: String(id) }),
    prompt,
    ...given("groundTruth", row["answer"] ?? row["gt"]),
    nodes,
    valueSource: "recorded: q_value of a visited node, else value",
    advantageSource: "value of the node minus value of its parent",
    extra: {
      ...without(row, new Set([name, "question"])),
      ...given("solutions", tree["solutions"]),
    },
    notes: [
      {
        code: "tagged-values",
        message:
          "Nodes that were never visited, and estimates of -100, have no value: that is what the writer's nodes begin with.",
      },
    ],
  };
}

function finalAnswer(node: JsonValue | undefined): string | undefined {
  const answer = isObject(node) ? node["final_answer"] : undefined;
  const text = typeof answer === "number" ? String(answer) : textOf(answer);
  return text === undefined || text === "" ? undefined : text;
}

/** Search trees of AlphaMath and rStar-Math: nodes under tags that name their place. */
export const taggedTree = draftedFormat({
  id: "tagged-tree",
  title: "Search tree of tagged nodes",
  source: "MARIO-Math-Reasoning/Super_MARIO (AlphaMath, react), microsoft/rStar (rStar-Math, rstar)",
  containers: ["jsonl", "json"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    const found = isObject(row) ? treeIn(row) : undefined;
    return found === undefined
      ? undefined
      : { confidence: 0.92, reason: `${found.name} with nodes under tags such as 0.1` };
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
