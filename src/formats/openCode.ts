import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { addNumbers, firstLineOf, linesOf, sessionDraft } from "./agentSession";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { RecordContext, Tables } from "./format";
import { isList, isObject, textOf, without } from "./jsonFields";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";
import { inOneShape } from "./messageShapes";
import { unpacked } from "./spanMessages";
import { writeAheadLog } from "./writeAheadLog";

const TOKENS = { input: "input_tokens", output: "output_tokens", reasoning: "reasoning_tokens" };
const CACHED = { read: "cache_read_tokens", write: "cache_write_tokens" };

/** Parts that only mark where a step of the model begins and ends, or what the files were then. */
const MARKS = new Set(["step-start", "step-finish", "snapshot", "patch"]);

const isMessage = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) &&
  isObject(value["info"]) &&
  typeof value["info"]["role"] === "string" &&
  isList(value["parts"]);
const isExport = (row: JsonObject): boolean =>
  isObject(row["info"]) && "id" in row["info"] && isList(row["messages"]) && row["messages"].some(isMessage);
const isEvent = (row: JsonObject): boolean =>
  "sessionID" in row && isObject(row["part"]) && typeof row["part"]["type"] === "string";

const has = (tables: Tables, table: string, names: readonly string[]): boolean =>
  names.every((name) => (tables.get(table) ?? []).some((column) => column.name === name));
const isDatabase = (tables: Tables): boolean =>
  has(tables, "session", ["id", "directory", "title"]) &&
  has(tables, "message", ["id", "session_id", "data"]) &&
  has(tables, "part", ["id", "message_id", "data"]);

const objectIn = (value: JsonValue | undefined): JsonObject => {
  const own = unpacked(value);
  return isObject(own) ? own : {};
};

/** Messages of a row of the database: those of the session, each with its parts. */
function storedMessages(row: JsonObject): JsonObject[] {
  const parts = new Map<string, JsonObject[]>();
  for (const part of (isList(row["parts"]) ? row["parts"] : []).filter(isObject)) {
    const key = String(part["message_id"]);
    const own = { id: part["id"] ?? null, ...objectIn(part["data"]) };
    parts.set(key, [...(parts.get(key) ?? []), own]);
  }
  return (isList(row["messages"]) ? row["messages"] : []).filter(isObject).map((message) => ({
    info: { id: message["id"] ?? null, ...objectIn(message["data"]) },
    parts: parts.get(String(message["id"])) ?? [],
  }));
}

/** Messages of the events that `opencode run --format json` prints: the parts of one answer, until a step ends. */
function streamedMessages(lines: readonly JsonObject[]): JsonObject[] {
  const messages: { info: JsonObject; parts: JsonValue[] }[] = [];
  for (const line of lines) {
    const part = isObject(line["part"]) ? line["part"] : undefined;
    if (part === undefined) continue;
    const id = part["messageID"] ?? null;
    let last = messages.at(-1);
    if (last === undefined || last.info["id"] !== id) {
      last = { info: { id, role: "assistant", timestamp: line["timestamp"] ?? null }, parts: [] };
      messages.push(last);
    }
    last.parts.push(part);
    if (part["type"] === "step-finish")
      last.info = {
        ...last.info,
        ...given("cost", part["cost"]),
        ...given("tokens", part["tokens"]),
        ...given("finish", part["reason"]),
      };
  }
  return messages;
}

/** The draft of one session: a row of the database, an export, or the events of a stream. */
function draftOf(value: JsonValue, context: RecordContext): TrajectoryDraft {
  const { lines } = linesOf(value);
  const row = isObject(value) ? value : {};
  const stored = "key" in row;
  const messages = stored
    ? storedMessages(row)
    : isObject(value)
      ? (isList(row["messages"]) ? row["messages"] : []).filter(isMessage)
      : streamedMessages(lines);
  if (messages.length === 0)
    throw new Failure(
      "missing-field",
      "The session holds no message.",
      "Wait for it to begin, or check the file.",
    );
  const components: Record<string, number | null> = {};
  const marked: JsonObject[] = [];
  let stop: string | undefined;
  const spoken = messages.map((message): JsonObject => {
    const info = isObject(message["info"]) ? message["info"] : {};
    addNumbers(components, info["tokens"], TOKENS);
    if (isObject(info["tokens"])) addNumbers(components, info["tokens"]["cache"], CACHED);
    addNumbers(components, info, { cost: "cost" });
    stop = textOf(info["finish"]) ?? stop;
    const parts = (isList(message["parts"]) ? message["parts"] : []).filter(isObject);
    marked.push(...parts.filter((part) => MARKS.has(textOf(part["type"]) ?? "")));
    return {
      ...message,
      parts: parts.filter((part) => !MARKS.has(textOf(part["type"]) ?? "")),
    };
  });
  const session = stored
    ? without(row, new Set(["key", "messages", "parts"]))
    : isObject(row["info"])
      ? row["info"]
      : {};
  const outcome: Outcome = { ...given("stopReason", stop), components };
  return sessionDraft({
    messages: inOneShape(spoken).filter(isObject),
    id: textOf(session["id"]) ?? textOf(lines.find((line) => "sessionID" in line)?.["sessionID"]),
    parentId: textOf(session["parentID"]) ?? textOf(session["parent_id"]),
    outcome,
    graded: gradeOfTrial(context.path, context.companions),
    extra: {
      ...session,
      ...(marked.length === 0 ? {} : { marks: marked }),
      ...(isObject(value) ? {} : { other_entries: lines.filter((line) => !isEvent(line)) }),
    },
  });
}

/** Sessions of OpenCode: exported, streamed, or in its database. */
export const openCode = draftedFormat({
  id: "opencode",
  title: "OpenCode sessions",
  source: "sst/opencode `opencode export`, `opencode run --format json`, and its database opencode.db",
  containers: ["json", "sqlite", "text"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,
  plainCompanions: writeAheadLog,

  detect(head) {
    if (head.tables !== undefined)
      return isDatabase(head.tables)
        ? { confidence: 0.9, reason: "tables session, message and part" }
        : undefined;
    const line = firstLineOf(head);
    const row = line ?? head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isExport(row)) return { confidence: 0.85, reason: "info, and messages of info and parts" };
    return line !== undefined && isEvent(row)
      ? { confidence: 0.85, reason: "events with a sessionID and a part" }
      : undefined;
  },

  databaseRecords: (tables) =>
    isDatabase(tables)
      ? {
          records: "SELECT id AS key, * FROM session ORDER BY id",
          lists: {
            messages: "SELECT id, data FROM message WHERE session_id = ?1 ORDER BY id",
            parts:
              "SELECT part.id, message_id, part.data FROM part JOIN message ON message.id = message_id WHERE message.session_id = ?1 ORDER BY part.id",
          },
        }
      : undefined,

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const exported = isList(value) ? value.filter((one) => isObject(one) && isExport(one)) : [];
    return exported.length > 0 ? exported.map((one) => draftOf(one, context)) : [draftOf(value, context)];
  },
});
