import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { Tables } from "./format";
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
import { messagesFrom, unpacked } from "./spanMessages";
import { traceDrafts, type Span } from "./spanTrace";
import { writeAheadLog } from "./writeAheadLog";

const has = (tables: Tables, table: string, ...columns: string[]): boolean =>
  columns.every((name) => (tables.get(table) ?? []).some((column) => column.name === name));

const listOfRows = (record: JsonObject, name: string): readonly JsonObject[] => {
  const rows = record[name];
  return isList(rows) ? rows.filter(isObject) : [];
};

/** Key and value as two columns, which is how MLflow keeps tags and metadata. */
const pairsOf = (rows: readonly JsonObject[]): JsonObject =>
  Object.fromEntries(rows.map((row) => [textOf(row["key"]) ?? "", row["value"] ?? null]));

/** A recorded value: MLflow writes each attribute as JSON, a text with its quotes. */
function attribute(span: JsonObject, name: string): JsonValue | undefined {
  const attributes = isObject(span["attributes"]) ? span["attributes"] : {};
  const value = attributes[`mlflow.${name}`];
  return typeof value === "string" && /^(?:-?\d|true$|false$|null$)/.test(value)
    ? (JSON.parse(value) as JsonValue)
    : unpacked(value);
}

const isSpan = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) &&
  isObject(value["attributes"]) &&
  Object.keys(value["attributes"]).some((key) => key.startsWith("mlflow."));

const MODELS = new Set(["LLM", "CHAT_MODEL"]);
const TOOLS = new Set(["TOOL", "RETRIEVER"]);
const SHOWN = new Set([
  "mlflow.spanInputs",
  "mlflow.spanOutputs",
  "mlflow.spanType",
  "mlflow.traceRequestId",
]);

function spanOf(row: JsonObject, trace: string): Span {
  const context = isObject(row["context"]) ? row["context"] : {};
  const status = isObject(row["status"]) ? row["status"] : {};
  const input = attribute(row, "spanInputs");
  const output = attribute(row, "spanOutputs");
  const type = textOf(attribute(row, "spanType")) ?? "";
  const said = { input: messagesFrom(input, "user"), output: messagesFrom(output, "assistant") };
  const kind = MODELS.has(type) ? "model" : TOOLS.has(type) ? "tool" : "other";
  const parent = textOf(row["parent_span_id"]) ?? textOf(row["parent_id"]);
  const failed = status["code"] === "STATUS_CODE_ERROR" || row["status_code"] === "STATUS_CODE_ERROR";
  const time = (name: string): string => String(row[`${name}_unix_nano`] ?? row[name] ?? "");
  return {
    id: textOf(row["span_id"]) ?? textOf(context["span_id"]) ?? "",
    parent: parent === "" ? undefined : parent,
    trace,
    name: textOf(row["name"]) ?? "",
    kind,
    start: time("start_time"),
    end: time("end_time"),
    ...(kind === "model" ? said : { input: [], output: [] }),
    ...(kind === "tool"
      ? { tool: textOf(row["name"]) ?? "tool", arguments: input ?? null, result: output ?? null }
      : {}),
    ...(failed ? { error: textOf(status["message"]) ?? textOf(row["status_message"]) ?? "error" } : {}),
    attributes: {
      ...without(isObject(row["attributes"]) ? row["attributes"] : {}, SHOWN),
      ...(kind === "other" ? { ...given("inputs", input), ...given("outputs", output) } : {}),
    },
  };
}

interface Judged {
  readonly scores: Record<string, number | null>;
  readonly expected: JsonValue | undefined;
  readonly all: readonly JsonObject[];
}

/** Feedback on the whole trace is a score; an expectation is what was expected. What has been replaced does not count. */
function judged(rows: readonly JsonObject[], root: string | undefined): Judged {
  const scores: Record<string, number | null> = {};
  let expected: JsonValue | undefined;
  const all: JsonObject[] = [];
  for (const row of rows) {
    if (recordedFlag(row["valid"]) === false) continue;
    const text = row["value"];
    const value =
      typeof text === "string" && /^(?:-?\d|true$|false$|null$)/.test(text)
        ? (JSON.parse(text) as JsonValue)
        : unpacked(text);
    const name = textOf(row["name"]) ?? "assessment";
    all.push({
      name,
      type: row["assessment_type"] ?? null,
      value: value ?? null,
      ...given("rationale", textOf(row["rationale"])),
      ...given("span_id", textOf(row["span_id"])),
    });
    const span = textOf(row["span_id"]);
    if (span !== undefined && span !== root) continue;
    if (row["assessment_type"] === "expectation") expected ??= value;
    else {
      const number = typeof value === "boolean" ? Number(value) : recordedNumber(value);
      if (number !== undefined && typeof value !== "string") scores[name] = number;
    }
  }
  return { scores, expected, all };
}

/** What verl's agent loop returned: texts of the whole rollout and its reward. */
function loopOutput(spans: readonly JsonObject[]): JsonObject | undefined {
  return spans
    .map((span) => attribute(span, "spanOutputs"))
    .filter(isObject)
    .find(
      (output) => typeof output["prompt_text"] === "string" && typeof output["response_text"] === "string",
    );
}

function draftsOf(rows: readonly JsonObject[], trace: string, around: JsonObject): TrajectoryDraft[] {
  const spans = rows.map((row) => spanOf(row, trace));
  const ids = new Set(spans.map((span) => span.id));
  const root = rows[spans.findIndex((span) => span.parent === undefined || !ids.has(span.parent))];
  const tags = pairsOf(listOfRows(around, "tags"));
  const { scores, expected, all } = judged(listOfRows(around, "assessments"), textOf(root?.["span_id"]));
  const output = root === undefined ? undefined : attribute(root, "spanOutputs");
  const reward = isObject(output) ? recordedNumber(output["reward_score"]) : undefined;
  const sample = tags["sample_index"];
  const loop = loopOutput(rows);
  return traceDrafts(spans, () => ({
    scores,
    ...(sample === undefined
      ? {}
      : {
          groupKey: `${String(tags["experiment_name"] ?? "")}/${String(tags["validate"] ?? "")}/${String(sample)}`,
        }),
    ...given("trainingStep", wholeNumber(recordedNumber(tags["step"]))),
    ...(typeof tags["validate"] === "string" && /^true$/i.test(tags["validate"]) ? { split: "val" } : {}),
    extra: {
      ...given("experiment", around["experiment"]),
      ...given("status", around["status"]),
      ...(Object.keys(tags).length === 0 ? {} : { tags }),
      ...(all.length === 0 ? {} : { assessments: all }),
    },
  })).map((draft) => {
    const whole =
      loop === undefined || spans.some((span) => span.kind === "model")
        ? undefined
        : completionDraft(loop["prompt_text"], loop["response_text"]);
    return {
      ...draft,
      ...(whole === undefined ? {} : { ...whole, notes: [...draft.notes, ...whole.notes] }),
      task: { ...draft.task, ...whole?.task, ...given("groundTruth", expected) },
      outcome:
        reward === undefined || draft.outcome.reward !== undefined
          ? draft.outcome
          : { ...draft.outcome, reward, rewardSource: "reward_score" },
    };
  });
}

/** A trace whose spans lie in the artifact store: what the database itself knows of it. */
function previewOf(row: JsonObject, trace: string): TrajectoryDraft {
  const shown = (name: string): string => textOf(row[name]) ?? "";
  return {
    ownId: trace,
    title: shown("request_preview").slice(0, 200),
    task: { prompt: shown("request_preview") },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: shown("request_preview") },
      { index: 1, role: "assistant", kind: "answer", action: shown("response_preview") },
    ],
    outcome: { components: judged(listOfRows(row, "assessments"), undefined).scores },
    extra: { tags: pairsOf(listOfRows(row, "tags")) },
    notes: [
      {
        code: "spans-elsewhere",
        message:
          "The spans of this trace are not in the database; open the traces.json of its artifact folder.",
      },
    ],
  };
}

const isMlflow = (tables: Tables): boolean =>
  has(tables, "trace_info", "request_id", "experiment_id", "timestamp_ms", "status") &&
  has(tables, "trace_tags", "request_id", "key", "value");

/** MLflow's traces, in its database and in the files of its artifact store; verl writes its rollout traces there. */
export const mlflowTraces = draftedFormat({
  id: "mlflow-traces",
  title: "MLflow traces",
  source: "mlflow/mlflow: mlruns.db and artifacts/traces.json; verl's rollout.trace.backend=mlflow",
  containers: ["sqlite", "json"],
  grouping: "key",
  nativeTree: false,
  plainCompanions: writeAheadLog,

  detect(head) {
    if (head.tables !== undefined)
      return isMlflow(head.tables)
        ? { confidence: 0.95, reason: "tables trace_info and trace_tags of MLflow" }
        : undefined;
    const document = head.firstRecord;
    const spans = isObject(document) ? document["spans"] : undefined;
    return isList(spans) && isSpan(spans[0])
      ? { confidence: 0.93, reason: "spans with attributes of MLflow" }
      : undefined;
  },

  databaseRecords(tables) {
    if (!isMlflow(tables)) return undefined;
    const previews = ["request_preview", "response_preview"].filter((name) =>
      has(tables, "trace_info", name),
    );
    const lists: Record<string, string> = {
      tags: "SELECT key, value FROM trace_tags WHERE request_id = ?1 ORDER BY key",
    };
    if (has(tables, "spans", "trace_id", "content", "start_time_unix_nano"))
      lists["spans"] = "SELECT content FROM spans WHERE trace_id = ?1 ORDER BY start_time_unix_nano, span_id";
    if (has(tables, "assessments", "trace_id", "name", "assessment_type", "value", "created_timestamp"))
      lists["assessments"] =
        "SELECT * FROM assessments WHERE trace_id = ?1 ORDER BY created_timestamp, assessment_id";
    const experiments = has(tables, "experiments", "experiment_id", "name");
    return {
      records: `SELECT t.request_id AS key, t.status, ${previews.map((name) => `t.${name}, `).join("")}
        ${experiments ? "e.name" : "t.experiment_id"} AS experiment FROM trace_info t
        ${experiments ? "LEFT JOIN experiments e ON e.experiment_id = t.experiment_id" : ""} ORDER BY t.timestamp_ms, t.request_id`,
      lists,
    };
  },

  drafts(record) {
    const row = objectOf(record);
    if (isList(row["spans"]) && !("key" in row)) {
      const spans = row["spans"].filter(isSpan);
      const [first] = spans;
      if (first === undefined)
        throw new Failure(
          "missing-field",
          "The file holds no spans.",
          "Check that it is MLflow's traces.json.",
        );
      return draftsOf(spans, textOf(attribute(first, "traceRequestId")) ?? "trace", {});
    }
    const trace = textOf(row["key"]) ?? "";
    const spans = listOfRows(row, "spans")
      .map((span) => unpacked(span["content"]))
      .filter(isSpan);
    return spans.length === 0 ? [previewOf(row, trace)] : draftsOf(spans, trace, row);
  },
});
