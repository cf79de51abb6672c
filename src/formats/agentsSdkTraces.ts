import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import { isList, isObject, textOf, without } from "./jsonFields";
import { messagesFrom, unpacked } from "./spanMessages";
import { traceDrafts, type Span } from "./spanTrace";

const MAPPED = new Set(["input", "output", "response"]);

const isSpan = (row: JsonObject): boolean =>
  row["object"] === "trace.span" && isObject(row["span_data"]) && "trace_id" in row;
const isTrace = (row: JsonObject): boolean => row["object"] === "trace" && "workflow_name" in row;

/** Traces and spans in whatever holds them: lines, the `data` of a request, or a document with its `spans`. */
function entriesOf(value: JsonValue): readonly JsonObject[] {
  if (isList(value)) return value.flatMap(entriesOf);
  if (!isObject(value)) return [];
  const inner = [value["data"], value["spans"], value["trace"]].filter((one) => isList(one) || isObject(one));
  const own = isSpan(value) || isTrace(value) ? [value] : [];
  return isSpan(value) ? own : [...own, ...inner.flatMap((one) => entriesOf(one ?? null))];
}

function spanOf(row: JsonObject): Span {
  const data = isObject(row["span_data"]) ? row["span_data"] : {};
  const type = textOf(data["type"]) ?? "";
  const failed = isObject(row["error"]) ? (textOf(row["error"]["message"]) ?? "error") : undefined;
  const model = type === "generation" || type === "response";
  const tool = type === "function" ? (textOf(data["name"]) ?? "") : undefined;
  return {
    id: textOf(row["id"]) ?? textOf(row["span_id"]) ?? "",
    parent: textOf(row["parent_id"]),
    trace: textOf(row["trace_id"]) ?? "",
    name: textOf(data["name"]) ?? type,
    kind: model ? "model" : tool === undefined ? "other" : "tool",
    start: textOf(row["started_at"]) ?? "",
    end: textOf(row["ended_at"]) ?? "",
    input: model ? messagesFrom(data["input"], "user") : [],
    output: model ? messagesFrom(data["output"] ?? data["response"], "assistant") : [],
    ...(tool === undefined
      ? {}
      : { tool, arguments: unpacked(data["input"]) ?? null, result: data["output"] ?? null }),
    ...given("error", failed),
    attributes: model || tool !== undefined ? without(data, MAPPED) : data,
  };
}

/** Traces of OpenAI's Agents SDK, as its processors write them: spans of agents, calls of models, tools and handoffs. */
export const agentsSdkTraces = draftedFormat({
  id: "agents-sdk-traces",
  title: "Agents SDK traces",
  source: "openai/openai-agents-python and -js: exported objects `trace` and `trace.span`",
  containers: ["json"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (row === undefined) return undefined;
    return entriesOf(row).some((entry) => isSpan(entry) || isTrace(entry))
      ? { confidence: 0.85, reason: "objects trace and trace.span" }
      : undefined;
  },

  drafts(record) {
    const entries = entriesOf(record.kind === "value" ? record.value : null);
    const spans = entries.filter(isSpan).map(spanOf);
    if (spans.length === 0)
      throw new Failure(
        "missing-field",
        "The file holds no span of a trace.",
        "Wait for the run to begin, or check the file.",
      );
    const traces = new Map(entries.filter(isTrace).map((trace) => [textOf(trace["id"]) ?? "", trace]));
    return traceDrafts(spans, (id, own) => {
      const trace = traces.get(id);
      const silent = own.some(
        (span) => span.kind === "model" && span.input.length + span.output.length === 0,
      );
      return {
        ...given("groupKey", textOf(trace?.["group_id"])),
        extra: trace === undefined ? {} : without(trace, new Set(["object", "spans"])),
        notes: silent
          ? [
              {
                code: "no-words",
                message:
                  "Spans of responses hold their ids alone: what the model was asked and said was not exported.",
              },
            ]
          : [],
      };
    });
  },
});
