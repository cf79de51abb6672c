import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedNumber, textOf, wholeNumber } from "./jsonFields";
import { spanOfAttributes, type RawSpan } from "./spanAttributes";
import { traceDrafts, type Span } from "./spanTrace";

/** A value of OTLP's JSON encoding: whole numbers come as text. */
function anyValue(value: JsonValue | undefined): JsonValue {
  if (!isObject(value)) return value ?? null;
  if ("stringValue" in value) return value["stringValue"] ?? null;
  if ("intValue" in value) return recordedNumber(value["intValue"]) ?? value["intValue"] ?? null;
  if ("doubleValue" in value) return recordedNumber(value["doubleValue"]) ?? value["doubleValue"] ?? null;
  if ("boolValue" in value) return value["boolValue"] ?? null;
  const list = isObject(value["arrayValue"]) ? value["arrayValue"]["values"] : undefined;
  if ("arrayValue" in value) return isList(list) ? list.map(anyValue) : [];
  if ("kvlistValue" in value)
    return attributesOf(isObject(value["kvlistValue"]) ? value["kvlistValue"]["values"] : []);
  return value["bytesValue"] ?? null;
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
  const list = document["resourceSpans"] ?? document["batches"];
  if (!isList(list)) return undefined;
  const first = list[0];
  return "resourceSpans" in document || (isObject(first) && "scopeSpans" in first) ? list : undefined;
}

function rawSpans(document: JsonObject): RawSpan[] {
  const resources = (resourcesOf(document) ?? []).filter(isObject);
  return resources.flatMap((resource) => {
    const around = isObject(resource["resource"]) ? attributesOf(resource["resource"]["attributes"]) : {};
    const scopes = resource["scopeSpans"] ?? resource["instrumentationLibrarySpans"];
    return (isList(scopes) ? scopes.filter(isObject) : []).flatMap((scope) =>
      (isList(scope["spans"]) ? scope["spans"].filter(isObject) : []).map((span): RawSpan => {
        const parent = textOf(span["parentSpanId"]);
        const status = isObject(span["status"]) ? span["status"] : {};
        const failed = status["code"] === 2 || status["code"] === "STATUS_CODE_ERROR";
        return {
          id: textOf(span["spanId"]) ?? "",
          parent: parent === "" ? undefined : parent,
          trace: textOf(span["traceId"]) ?? "",
          name: textOf(span["name"]) ?? "",
          start: String(span["startTimeUnixNano"] ?? ""),
          end: String(span["endTimeUnixNano"] ?? ""),
          error: failed ? (textOf(status["message"]) ?? "error") : undefined,
          attributes: attributesOf(span["attributes"]),
          events: (isList(span["events"]) ? span["events"].filter(isObject) : []).map((event) => ({
            name: textOf(event["name"]) ?? "",
            attributes: attributesOf(event["attributes"]),
          })),
          resource: around,
        };
      }),
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
    return isObject(document) && resourcesOf(document) !== undefined
      ? { confidence: 0.95, reason: "spans by resource (resourceSpans)" }
      : undefined;
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
