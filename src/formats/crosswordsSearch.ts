import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedNumber, without } from "./jsonFields";
import { numbersOf } from "./outcomeFields";
import { draftsOfSearch, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const MAPPED = new Set(["actions", "info"]);

function visitsIn(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (!isList(value) || value.length === 0 || !value.every(isObject)) return undefined;
  const first = value[0] as JsonObject;
  return isList(first["actions"]) && isObject(first["info"]) && ("env_step" in first || "total_step" in first)
    ? (value as readonly JsonObject[])
    : undefined;
}

const actionsOf = (visit: JsonObject): readonly string[] =>
  (isList(visit["actions"]) ? visit["actions"] : []).map(String);

function searchOf(record: FormatRecord): Search {
  const visits = (record.kind === "value" ? visitsIn(record.value) : undefined) ?? [];
  const nodes: SearchNode[] = [{ parent: -1, text: "" }];
  const byPath = new Map<string, number>([["[]", 0]]);
  // A state above a visited one may have been left out of the log.
  const nodeAt = (path: readonly string[]): number => {
    let parent = 0;
    for (let length = 1; length <= path.length; length++) {
      const key = JSON.stringify(path.slice(0, length));
      const known = byPath.get(key);
      const at = known ?? nodes.push({ parent, text: `${path[length - 1] ?? ""}\n` }) - 1;
      if (known === undefined) byPath.set(key, at);
      parent = at;
    }
    return parent;
  };
  const visitOf = new Map<number, JsonObject>();
  for (const visit of visits) {
    const at = nodeAt(actionsOf(visit));
    if (at > 0) visitOf.set(at, visit);
  }
  const parents = new Set(nodes.map((node) => node.parent));
  for (const [at, visit] of visitOf) {
    const info = isObject(visit["info"]) ? visit["info"] : {};
    const reward = recordedNumber(info["r_word"]);
    const game = recordedNumber(info["r_game"]);
    nodes[at] = {
      ...(nodes[at] as SearchNode),
      extra: without(visit, MAPPED),
      ...(parents.has(at)
        ? {}
        : {
            end: {
              ...(reward === undefined
                ? {}
                : { reward, rewardSource: "info.r_word: the share of right words" }),
              ...(typeof game === "number"
                ? { success: game === 1 }
                : typeof reward === "number"
                  ? { success: reward === 1 }
                  : {}),
              components: numbersOf(info, new Set()),
            },
          }),
    };
  }
  return {
    prompt: "",
    title: "crossword",
    nodes,
    valueSource: "none recorded: the counts of sure, maybe and impossible are under extra",
    advantageSource: "none recorded",
    extra: {},
    notes: [
      {
        code: "depth-first",
        message: "Each leaf of the depth-first search is a trajectory; the puzzle itself is not in the log.",
      },
    ],
  };
}

/** Crosswords of Tree of Thoughts: a game is the list of the states that the depth-first search visited. */
export const crosswordsSearch = draftedFormat({
  id: "tot-crosswords",
  title: "Tree of Thoughts crosswords",
  source: "princeton-nlp/tree-of-thought-llm, logs/crosswords/infoss_dfs_*.json",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const visits = visitsIn(head.firstRecord);
    return visits === undefined
      ? undefined
      : { confidence: 0.9, reason: "lists of visited states with actions, info, env_step" };
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
