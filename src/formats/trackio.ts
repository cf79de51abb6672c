import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { Tables } from "./format";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, wholeNumber } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { unpacked } from "./spanMessages";
import { tableDrafts } from "./wandbTable";
import { writeAheadLog } from "./writeAheadLog";

const has = (tables: Tables, table: string, ...columns: string[]): boolean =>
  columns.every((name) => (tables.get(table) ?? []).some((column) => column.name === name));

/** Tables in what was logged at a step: `{"_type": "trackio.table", "_value": [rows as objects]}`. */
function tablesOf(
  logged: JsonValue | undefined,
): readonly { readonly name: string; readonly table: JsonObject }[] {
  return Object.entries(isObject(logged) ? logged : {}).flatMap(([name, value]) => {
    const rows = isObject(value) && value["_type"] === "trackio.table" ? value["_value"] : undefined;
    if (!isList(rows)) return [];
    const objects = rows.filter(isObject);
    const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
    return [
      {
        name,
        table: { columns, data: objects.map((row) => columns.map((column) => row[column] ?? null)) },
      },
    ];
  });
}

/** One traced conversation, with what was said about it as metadata. */
function traceDraft(row: JsonObject): TrajectoryDraft {
  const messages = messageList(unpacked(row["messages"]));
  if (messages === undefined)
    throw new Failure("missing-field", "The trace has no messages.", "Check that the database is trackio's.");
  const metadata = unpacked(row["metadata"]);
  const about = isObject(metadata) ? metadata : {};
  const reward = recordedNumber(about["reward"] ?? about["score"]);
  const prompt = promptOfMessages(messages);
  return {
    title: titleOf(prompt ?? ""),
    ...(prompt === undefined
      ? {}
      : {
          groupKey: `${textOf(row["run_name"]) ?? ""}/${prompt}`,
          groupGuess: "traces of one step with the same prompt",
        }),
    task: { ...given("prompt", prompt) },
    ...given("trainingStep", wholeNumber(row["step"])),
    steps: messageSteps(messages),
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "reward" in about ? "reward" : "score" }),
      components: {},
    },
    extra: {
      ...given("run", row["run_name"]),
      ...given("name", row["name"]),
      ...(Object.keys(about).length === 0 ? {} : { metadata: about }),
      ...given("spans", unpacked(row["spans"])),
    },
    notes: [],
  };
}

/** Trackio's database: the tables of completions that TRL logs to it, and conversations that were logged as traces. */
export const trackioDatabase = draftedFormat({
  id: "trackio",
  title: "Trackio logs",
  source: "gradio-app/trackio, {project}.db: tables (TRL's completions) and traces",
  containers: ["sqlite"],
  grouping: "key",
  nativeTree: false,
  plainCompanions: writeAheadLog,
  recordsAdvantage: "trajectory",

  detect(head) {
    const { tables } = head;
    return tables !== undefined && has(tables, "metrics", "id", "run_name", "step", "metrics", "timestamp")
      ? { confidence: 0.9, reason: "a table metrics with run_name, step and metrics" }
      : undefined;
  },

  databaseRecords(tables) {
    if (!has(tables, "metrics", "id", "run_name", "step", "metrics")) return undefined;
    const traces = has(tables, "traces", "id", "run_name", "step", "key", "messages", "metadata");
    const spans = has(tables, "traces", "spans") ? "spans" : "NULL AS spans";
    return {
      // Newer versions store JSON as bytes.
      records: `SELECT run_name, step, CAST(metrics AS TEXT) AS metrics, NULL AS name, NULL AS messages, NULL AS metadata, NULL AS spans
        FROM metrics WHERE instr(CAST(metrics AS TEXT), '"trackio.table"') > 0
        ${traces ? `UNION ALL SELECT run_name, step, NULL, key, CAST(messages AS TEXT), CAST(metadata AS TEXT), ${spans} FROM traces` : ""}`,
    };
  },

  drafts(record, context) {
    const row = objectOf(record);
    if (row["messages"] !== null) return [traceDraft(row)];
    const run = textOf(row["run_name"]) ?? "";
    return tablesOf(unpacked(row["metrics"])).flatMap(({ name, table }) =>
      tableDrafts(table, context.path).map((draft): TrajectoryDraft => ({
        ...draft,
        ...given("groupKey", draft.groupKey === undefined ? undefined : `${run}/${draft.groupKey}`),
        ...given("trainingStep", draft.trainingStep ?? wholeNumber(row["step"])),
        extra: { run, table: name, ...draft.extra },
      })),
    );
  },
});
