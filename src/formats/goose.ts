import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { addNumbers, linesOf, sessionDraft } from "./agentSession";
import { draftedFormat } from "./draft";
import type { Tables } from "./format";
import { isList, isObject, textOf, without } from "./jsonFields";
import { messageList } from "./messages";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";
import { unpacked } from "./spanMessages";
import { writeAheadLog } from "./writeAheadLog";

/** Tokens of a whole session; those without `accumulated` are of its last answer alone. */
const TOKENS = {
  accumulated_input_tokens: "input_tokens",
  accumulated_output_tokens: "output_tokens",
  accumulated_total_tokens: "total_tokens",
};

const isHeader = (row: JsonObject): boolean =>
  "working_dir" in row && ("message_count" in row || "total_tokens" in row) && !("role" in row);

const has = (tables: Tables, table: string, names: readonly string[]): boolean =>
  names.every((name) => (tables.get(table) ?? []).some((column) => column.name === name));
const isDatabase = (tables: Tables): boolean =>
  has(tables, "sessions", ["id", "working_dir"]) &&
  has(tables, "messages", ["session_id", "role", "content_json"]);

/** Sessions of Goose: a header and a message a line, or its database. */
export const goose = draftedFormat({
  id: "goose",
  title: "Goose sessions",
  source: "block/goose ~/.local/share/goose/sessions/*.jsonl and sessions.db",
  containers: ["json", "sqlite"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,
  plainCompanions: writeAheadLog,

  detect(head) {
    if (head.tables !== undefined)
      return isDatabase(head.tables)
        ? { confidence: 0.9, reason: "tables sessions and messages with content_json" }
        : undefined;
    return head.array === true && isObject(head.firstRecord) && isHeader(head.firstRecord)
      ? { confidence: 0.8, reason: "a session's header with its working_dir" }
      : undefined;
  },

  databaseRecords: (tables) =>
    isDatabase(tables)
      ? {
          records: "SELECT id AS key, * FROM sessions ORDER BY id",
          lists: { messages: "SELECT * FROM messages WHERE session_id = ?1 ORDER BY id" },
        }
      : undefined,

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const { lines } = linesOf(value);
    const row = isObject(value) && "key" in value ? value : undefined;
    const header =
      row === undefined ? (lines.find(isHeader) ?? {}) : without(row, new Set(["key", "messages"]));
    const stored = isList(row?.["messages"]) ? row["messages"].filter(isObject) : [];
    const spoken =
      row === undefined
        ? lines.filter((line) => !isHeader(line))
        : stored.map((message) => ({
            ...without(message, new Set(["content_json", "session_id"])),
            content: unpacked(message["content_json"]) ?? "",
          }));
    const messages = messageList(spoken);
    if (messages === undefined)
      throw new Failure(
        "missing-field",
        "The session holds no message.",
        "Wait for it to begin, or check the file.",
      );
    const components: Record<string, number | null> = {};
    addNumbers(components, header, TOKENS);
    const name = /([^/\\]+)\.jsonl$/.exec(context.path)?.[1];
    return [
      sessionDraft({
        messages,
        id: textOf(header["id"]) ?? name,
        outcome: { components },
        extra: header,
        graded: gradeOfTrial(context.path, context.companions),
      }),
    ];
  },
});
