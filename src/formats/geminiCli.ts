import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { addNumbers, firstLineOf, linesOf, sessionDraft } from "./agentSession";
import { draftedFormat, given } from "./draft";
import { isList, isObject, recordedNumber, textOf, without } from "./jsonFields";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";
import { inOneShape } from "./messageShapes";

const TOKENS = {
  input: "input_tokens",
  output: "output_tokens",
  cached: "cached_tokens",
  thoughts: "thought_tokens",
  tool: "tool_tokens",
};

const KINDS = new Set(["user", "gemini", "info", "warning", "error"]);
const RECORD_MAPPED = new Set(["type", "content", "thoughts", "toolCalls"]);
const CALL_MAPPED = new Set(["id", "name", "args", "result", "resultDisplay"]);

const isRecord = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) && KINDS.has(textOf(value["type"]) ?? "") && ("content" in value || "toolCalls" in value);
const isHeader = (row: JsonObject): boolean => "sessionId" in row && "projectHash" in row;
const isStreamed = (row: JsonObject): boolean =>
  row["type"] === "init"
    ? "session_id" in row && "model" in row
    : row["type"] === "tool_use" && "tool_name" in row && "tool_id" in row;

interface Recorded {
  readonly header: JsonObject;
  readonly records: readonly JsonObject[];
}

/** The session that a log of lines describes: later lines replace messages, take some back, or set fields of the session. */
function replayed(lines: readonly JsonObject[]): Recorded {
  let header: JsonObject = {};
  const records = new Map<string, JsonObject>();
  const put = (value: JsonValue | undefined): void => {
    if (isRecord(value)) records.set(textOf(value["id"]) ?? `message ${records.size}`, value);
  };
  for (const line of lines) {
    const back = textOf(line["$rewindTo"]);
    const set = isObject(line["$set"]) ? line["$set"] : undefined;
    if (back !== undefined) {
      // What stands nowhere takes everything back, as the program itself reads it.
      const ids = [...records.keys()];
      for (const id of ids.slice(Math.max(0, ids.indexOf(back)))) records.delete(id);
    } else if (isRecord(line)) put(line);
    else {
      const fields = set ?? line;
      if (isList(fields["messages"])) {
        if (set !== undefined) records.clear();
        fields["messages"].forEach(put);
      }
      header = { ...header, ...without(fields, new Set(["messages"])) };
    }
  }
  return { header, records: [...records.values()] };
}

/** Messages of a record: what the model thought and said, its calls, and what each gave. */
function messagesOfRecord(record: JsonObject): JsonObject[] {
  const more = without(record, RECORD_MAPPED);
  const { content } = record;
  if (record["type"] !== "gemini")
    return [{ ...more, role: record["type"] === "user" ? "user" : "environment", content: content ?? "" }];
  const thoughts = (isList(record["thoughts"]) ? record["thoughts"] : []).flatMap((thought) =>
    isObject(thought)
      ? [
          [textOf(thought["subject"]), textOf(thought["description"])]
            .filter((part) => part !== undefined && part !== "")
            .join("\n"),
        ]
      : [],
  );
  const calls = (isList(record["toolCalls"]) ? record["toolCalls"] : []).filter(isObject);
  const said: JsonObject = {
    ...more,
    role: "assistant",
    content: content ?? "",
    ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join("\n\n") }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((call) => ({
            id: call["id"] ?? null,
            name: call["name"] ?? "",
            arguments: call["args"] ?? null,
          })),
        }),
  };
  return [
    said,
    ...calls.flatMap((call): JsonObject[] => {
      const result = isList(call["result"]) ? call["result"] : undefined;
      const shaped =
        result === undefined ? [] : (inOneShape([{ role: "user", parts: result }]) as readonly JsonObject[]);
      const given =
        shaped.find((message) => message["role"] === "tool")?.["content"] ?? call["resultDisplay"];
      return given === undefined || given === null
        ? []
        : [
            {
              ...without(call, CALL_MAPPED),
              role: "tool",
              content: given,
              tool_call_id: call["id"] ?? null,
              name: call["name"] ?? null,
            },
          ];
    }),
  ];
}

/** Messages of the stream: words come in pieces that belong together. */
function messagesOfStream(lines: readonly JsonObject[]): JsonObject[] {
  const messages: JsonObject[] = [];
  const names = new Map<string, JsonValue>();
  for (const line of lines) {
    const more = without(
      line,
      new Set(["type", "role", "content", "delta", "tool_name", "tool_id", "parameters", "output"]),
    );
    const last = messages.at(-1);
    const id = line["tool_id"] ?? null;
    if (line["type"] === "message") {
      const role = textOf(line["role"]) ?? "assistant";
      if (line["delta"] === true && last?.["role"] === role && !("tool_calls" in last))
        messages[messages.length - 1] = {
          ...last,
          content: `${textOf(last["content"]) ?? ""}${textOf(line["content"]) ?? ""}`,
        };
      else messages.push({ ...more, role, content: line["content"] ?? "" });
    } else if (line["type"] === "tool_use") {
      names.set(String(id), line["tool_name"] ?? "");
      const call = { id, name: line["tool_name"] ?? "", arguments: line["parameters"] ?? null };
      const before = last?.["role"] === "assistant" && isList(last["tool_calls"]) ? last["tool_calls"] : [];
      if (last?.["role"] === "assistant")
        messages[messages.length - 1] = { ...last, tool_calls: [...before, call] };
      else messages.push({ ...more, role: "assistant", content: "", tool_calls: [call] });
    } else if (line["type"] === "tool_result") {
      const failed = isObject(line["error"]) ? line["error"]["message"] : undefined;
      messages.push({
        ...more,
        role: "tool",
        content: line["output"] ?? failed ?? "",
        tool_call_id: id,
        name: names.get(String(id)) ?? null,
      });
    } else if (line["type"] === "error")
      messages.push({ ...more, role: "environment", content: line["message"] ?? "" });
  }
  return messages;
}

const NO_TURN = new Failure(
  "missing-field",
  "The session holds no turn of a user or of the model.",
  "Wait for it to begin, or check the file.",
);

/** Sessions of Gemini CLI: its recorded chats, as a document or as lines, and what `--output-format stream-json` prints. */
export const geminiCli = draftedFormat({
  id: "gemini-cli",
  title: "Gemini CLI sessions",
  source:
    "google-gemini/gemini-cli ~/.gemini/tmp/*/chats/session-*.json and .jsonl, `--output-format stream-json`",
  containers: ["json", "text"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,

  detect(head) {
    const line = firstLineOf(head);
    const row = line ?? head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isHeader(row) && (line !== undefined || isList(row["messages"])))
      return { confidence: 0.9, reason: "a chat with sessionId and projectHash" };
    return line !== undefined && isStreamed(row)
      ? { confidence: 0.85, reason: "events of a streamed session" }
      : undefined;
  },

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const { lines, others } = linesOf(value);
    const streamed = lines.some(
      (line) =>
        line["type"] === "init" || "tool_id" in line || (line["type"] === "message" && "role" in line),
    );
    const { header, records } = streamed
      ? { header: lines.find((line) => line["type"] === "init") ?? {}, records: [] }
      : replayed(lines);
    const messages = streamed ? messagesOfStream(lines) : records.flatMap(messagesOfRecord);
    if (messages.length === 0) throw NO_TURN;
    const result = streamed ? lines.findLast((line) => line["type"] === "result") : undefined;
    const stats = isObject(result?.["stats"]) ? result["stats"] : {};
    const components: Record<string, number | null> = {};
    for (const one of records) addNumbers(components, one["tokens"], TOKENS);
    for (const name of ["input_tokens", "output_tokens", "cached", "duration_ms", "tool_calls"]) {
      const number = recordedNumber(stats[name]);
      if (number !== undefined) components[name] = number;
    }
    const outcome: Outcome = { ...given("stopReason", textOf(result?.["status"])), components };
    const shaped = inOneShape(
      messages.map((message) =>
        isList(message["content"])
          ? { ...without(message, new Set(["content"])), parts: message["content"] }
          : message,
      ),
    );
    return [
      sessionDraft({
        messages: shaped.filter(isObject),
        id: textOf(header["sessionId"]) ?? textOf(header["session_id"]),
        label: header["kind"] === "subagent" ? "sub-agent" : undefined,
        outcome,
        graded: gradeOfTrial(context.path, context.companions),
        extra: {
          ...without(header, new Set(["messages", "type"])),
          ...(result === undefined ? {} : { result: without(result, new Set(["type", "status"])) }),
          ...(others.length === 0 ? {} : { other_entries: others }),
        },
      }),
    ];
  },
});
