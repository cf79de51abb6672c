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

const MAPPED = new Set(["steps_trace", "problem", "solution", "final_answer", "final_is_correct"]);
const CANDIDATE = new Set([
  "step_text",
  "success_rate",
  "success_count",
  "prefix_after_step",
  "rollouts",
  "candidate_index",
]);

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const search = isObject(row["tot"]) ? row["tot"] : row;
  const prompt = textOf(search["problem"]) ?? textOf(search["prompt"]) ?? "";
  const nodes: SearchNode[] = [{ parent: -1, text: prompt }];
  const steps = isList(search["steps_trace"]) ? search["steps_trace"].filter(isObject) : [];
  const success = recordedFlag(search["final_is_correct"]);
  let at = 0;
  for (const [place, step] of steps.entries()) {
    const candidates = isList(step["candidates"]) ? step["candidates"].filter(isObject) : [];
    const chosen = wholeNumber(step["chosen_candidate_index"]);
    const last = place === steps.length - 1;
    let next = at;
    for (const [index, candidate] of candidates.entries()) {
      const own = wholeNumber(candidate["candidate_index"]) ?? index;
      const taken = chosen === undefined ? index === 0 : own === chosen;
      const value = recordedNumber(candidate["success_rate"]);
      const above = nodes[at]?.value;
      const rollouts = isList(candidate["rollouts"]) ? candidate["rollouts"].length : undefined;
      const node =
        nodes.push({
          parent: at,
          text: `${textOf(candidate["step_text"]) ?? ""}\n`,
          ...given("value", value),
          ...(typeof value === "number" && typeof above === "number" ? { advantage: value - above } : {}),
          ...given("visits", rollouts),
          ...(taken ? {} : { status: "pruned", reason: "another candidate was chosen" }),
          extra: {
            ...without(candidate, CANDIDATE),
            ...given("success_count", recordedNumber(candidate["success_count"])),
          },
          ...(taken && last
            ? {
                end: {
                  ...(success === undefined
                    ? {}
                    : {
                        success,
                        reward: success === null ? null : Number(success),
                        rewardSource: "final_is_correct",
                      }),
                  components: {},
                },
              }
            : {}),
        }) - 1;
      if (taken) next = node;
    }
    at = next;
  }
  const index = row["index"];
  return {
    ...(index === undefined ? {} : { id: `${textOf(row["dataset_name"]) ?? "row"} ${String(index)}` }),
    prompt,
    ...given("groundTruth", search["solution"]),
    nodes,
    valueSource: "recorded: success_rate, the share of right rollouts from the state",
    advantageSource: "value of the step minus value of the step before it",
    extra: { ...without(row, new Set(["tot"])), ...without(search, MAPPED) },
    notes: [],
  };
}

/** Steps with Monte-Carlo success rates of each candidate, one of which goes on. */
export const stepCandidates = draftedFormat({
  id: "step-candidates",
  title: "Step candidates with success rates",
  source: "caoshidong66/dpsk, tot.steps_trace[].candidates[]",
  containers: ["jsonl", "json"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const search = isObject(row["tot"]) ? row["tot"] : row;
    const step = isList(search["steps_trace"]) ? search["steps_trace"][0] : undefined;
    return isObject(step) && isList(step["candidates"])
      ? { confidence: 0.95, reason: "steps_trace[].candidates[].success_rate" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
