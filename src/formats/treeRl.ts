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

const MAPPED = new Set(["answer", "aggregate_answer", "children", "visits", "depth", "terminal"]);

/** Share of the finished answers below a node that are right; undefined where none is finished. */
function passRate(node: JsonObject): number | undefined {
  const ends = wholeNumber(node["terminal_in_subtree"]);
  const right = wholeNumber(node["correct_terminal_in_subtree"]);
  return ends === undefined || right === undefined || ends === 0 ? undefined : right / ends;
}

function nestedSearch(root: JsonObject): Search {
  const flat = nestedNodes(root);
  const nodes: SearchNode[] = [];
  for (const [index, { node, parent, leaf }] of flat.entries()) {
    const value = passRate(node);
    const above = nodes[parent]?.value;
    // Before a search is finished every field holds its initial 0: only an end's reward is a reward.
    const terminal = recordedFlag(node["terminal"]) === true;
    const reward = terminal ? recordedNumber(node["R"]) : undefined;
    nodes.push({
      parent,
      text: textOf(node["answer"]) ?? "",
      ...given("value", value),
      ...(value !== undefined && typeof above === "number" ? { advantage: value - above } : {}),
      ...given("visits", wholeNumber(node["terminal_in_subtree"])),
      ...(leaf && !terminal && index > 0
        ? { status: "pruned", reason: "the search did not go on here" }
        : {}),
      extra: without(node, MAPPED),
      ...(terminal
        ? {
            end: {
              ...(reward === undefined ? {} : { reward, rewardSource: "R" }),
              ...(reward === 1 ? { success: true } : reward === 0 ? { success: false } : {}),
              components: {},
            },
          }
        : {}),
    });
  }
  const prompt = textOf(root["problem"]) ?? textOf(root["prompt"]) ?? textOf(root["answer"]) ?? "";
  return {
    prompt,
    title: prompt === "" ? "search tree" : prompt,
    ...given("groundTruth", root["golden_answer"]),
    nodes,
    valueSource: "correct_terminal_in_subtree / terminal_in_subtree",
    advantageSource: "value of the node minus value of its parent",
    extra: without(root, MAPPED),
    notes: [
      {
        code: "values",
        message:
          "A node's value is the share of right answers among the finished ones below it; the file's own fields are among the extras.",
      },
    ],
  };
}

/** `paths`: segments of finished answers, which share their beginnings. */
function pathsSearch(row: JsonObject): Search {
  const prompt = textOf(row["problem"]) ?? textOf(row["prompt"]) ?? "";
  const nodes: SearchNode[] = [{ parent: -1, text: prompt }];
  const known = new Map<string, number>();
  for (const path of isList(row["paths"]) ? row["paths"] : []) {
    let at = 0;
    const segments = isList(path) ? path.filter(isObject) : [];
    for (const [place, segment] of segments.entries()) {
      const text = textOf(segment["answer"]) ?? "";
      const key = `${at}\n${text}`;
      const last = place === segments.length - 1;
      const found = last ? undefined : known.get(key);
      if (found !== undefined) {
        at = found;
        continue;
      }
      const value = recordedNumber(segment["pass_ratio"]) ?? recordedNumber(segment["state_value"]);
      const reward = last ? recordedNumber(segment["reward"]) : undefined;
      const above = nodes[at]?.value;
      const index =
        nodes.push({
          parent: at,
          text,
          ...given("value", value),
          ...(typeof value === "number" && typeof above === "number" ? { advantage: value - above } : {}),
          extra: without(segment, new Set(["answer", "token_answer", "pass_ratio"])),
          ...(last
            ? {
                end: {
                  ...(reward === undefined ? {} : { reward, rewardSource: "reward of the last segment" }),
                  components: {},
                },
              }
            : {}),
        }) - 1;
      known.set(key, index);
      at = index;
    }
  }
  return {
    prompt,
    ...given("groundTruth", row["golden_answer"]),
    nodes,
    valueSource: "recorded: pass_ratio",
    advantageSource: "value of the segment minus value of the one before it",
    extra: without(row, new Set(["problem", "prompt", "golden_answer", "paths"])),
    notes: [],
  };
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  return isList(row["paths"]) ? pathsSearch(row) : nestedSearch(row);
}

/** Search trees of TreeRL (EPTree): nested nodes, or the finished paths segment by segment. */
export const treeRl = draftedFormat({
  id: "tree-rl",
  title: "TreeRL search tree",
  source: "THUDM/TreeRL, openrlhf/trainer/ppo_utils (tree dumps)",
  containers: ["jsonl", "json"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isList(row["children"]) && ["answer", "R", "visits", "terminal"].every((key) => key in row))
      return { confidence: 0.95, reason: "a tree of answer, R, visits, terminal and children" };
    const path = isList(row["paths"]) ? row["paths"][0] : undefined;
    const segment = isList(path) ? path[0] : undefined;
    return isObject(segment) && "answer" in segment && ("pass_ratio" in segment || "state_value" in segment)
      ? { confidence: 0.95, reason: "paths of segments with answer and pass_ratio" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
