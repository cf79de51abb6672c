import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { draftedFormat } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, listOf, recordedNumber, textOf, without } from "./jsonFields";
import { messagesFrom } from "./spanMessages";
import { traceDrafts, type Span } from "./spanTrace";

const MAPPED = new Set([
  "id",
  "trace_id",
  "parent_run_id",
  "name",
  "start_time",
  "end_time",
  "inputs",
  "outputs",
  "error",
]);

const NESTED = new Set(["child_runs", "runs", "patch", "post"]);

/** A run is written when it begins and again when it ends: the later fields complete the earlier ones. */
function mergedRuns(record: FormatRecord): readonly JsonObject[] {
  const value = record.kind === "value" ? record.value : null;
  const rows = (isList(value) ? value : [value]).filter(isObject);
  const runs = new Map<string, Record<string, JsonObject[string]>>();
  const waiting = [...rows].reverse();
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    // Batches hold runs, and exported trees of runs hold their children.
    for (const key of ["child_runs", "runs", "patch", "post"] as const)
      for (const inner of (listOf(row[key]) ?? []).filter(isObject).reverse()) waiting.push(inner);
    const id = textOf(row["id"]);
    if (id === undefined) continue;
    const run = without(row, NESTED);
    const known = runs.get(id);
    if (known === undefined) runs.set(id, { ...run });
    else
      for (const [key, field] of Object.entries(run))
        if (field !== null || !(key in known)) known[key] = field;
  }
  return [...runs.values()];
}

/** `dotted_order` names the path from the root: times and ids, the last but one being the parent's. */
function parentOf(run: JsonObject): string | undefined {
  const own = textOf(run["parent_run_id"]);
  if (own !== undefined) return own;
  const above = (textOf(run["dotted_order"]) ?? "").split(".").at(-2);
  return above === undefined ? undefined : /Z(.+)$/.exec(above)?.[1];
}

function spanOf(run: JsonObject): Span {
  const id = textOf(run["id"]) ?? "";
  const type = textOf(run["run_type"]);
  const kind = type === "llm" ? "model" : type === "tool" || type === "retriever" ? "tool" : "other";
  const inputs = isObject(run["inputs"]) ? run["inputs"] : {};
  const outputs = isObject(run["outputs"]) ? run["outputs"] : {};
  const feedback = isObject(run["feedback_stats"]) ? run["feedback_stats"] : {};
  const scores: Record<string, number | null> = {};
  for (const [name, stats] of Object.entries(feedback)) {
    const number = recordedNumber(isObject(stats) ? stats["avg"] : stats);
    if (number !== undefined) scores[name] = number;
  }
  const error = textOf(run["error"]);
  const parent = parentOf(run);
  const base = {
    id,
    parent,
    trace: textOf(run["trace_id"]) ?? /Z([^.]+)/.exec(textOf(run["dotted_order"]) ?? "")?.[1] ?? id,
    name: textOf(run["name"]) ?? "",
    kind,
    start: textOf(run["start_time"]) ?? "",
    end: textOf(run["end_time"]) ?? "",
    ...(error === undefined ? {} : { error }),
    ...(Object.keys(scores).length === 0 ? {} : { scores }),
  } as const;
  if (kind === "tool")
    return {
      ...base,
      input: [],
      output: [],
      tool: base.name,
      arguments: inputs["input"] ?? inputs,
      result: outputs["output"] ?? outputs["documents"] ?? outputs,
      attributes: without(run, MAPPED),
    };
  const attributes = without(run, MAPPED);
  return {
    ...base,
    input: messagesFrom(inputs, "user"),
    output: Object.keys(outputs).length === 0 ? [] : messagesFrom(outputs, "assistant"),
    attributes: kind === "model" ? attributes : { ...attributes, inputs, outputs },
  };
}

/** LangSmith runs: exported, or as the client sends them in batches of beginnings and completions. */
export const langSmith = draftedFormat({
  id: "langsmith",
  title: "LangSmith runs",
  source: "langchain-ai/langsmith-sdk: runs with dotted_order and run_type, and {post, patch} batches",
  containers: ["json", "jsonl"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const run =
      ["post", "patch", "runs"].flatMap((key) => (isList(row[key]) ? row[key] : [])).find(isObject) ?? row;
    if (!("run_type" in run || "dotted_order" in run)) return undefined;
    return "id" in run && ("inputs" in run || "outputs" in run)
      ? { confidence: 0.9, reason: "runs with run_type or dotted_order, inputs and outputs" }
      : undefined;
  },

  drafts(record) {
    const runs = mergedRuns(record);
    if (runs.length === 0)
      throw new Failure("missing-field", "The file holds no runs.", "Check that it is a LangSmith export.");
    return traceDrafts(runs.map(spanOf));
  },
});
