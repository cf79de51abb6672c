import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { messagesFrom, unpacked } from "./spanMessages";
import { traceDrafts, type Span } from "./spanTrace";

const MAPPED = new Set([
  "id",
  "traceId",
  "parentObservationId",
  "name",
  "startTime",
  "endTime",
  "input",
  "output",
]);

const present = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

function spanOf(observation: JsonObject, names: ReadonlySet<string>): Span {
  const type = textOf(observation["type"]) ?? "SPAN";
  const name = textOf(observation["name"]) ?? "";
  const output = messagesFrom(observation["output"], "assistant");
  // Only later versions have types for tools; earlier ones write spans that are named as the tool that a model called.
  const kind =
    type === "GENERATION"
      ? "model"
      : type === "TOOL" || type === "RETRIEVER" || (type === "SPAN" && names.has(name))
        ? "tool"
        : "other";
  const error =
    observation["level"] === "ERROR" ? (textOf(observation["statusMessage"]) ?? "error") : undefined;
  const base = {
    id: textOf(observation["id"]) ?? "",
    parent: textOf(observation["parentObservationId"]),
    trace: textOf(observation["traceId"]) ?? "",
    name,
    start: textOf(observation["startTime"]) ?? "",
    end: textOf(observation["endTime"]) ?? "",
    ...(error === undefined ? {} : { error }),
  };
  const attributes = present(without(observation, MAPPED));
  if (kind === "tool") {
    const result = unpacked(observation["output"]);
    return {
      ...base,
      kind,
      input: [],
      output: [],
      tool: name,
      arguments: unpacked(observation["input"]) ?? null,
      result: isObject(result) && result["content"] !== undefined ? result["content"] : (result ?? null),
      attributes,
    };
  }
  return {
    ...base,
    kind,
    input: messagesFrom(observation["input"], "user"),
    output,
    attributes:
      kind === "model"
        ? attributes
        : {
            ...attributes,
            ...present({ input: observation["input"] ?? null, output: observation["output"] ?? null }),
          },
  };
}

/** Scores of a trace, or of one of its observations; texts are categories and have no number. */
function scoresOf(values: JsonValue | undefined): Readonly<Record<string, number | null>> {
  const scores: Record<string, number | null> = {};
  for (const score of isList(values) ? values.filter(isObject) : []) {
    const number = recordedNumber(score["value"]);
    if (number !== undefined) scores[textOf(score["name"]) ?? "score"] = number;
  }
  return scores;
}

/** Of the scores of several traces, those of one. */
const scoresFor = (values: JsonValue | undefined, trace: string): JsonValue =>
  isList(values) ? values.filter((score) => isObject(score) && score["traceId"] === trace) : [];

/** Names that models call as tools in these observations. */
function calledTools(observations: readonly JsonObject[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const observation of observations) {
    if (observation["type"] !== "GENERATION") continue;
    for (const message of messagesFrom(observation["output"], "assistant"))
      for (const call of isList(message["tool_calls"]) ? message["tool_calls"].filter(isObject) : []) {
        const inner = isObject(call["function"]) ? call["function"] : call;
        const name = textOf(inner["name"]);
        if (name !== undefined) names.add(name);
      }
  }
  return names;
}

/** Langfuse exports: a trace with its observations and scores. */
export const langfuse = draftedFormat({
  id: "langfuse",
  title: "Langfuse trace",
  source: "langfuse/langfuse, trace export: {trace, observations, scores}",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const observations = row["observations"];
    if (!isList(observations)) return undefined;
    const first = observations.find(isObject);
    const known = isObject(row["trace"]) || isList(row["traces"]) || "projectId" in row || "latency" in row;
    return known && (first === undefined || "traceId" in first || "parentObservationId" in first)
      ? { confidence: 0.9, reason: "a trace with observations" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const traces = (isList(row["traces"]) ? row["traces"] : []).filter(isObject);
    const trace = isObject(row["trace"]) ? row["trace"] : (traces[0] ?? row);
    if (!isList(row["observations"]))
      throw new Failure(
        "missing-field",
        "The record has no `observations`.",
        "Check that it is a Langfuse export.",
      );
    const observations = row["observations"].filter(isObject);
    const tools = calledTools(observations);
    const id = textOf(trace["id"]) ?? "";
    const scores = { ...scoresOf(trace["scores"]), ...scoresOf(row["scores"]) };
    // An export of several traces keeps their observations in one list.
    const several = traces.length > 1;
    const spans = observations.map((observation) => {
      const span = spanOf(observation, tools);
      return several ? span : { ...span, trace: id };
    });
    if (spans.length === 0)
      throw new Failure("empty-trace", "The trace has no observations.", "There is nothing to show of it.");
    const ofTrace = (own: string): JsonObject => traces.find((one) => one["id"] === own) ?? trace;
    return traceDrafts(spans, (own) => ({
      scores: several ? scoresOf(scoresFor(row["scores"], own)) : scores,
      extra: {
        trace: present(without(several ? ofTrace(own) : trace, new Set(["observations"]))),
        ...given("corrections", row["corrections"]),
      },
    }));
  },
});
