import type { JsonObject } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { draftsOfSearch, treeOfSearch, type Search, type SearchNode } from "./searchTree";

const MAPPED = new Set(["steps", "ys", "infos"]);

/** Texts of a list, whose elements may be lists of those that came of one state. */
const texts = (value: JsonObject[string]): readonly string[] =>
  isList(value) ? value.flatMap((one) => (typeof one === "string" ? [one] : texts(one))) : [];

/** The longest text in front that begins `text`: the states of this log hold their whole past. */
function parentOf(text: string, before: ReadonlyMap<string, number>): number {
  for (let cut = text.lastIndexOf("\n", text.length - 2); cut >= 0; cut = text.lastIndexOf("\n", cut - 1)) {
    const found = before.get(text.slice(0, cut + 1));
    if (found !== undefined) return found;
    if (cut === 0) break;
  }
  let [best, length] = [0, -1];
  for (const [state, index] of before)
    if (state.length > length && state.length < text.length && text.startsWith(state))
      [best, length] = [index, state.length];
  return best;
}

function searchOf(record: FormatRecord): Search {
  const row = objectOf(record);
  const steps = isList(row["steps"]) ? row["steps"].filter(isObject) : [];
  const prompt = textOf(steps[0]?.["x"]) ?? "";
  const nodes: SearchNode[] = [{ parent: -1, text: prompt }];
  let before = new Map<string, number>([["", 0]]);
  const answers = new Map<string, number>();
  const listed = texts(row["ys"]);
  for (const [at, text] of listed.entries()) if (!answers.has(text)) answers.set(text, at);
  const infos = isList(row["infos"]) ? row["infos"] : [];
  for (const [depth, step] of steps.entries()) {
    // A forest: where the states to go on from are those of the beginning, another tree begins.
    const from = texts(step["ys"]);
    if (depth > 0 && from.length > 0 && from.every((text) => text === "")) before = new Map([["", 0]]);
    const next = steps[depth + 1];
    const last = next === undefined || texts(next["ys"]).every((text) => text === "");
    // Without a list of answers, what the last level of a tree selected is what it found.
    if (listed.length === 0 && last)
      for (const text of texts(step["select_new_ys"])) if (text !== "") answers.set(text, -1);
    const selected = new Set(texts(step["select_new_ys"]));
    const recorded = step["values"];
    // One number stands for all states of a level.
    const valueAt = (at: number) => recordedNumber(isList(recorded) ? recorded[at] : recorded);
    const now = new Map<string, number>();
    for (const [at, text] of texts(step["new_ys"]).entries()) {
      const parent = parentOf(text, before);
      const past = nodes[parent];
      const state = [...before].find(([, index]) => index === parent)?.[0] ?? "";
      const kept = selected.has(text);
      const value = valueAt(at);
      const answer = last ? answers.get(text) : undefined;
      const info = answer === undefined ? undefined : infos[answer];
      const reward = isObject(info) ? recordedNumber(info["r"]) : undefined;
      const above = past?.value;
      const index =
        nodes.push({
          parent,
          text: text.slice(state.length),
          ...given("value", value),
          ...(typeof value === "number" && typeof above === "number" ? { advantage: value - above } : {}),
          ...(kept ? {} : { status: "pruned", reason: "not among the states that the search kept" }),
          ...(answer === undefined
            ? {}
            : {
                end: {
                  ...(reward === undefined ? {} : { reward, rewardSource: "infos[].r" }),
                  ...(reward === 1 ? { success: true } : reward === 0 ? { success: false } : {}),
                  components: {},
                },
              }),
        }) - 1;
      // The same state may be proposed twice; the first is the one that goes on.
      if (!now.has(text)) now.set(text, index);
      if (answer !== undefined) answers.delete(text);
    }
    before = now.size > 0 ? now : before;
  }
  return {
    ...(row["idx"] === undefined ? {} : { id: String(row["idx"]) }),
    prompt,
    nodes,
    valueSource: "recorded: the evaluator's value of the state (votes are summed by the authors' code)",
    advantageSource: "value of the state minus value of the state that it continues",
    extra: without(row, MAPPED),
    notes: [
      {
        code: "guessed-parents",
        message: "The log has no parent links: a state's parent is the longest earlier state that begins it.",
      },
    ],
  };
}

/** Logs of Tree of Thoughts: states proposed, valued and selected level by level. */
export const treeOfThoughts = draftedFormat({
  id: "tree-of-thoughts",
  title: "Tree of Thoughts log",
  source: "princeton-nlp/tree-of-thought-llm, logs/{task}/*.json (run.py); iamhankai/Forest-of-Thought",
  containers: ["json", "jsonl"],
  grouping: "record",
  nativeTree: true,

  detect(head) {
    const row = head.firstRecord;
    const step = isObject(row) && isList(row["steps"]) ? row["steps"][0] : undefined;
    return isObject(step) && isList(step["new_ys"]) && isList(step["ys"])
      ? { confidence: 0.95, reason: "steps[] with ys, new_ys, values and select_new_ys" }
      : undefined;
  },

  drafts: (record) => draftsOfSearch(searchOf(record)),
  tree: (record, context, trajectoryId) => treeOfSearch(searchOf(record), context, trajectoryId),
});
