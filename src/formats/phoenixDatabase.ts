import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import type { Tables } from "./format";
import { isList, isObject, objectOf, recordedNumber, textOf } from "./jsonFields";
import { rawSpan } from "./openInference";
import { spanOfAttributes } from "./spanAttributes";
import { unpacked } from "./spanMessages";
import { traceDrafts } from "./spanTrace";
import { writeAheadLog } from "./writeAheadLog";

const has = (tables: Tables, table: string, ...columns: string[]): boolean =>
  columns.every((name) => (tables.get(table) ?? []).some((column) => column.name === name));

const isPhoenix = (tables: Tables): boolean =>
  has(tables, "projects", "id", "name") &&
  has(tables, "traces", "id", "trace_id", "project_rowid", "start_time") &&
  has(tables, "spans", "trace_rowid", "span_id", "parent_id", "span_kind", "attributes", "events");

const listOfRows = (record: JsonObject, name: string): readonly JsonObject[] => {
  const rows = record[name];
  return isList(rows) ? rows.filter(isObject) : [];
};

/** SQLAlchemy stores UTC without saying so. */
function time(value: JsonValue | undefined): JsonValue {
  return typeof value === "string" && /^\d{4}-\d\d-\d\d \d/.test(value) && !/[Z+]/.test(value)
    ? `${value.replace(" ", "T")}Z`
    : (value ?? null);
}

/** An annotation as it is shown: what is not there is left out. */
function annotationOf(row: JsonObject): JsonObject {
  const shown: Record<string, JsonValue> = {};
  for (const name of ["name", "label", "score", "explanation", "annotator_kind", "error"])
    if (row[name] !== null && row[name] !== undefined && row[name] !== "") shown[name] = row[name];
  const metadata = unpacked(row["metadata"]);
  if (isObject(metadata) && Object.keys(metadata).length > 0) shown["metadata"] = metadata;
  return shown;
}

/** Scores by the annotation's name. Several people may have judged one thing: then the mean counts, without those who gave none. */
function scoresOf(rows: readonly JsonObject[]): Record<string, number | null> {
  const given = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const name = textOf(row["name"]) ?? "annotation";
    const score = recordedNumber(row["score"]) ?? null;
    given.set(name, [...(given.get(name) ?? []), score]);
  }
  return Object.fromEntries(
    [...given].map(([name, all]) => {
      const scores = all.filter((score): score is number => score !== null);
      return [
        name,
        scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length,
      ];
    }),
  );
}

/**
 * Arize Phoenix's own database: each trace is a trajectory. What was annotated on a trace, on its first span or on the run of
 * an experiment is a score; repetitions of an experiment's example are a group.
 */
export const phoenixDatabase = draftedFormat({
  id: "phoenix-sqlite",
  title: "Arize Phoenix database",
  source: "Arize-ai/phoenix: phoenix.db with projects, traces, spans and annotations",
  containers: ["sqlite"],
  grouping: "key",
  nativeTree: false,
  plainCompanions: writeAheadLog,

  detect(head) {
    return head.tables !== undefined && isPhoenix(head.tables)
      ? { confidence: 0.97, reason: "tables projects, traces, spans of Phoenix" }
      : undefined;
  },

  databaseRecords(tables) {
    if (!isPhoenix(tables)) return undefined;
    const sessions =
      has(tables, "traces", "project_session_rowid") && has(tables, "project_sessions", "id", "session_id");
    const lists: Record<string, string> = {
      spans: "SELECT * FROM spans WHERE trace_rowid = ?1 ORDER BY start_time, id",
    };
    if (has(tables, "span_annotations", "span_rowid", "name", "score"))
      lists["span_annotations"] =
        "SELECT s.span_id, a.* FROM span_annotations a JOIN spans s ON s.id = a.span_rowid WHERE s.trace_rowid = ?1 ORDER BY a.id";
    if (has(tables, "trace_annotations", "trace_rowid", "name", "score"))
      lists["trace_annotations"] = "SELECT * FROM trace_annotations WHERE trace_rowid = ?1 ORDER BY id";
    if (
      has(
        tables,
        "experiment_runs",
        "id",
        "experiment_id",
        "dataset_example_id",
        "repetition_number",
        "trace_id",
        "output",
      )
    ) {
      lists["experiment_runs"] =
        "SELECT r.* FROM experiment_runs r JOIN traces t ON t.trace_id = r.trace_id WHERE t.id = ?1 ORDER BY r.id";
      if (has(tables, "experiment_run_annotations", "experiment_run_id", "name", "score"))
        lists["run_annotations"] =
          "SELECT a.* FROM experiment_run_annotations a JOIN experiment_runs r ON r.id = a.experiment_run_id JOIN traces t ON t.trace_id = r.trace_id WHERE t.id = ?1 ORDER BY a.id";
      if (has(tables, "dataset_example_revisions", "dataset_example_id", "dataset_version_id", "output"))
        lists["examples"] =
          "SELECT e.* FROM dataset_example_revisions e JOIN experiment_runs r ON r.dataset_example_id = e.dataset_example_id JOIN traces t ON t.trace_id = r.trace_id WHERE t.id = ?1 ORDER BY e.dataset_version_id";
    }
    return {
      records: `SELECT t.id AS key, t.trace_id, p.name AS project${sessions ? ", s.session_id" : ""}
        FROM traces t LEFT JOIN projects p ON p.id = t.project_rowid
        ${sessions ? "LEFT JOIN project_sessions s ON s.id = t.project_session_rowid" : ""}
        WHERE EXISTS (SELECT 1 FROM spans WHERE trace_rowid = t.id) ORDER BY t.start_time, t.id`,
      lists,
    };
  },

  drafts(record) {
    const row = objectOf(record);
    const trace = textOf(row["trace_id"]) ?? "";
    const annotations = new Map<string, JsonObject[]>();
    for (const one of listOfRows(row, "span_annotations")) {
      const id = textOf(one["span_id"]) ?? "";
      annotations.set(id, [...(annotations.get(id) ?? []), one]);
    }
    const spans = listOfRows(row, "spans").map((span) => {
      const raw = rawSpan({
        ...span,
        trace_id: trace,
        start_time: time(span["start_time"]),
        end_time: time(span["end_time"]),
      });
      const own = annotations.get(raw.id) ?? [];
      const read = spanOfAttributes(raw);
      return own.length === 0
        ? read
        : { ...read, attributes: { ...read.attributes, annotations: own.map(annotationOf) } };
    });
    if (spans.length === 0)
      throw new Failure("missing-field", "The trace has no spans.", "Check that the database is Phoenix's.");
    const ids = new Set(spans.map((span) => span.id));
    const roots = spans.filter((span) => !ids.has(span.parent ?? ""));
    const traceAnnotations = listOfRows(row, "trace_annotations");
    const [run] = listOfRows(row, "experiment_runs");
    const runAnnotations = listOfRows(row, "run_annotations");
    const example = listOfRows(row, "examples").at(-1);
    const expected = unpacked(example?.["output"]);
    return traceDrafts(spans, () => ({
      // What is said of a part of the trace is not said of the whole.
      scores: {
        ...scoresOf(roots.flatMap((root) => annotations.get(root.id) ?? [])),
        ...scoresOf(traceAnnotations),
        ...scoresOf(runAnnotations),
      },
      ...(run === undefined
        ? {}
        : {
            groupKey: `experiment ${String(run["experiment_id"])}, example ${String(run["dataset_example_id"])}`,
          }),
      extra: {
        ...given("project", textOf(row["project"])),
        ...given("session_id", textOf(row["session_id"])),
        ...(traceAnnotations.length + runAnnotations.length === 0
          ? {}
          : { annotations: [...traceAnnotations, ...runAnnotations].map(annotationOf) }),
        ...(run === undefined
          ? {}
          : {
              experiment_run: {
                experiment: run["experiment_id"] ?? null,
                example: run["dataset_example_id"] ?? null,
                repetition: run["repetition_number"] ?? null,
                output: unpacked(run["output"]) ?? null,
                ...given("error", textOf(run["error"])),
              },
            }),
      },
    })).map((draft) =>
      expected === undefined || expected === null
        ? draft
        : { ...draft, task: { ...draft.task, groundTruth: expected } },
    );
  },
});
