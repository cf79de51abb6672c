import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedNumber, textOf, wholeNumber } from "./jsonFields";
import { spanOfAttributes, type RawSpan } from "./spanAttributes";
import { traceDrafts, type Span } from "./spanTrace";

/** A field of OTLP's JSON, by its own name or as protobuf's other encoding spells it (`spanId`, `span_id`). */
function field(object: JsonObject, name: string): JsonValue | undefined {
  return object[name] ?? object[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? undefined;
}

/** A value of OTLP's JSON encoding: whole numbers come as text. Some writers list every kind, all but one as null. */
function anyValue(value: JsonValue | undefined): JsonValue {
  if (!isObject(value)) return value ?? null;
  const text = field(value, "stringValue");
  if (text !== undefined) return text;
  const number = field(value, "intValue") ?? field(value, "doubleValue");
  if (number !== undefined) return recordedNumber(number) ?? number;
  const flag = field(value, "boolValue");
  if (flag !== undefined) return flag;
  const list = field(value, "arrayValue");
  if (list !== undefined) {
    const values = isObject(list) ? list["values"] : undefined;
    return isList(values) ? values.map(anyValue) : [];
  }
  const pairs = field(value, "kvlistValue");
  if (pairs !== undefined) return attributesOf(isObject(pairs) ? pairs["values"] : []);
  return field(value, "bytesValue") ?? null;
}

/** Attributes as a list of {key, value}, or already as a map. */
function attributesOf(value: JsonValue | undefined): JsonObject {
  if (isObject(value)) return value;
  const attributes: Record<string, JsonValue> = {};
  for (const entry of isList(value) ? value : [])
    if (isObject(entry)) attributes[textOf(entry["key"]) ?? ""] = anyValue(entry["value"]);
  return attributes;
}

/** Spans by resource; Tempo answers with `batches` of the same. */
function resourcesOf(document: JsonObject): readonly JsonValue[] | undefined {
  const list = field(document, "resourceSpans") ?? document["batches"];
  if (!isList(list)) return undefined;
  const first = list[0];
  return document["batches"] === undefined || (isObject(first) && field(first, "scopeSpans") !== undefined)
    ? list
    : undefined;
}

/** Spans without their resources, as Phoenix answers with them. */
function bareSpans(document: JsonObject): readonly JsonObject[] | undefined {
  const list = document["data"];
  const first = isList(list) ? list[0] : undefined;
  return isList(list) &&
    isObject(first) &&
    textOf(field(first, "spanId")) !== undefined &&
    field(first, "startTimeUnixNano") !== undefined
    ? list.filter(isObject)
    : undefined;
}

function rawSpan(span: JsonObject, resource: JsonObject): RawSpan {
  const parent = textOf(field(span, "parentSpanId"));
  const status = isObject(span["status"]) ? span["status"] : {};
  const failed = status["code"] === 2 || status["code"] === "STATUS_CODE_ERROR";
  return {
    id: textOf(field(span, "spanId")) ?? "",
    parent: parent === "" ? undefined : parent,
    trace: textOf(field(span, "traceId")) ?? "",
    name: textOf(span["name"]) ?? "",
    start: String(field(span, "startTimeUnixNano") ?? ""),
    end: String(field(span, "endTimeUnixNano") ?? ""),
    error: failed ? (textOf(status["message"]) ?? "error") : undefined,
    attributes: attributesOf(span["attributes"]),
    events: (isList(span["events"]) ? span["events"].filter(isObject) : []).map((event) => ({
      name: textOf(event["name"]) ?? "",
      attributes: attributesOf(event["attributes"]),
    })),
    resource,
  };
}

function rawSpans(document: JsonObject): RawSpan[] {
  const bare = bareSpans(document);
  if (bare !== undefined) return bare.map((span) => rawSpan(span, {}));
  const resources = (resourcesOf(document) ?? []).filter(isObject);
  return resources.flatMap((resource) => {
    const around = isObject(resource["resource"]) ? attributesOf(resource["resource"]["attributes"]) : {};
    const scopes = field(resource, "scopeSpans") ?? field(resource, "instrumentationLibrarySpans");
    return (isList(scopes) ? scopes.filter(isObject) : []).flatMap((scope) =>
      (isList(scope["spans"]) ? scope["spans"].filter(isObject) : []).map((span) => rawSpan(span, around)),
    );
  });
}

function spansOf(record: FormatRecord): readonly { readonly raw: RawSpan; readonly span: Span }[] {
  const value = record.kind === "value" ? record.value : null;
  const documents = (isList(value) ? value : [value]).filter(isObject);
  const spans = documents.flatMap(rawSpans);
  if (spans.length === 0)
    throw new Failure(
      "missing-field",
      "The file holds no spans.",
      "Check that it is OTLP's JSON with resourceSpans.",
    );
  return spans.map((raw) => ({ raw, span: spanOfAttributes(raw) }));
}

const GROUP_KEYS = ["group_id", "rl.group.id", "gen_ai.group.id"] as const;

/** OpenTelemetry traces of language model agents: GenAI conventions, OpenInference, OpenLLMetry, in OTLP's JSON encoding. */
export const otlp = draftedFormat({
  id: "otlp",
  title: "OpenTelemetry traces",
  source: "OTLP JSON with gen_ai.*, OpenInference or OpenLLMetry attributes; XTuner and ROLL traces.jsonl",
  containers: ["json", "jsonl"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const document = head.firstRecord;
    if (!isObject(document)) return undefined;
    if (resourcesOf(document) !== undefined)
      return { confidence: 0.95, reason: "spans by resource (resourceSpans)" };
    return bareSpans(document) === undefined
      ? undefined
      : { confidence: 0.9, reason: "data: spans with span_id and start_time_unix_nano" };
  },

  drafts(record) {
    const all = spansOf(record);
    const raws = new Map(all.map(({ raw, span }) => [span, raw]));
    return traceDrafts(
      all.map(({ span }) => span),
      (_trace, spans) => {
        const maps = spans.map((span) => raws.get(span)?.attributes ?? {});
        const find = (keys: readonly string[]): JsonValue | undefined =>
          keys
            .flatMap((key) => maps.map((map) => map[key]))
            .find((value) => value !== undefined && value !== null);
        const group = find(GROUP_KEYS);
        return {
          ...(group === undefined ? {} : { groupKey: String(group) }),
          ...given("trainingStep", wholeNumber(find(["rl.training.step", "train_step", "global_step"]))),
          extra: { resource: raws.get(spans[0] as Span)?.resource ?? {} },
        };
      },
    );
  },
});
