import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { addNumbers, linesOf, sessionDraft } from "./agentSession";
import { threadsOf } from "./claudeCodeThreads";
import { draftedFormat, given } from "./draft";
import { isObject, textOf, without } from "./jsonFields";
import { messageList } from "./messages";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";

const TOKENS = {
  input: "input_tokens",
  output: "output_tokens",
  cacheRead: "cache_read_tokens",
  cacheWrite: "cache_write_tokens",
};
const RESULT_MAPPED = new Set(["role", "toolCallId", "toolName", "isError"]);

const isHeader = (line: JsonObject): boolean =>
  line["type"] === "session" && "id" in line && ("cwd" in line || "version" in line);
const isEntry = (line: JsonObject): boolean =>
  line["type"] === "message" && isObject(line["message"]) && typeof line["message"]["role"] === "string";

/** The links of an entry under the names that sessions of Claude Code have for them. */
function linked(line: JsonObject): JsonObject {
  const role = isObject(line["message"]) ? line["message"]["role"] : undefined;
  return {
    ...line,
    ...(line["id"] === undefined ? {} : { uuid: line["id"] }),
    ...(line["parentId"] === undefined ? {} : { parentUuid: line["parentId"] }),
    ...(role === "user" ? { type: "user" } : {}),
  };
}

/** What an entry says: a message, or the summary of what was left out; undefined for changes of settings. */
function messageOf(line: JsonObject): JsonObject | undefined {
  const at = line["timestamp"] === undefined ? {} : { timestamp: line["timestamp"] };
  const { message } = line;
  if (isObject(message)) {
    if (message["role"] === "toolResult")
      return {
        ...at,
        ...without(message, RESULT_MAPPED),
        role: "tool",
        ...given("tool_call_id", message["toolCallId"]),
        ...given("name", message["toolName"]),
        ...given("is_error", message["isError"]),
      };
    if (message["role"] === "bashExecution")
      return {
        ...at,
        ...without(message, new Set(["role", "output"])),
        role: "environment",
        content: message["output"] ?? "",
      };
    return { ...at, ...message, content: message["content"] ?? "" };
  }
  const said = textOf(line["summary"]) ?? (line["type"] === "custom_message" ? line["content"] : undefined);
  return said === undefined
    ? undefined
    : {
        ...without(line, new Set(["summary", "content", "uuid", "parentUuid"])),
        role: "environment",
        content: said,
      };
}

/** Sessions of the Pi coding agent and of OpenClaw: entries that name their parents, so that a session may branch. */
export const piAgent = draftedFormat({
  id: "pi-agent",
  title: "Pi and OpenClaw sessions",
  source: "Pi coding agent ~/.pi/agent/sessions/**/*.jsonl, OpenClaw ~/.openclaw/agents/*/sessions/*.jsonl",
  containers: ["json"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,

  detect(head) {
    const row = head.firstRecord;
    if (head.array !== true || !isObject(row)) return undefined;
    if (isHeader(row)) return { confidence: 0.8, reason: "a session's header" };
    return isEntry(row) && "id" in row
      ? { confidence: 0.8, reason: "entries of a session with their messages" }
      : undefined;
  },

  drafts(record, context) {
    const { lines, others } = linesOf(record.kind === "value" ? record.value : null);
    const header = lines.find(isHeader);
    const entries = lines.filter((line) => !isHeader(line)).map(linked);
    const threads = threadsOf(entries).filter((thread) =>
      thread.lines.some((line) => isObject(line["message"])),
    );
    if (threads.length === 0)
      throw new Failure(
        "missing-field",
        "The session holds no message.",
        "Wait for it to begin, or check the file.",
      );
    const id = textOf(header?.["id"]);
    const asides = [...lines.filter((line) => !isHeader(line) && messageOf(line) === undefined), ...others];
    return threads.map((thread, index) => {
      const spoken = thread.lines.map(messageOf).filter((message) => message !== undefined);
      const components: Record<string, number | null> = {};
      let stop: string | undefined;
      for (const { usage, stopReason } of spoken) {
        addNumbers(components, usage, TOKENS);
        if (isObject(usage)) addNumbers(components, usage["cost"], { total: "cost" });
        stop = textOf(stopReason) ?? stop;
      }
      return sessionDraft({
        messages: messageList(spoken) ?? spoken,
        id,
        groupKey: threads.length > 1 ? (id ?? context.path) : undefined,
        outcome: {
          ...given("stopReason", stop),
          ...(stop === undefined ? {} : { truncated: stop === "length" }),
          components,
        },
        extra: { ...header, ...(index === 0 && asides.length > 0 ? { other_entries: asides } : {}) },
        notes: thread.notes,
        graded: gradeOfTrial(context.path, context.companions),
      });
    });
  },
});
