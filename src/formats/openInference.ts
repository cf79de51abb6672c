import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, textOf } from "./jsonFields";
import { unpacked } from "./spanMessages";
import { spanOfAttributes, type RawSpan } from "./spanAttributes";
import { traceDrafts } from "./spanTrace";

/** Columns of a table are flat (`context.span_id`); exported JSON nests them. */
function field(row: JsonObject, path: string): JsonValue | undefined {
  if (path in row) return row[path];
  let value: JsonValue | undefined = row;
  for (const name of path.split(".")) value = isObject(value) ? value[name] : undefined;
  return value;
}

/** A table's structs keep the names of attributes (`{"message.role": "user"}`); elsewhere they are nested. */
function undotted(value: JsonValue | undefined): JsonValue {
  if (isList(value)) return value.map(undotted);
  if (!isObject(value)) return value ?? null;
  const nested: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(value)) {
    // What a struct has because another row has it is not there.
    if (item === null || item === undefined) continue;
    let target: Record<string, JsonValue> = nested;
    const names = key.split(".");
    for (const name of names.slice(0, -1)) {
      const next = target[name];
      target = (isObject(next) ? next : (target[name] = {})) as Record<string, JsonValue>;
    }
    target[names.at(-1) ?? key] = undotted(item);
  }
  return nested;
}

/** Attributes: an object, nested or flat, or the columns `attributes.*` of a table. */
function attributesOf(row: JsonObject): JsonObject {
  const own = unpacked(row["attributes"]);
  const attributes: Record<string, JsonValue | undefined> = isObject(own) ? { ...own } : {};
  for (const [key, value] of Object.entries(row))
    if (key.startsWith("attributes.") && value !== null)
      attributes[key.slice("attributes.".length)] = undotted(value);
  const kind = textOf(row["span_kind"]);
  if (kind !== undefined && attributes["openinference.span.kind"] === undefined)
    attributes["openinference.span.kind"] = kind;
  return attributes;
}

const timeOf = (value: JsonValue | undefined): string =>
  value === undefined || value === null ? "" : String(value);

/** A span as Phoenix names its fields. */
export function rawSpan(row: JsonObject): RawSpan {
  const failed = textOf(row["status_code"]) === "ERROR";
  const parent = textOf(row["parent_id"]) ?? textOf(row["parent_span_id"]);
  const events = unpacked(row["events"]);
  return {
    id: textOf(field(row, "context.span_id")) ?? textOf(row["span_id"]) ?? "",
    parent: parent === "" ? undefined : parent,
    trace: textOf(field(row, "context.trace_id")) ?? textOf(row["trace_id"]) ?? "",
    name: textOf(row["name"]) ?? "",
    start: timeOf(row["start_time"]),
    end: timeOf(row["end_time"]),
    error: failed ? (textOf(row["status_message"]) ?? "error") : undefined,
    attributes: attributesOf(row),
    events: (isList(events) ? events.filter(isObject) : []).map((event) => ({
      name: textOf(event["name"]) ?? "",
      attributes: isObject(event["attributes"]) ? event["attributes"] : {},
    })),
    resource: {},
  };
}

function rowsOf(record: FormatRecord): readonly JsonObject[] {
  const value = record.kind === "value" ? record.value : null;
  return (isList(value) ? value : [value]).filter(isObject).flatMap(pageOf);
}

/** Phoenix answers requests for spans with pages: `{"data": [spans], "next_cursor": ...}`. */
function pageOf(row: JsonObject): readonly JsonObject[] {
  const { data } = row;
  return isList(data) && !("name" in row) ? data.filter(isObject) : [row];
}

const isSpan = (row: JsonObject): boolean =>
  textOf(field(row, "context.span_id")) !== undefined &&
  textOf(field(row, "context.trace_id")) !== undefined &&
  ("parent_id" in row || "span_kind" in row);

/** Spans that Phoenix exports, as a table, as JSON or as pages of its interface. */
export const openInference = draftedFormat({
  id: "openinference",
  title: "OpenInference spans",
  source: "Arize-ai/phoenix: spans with context.trace_id, parent_id and OpenInference attributes",
  containers: ["json", "jsonl", "parquet"],
  wholeDocument: true,
  // Spans of a trace need not stand side by side.
  episodeColumns: [],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const names = new Set((head.columns ?? []).map((column) => column.name));
      return names.has("context.span_id") && names.has("context.trace_id") && names.has("parent_id")
        ? { confidence: 0.9, reason: "columns context.span_id, context.trace_id, parent_id" }
        : undefined;
    }
    const [row] = isObject(head.firstRecord) ? pageOf(head.firstRecord) : [];
    return row !== undefined && isSpan(row)
      ? { confidence: 0.85, reason: "spans with context.trace_id and parent_id" }
      : undefined;
  },

  drafts(record) {
    const spans = rowsOf(record).map((row) => spanOfAttributes(rawSpan(row)));
    if (spans.length === 0)
      throw new Failure(
        "missing-field",
        "The file holds no spans.",
        "Check that it is an export of Phoenix.",
      );
    return traceDrafts(spans);
  },
});
