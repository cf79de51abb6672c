import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { addNumbers, firstLineOf, linesOf, sessionDraft, sharedFields } from "./agentSession";
import { asideMessage, isTurn, messagesOfLines } from "./claudeCodeLines";
import { threadsOf } from "./claudeCodeThreads";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedNumber, textOf, without } from "./jsonFields";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";

/** Fields of a line that say which session it is of, and where and by what it ran. */
const SESSION_FIELDS = [
  "sessionId",
  "session_id",
  "cwd",
  "version",
  "gitBranch",
  "userType",
  "entrypoint",
  "agentId",
  "slug",
  "isSidechain",
] as const;

/** Kinds of lines that are no turn of the conversation. */
const ASIDE = new Set([
  "summary",
  "file-history-snapshot",
  "queue-operation",
  "progress",
  "last-prompt",
  "custom-title",
  "ai-title",
  "agent-name",
  "permission-mode",
  "tag",
  "agent-setting",
  "mode",
  "pr-link",
]);

const TOKENS = {
  input_tokens: "input_tokens",
  output_tokens: "output_tokens",
  cache_creation_input_tokens: "cache_creation_input_tokens",
  cache_read_input_tokens: "cache_read_input_tokens",
  // Qwen Code counts as Gemini's interface does.
  promptTokenCount: "input_tokens",
  candidatesTokenCount: "output_tokens",
  cachedContentTokenCount: "cache_read_input_tokens",
};

const isLine = (line: JsonObject): boolean => {
  const type = textOf(line["type"]) ?? "";
  const session = "sessionId" in line || "session_id" in line;
  if (isTurn(line)) return session || "parentUuid" in line || "parent_tool_use_id" in line;
  if (type === "system") return session && ("subtype" in line || "parentUuid" in line);
  if (type === "summary") return "leafUuid" in line;
  if (type === "file-history-snapshot") return "snapshot" in line;
  if (type === "result") return session && ("num_turns" in line || "duration_ms" in line);
  return session && (ASIDE.has(type) || type === "attachment");
};

/** The lines of a document: a list of them, or the export of a session on the web, which keeps them in a field. */
function documentLines(value: JsonValue): JsonValue {
  return isObject(value) && isList(value["loglines"]) ? value["loglines"] : value;
}

/** Tokens of the answers, each counted once though its lines repeat them; with what the last line says of the whole run. */
function outcomeOf(lines: readonly JsonObject[], result: JsonObject | undefined): Outcome {
  const usages = new Map<string, JsonValue>();
  let stop: string | undefined;
  for (const [index, line] of lines.entries()) {
    const message = isObject(line["message"]) ? line["message"] : {};
    if (line["type"] !== "assistant") continue;
    const usage = message["usage"] ?? line["usageMetadata"];
    if (usage !== undefined) usages.set(textOf(message["id"]) ?? `line ${index}`, usage);
    stop = textOf(message["stop_reason"]) ?? stop;
  }
  const components: Record<string, number | null> = {};
  for (const usage of usages.values()) addNumbers(components, usage, TOKENS);
  if (result !== undefined)
    for (const name of ["total_cost_usd", "num_turns", "duration_ms", "duration_api_ms"]) {
      const number = recordedNumber(result[name]);
      if (number !== undefined) components[name] = number;
    }
  const end = textOf(result?.["subtype"]) ?? stop;
  return {
    ...given("stopReason", end),
    ...(end === undefined ? {} : { truncated: /max_(?:turns|tokens|budget)/.test(end) }),
    components,
  };
}

/** What a run printed that was asked for its result alone. */
function resultDraft(result: JsonObject): TrajectoryDraft {
  return sessionDraft({
    messages: [{ role: "assistant", content: result["result"] ?? "" }],
    id: textOf(result["session_id"]),
    outcome: outcomeOf([], result),
    extra: without(result, new Set(["result"])),
    notes: [
      { code: "result-only", message: "The file holds the run's last words and costs alone, not its turns." },
    ],
  });
}

/** Sessions of Claude Code as it keeps them and as it streams them, and of the agents that write the same lines. */
export const claudeCode = draftedFormat({
  id: "claude-code",
  title: "Claude Code sessions",
  source:
    "Claude Code ~/.claude/projects/*/*.jsonl and `--output-format stream-json`; Qwen Code chats/*.jsonl; Cursor's agent `--output-format stream-json`",
  containers: ["json", "text"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,

  detect(head) {
    const line = firstLineOf(head);
    if (line !== undefined)
      return isLine(line)
        ? { confidence: 0.9, reason: `a line of a session, of type ${textOf(line["type"]) ?? ""}` }
        : undefined;
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (row["type"] === "result" && isLine(row)) return { confidence: 0.85, reason: "the result of a run" };
    const first = isList(row["loglines"]) ? row["loglines"].find(isObject) : undefined;
    return first !== undefined && isTurn(first)
      ? { confidence: 0.8, reason: "loglines of an exported session" }
      : undefined;
  },

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const { lines, others } = linesOf(documentLines(value));
    const threads = threadsOf(lines);
    const alone = lines.length === 1 ? lines[0] : undefined;
    if (alone !== undefined && textOf(alone["result"]) !== undefined && !isTurn(alone))
      return [resultDraft(alone)];
    if (threads.every(({ lines: own }) => !own.some(isTurn)))
      throw new Failure(
        "missing-field",
        "The session holds no turn of a user or of the model.",
        "Wait for it to begin, or check the file.",
      );
    const asides = [
      ...lines.filter(
        (line) =>
          !isTurn(line) &&
          asideMessage(line) === undefined &&
          !["tool_call", "thinking"].includes(textOf(line["type"]) ?? ""),
      ),
      ...others,
    ];
    return threads
      .filter(({ lines: own }) => own.some(isTurn))
      .map((thread, index): TrajectoryDraft => {
        const shared = sharedFields(thread.lines, SESSION_FIELDS);
        const id = textOf(shared["sessionId"]) ?? textOf(shared["session_id"]);
        const summary = lines.find(
          (line) => line["type"] === "summary" && thread.lines.some(({ uuid }) => uuid === line["leafUuid"]),
        );
        const own = (line: JsonObject): boolean =>
          id === undefined || (line["session_id"] ?? line["sessionId"] ?? id) === id;
        const result = lines.findLast((line) => line["type"] === "result" && own(line));
        const ways = threads.filter((one) => one.agent === undefined && one.lines.some(own)).length;
        return sessionDraft({
          // Ways that one session went are a group, so that its tree shows where they part.
          groupKey: thread.agent === undefined && ways > 1 ? id : undefined,
          messages: messagesOfLines(thread.lines, shared),
          id: thread.agent === undefined ? id : `${id ?? ""}/${thread.agent}`,
          label: thread.agent === undefined ? undefined : "sub-agent",
          parentId: thread.agent === undefined ? undefined : id,
          outcome: outcomeOf(thread.lines, thread.agent === undefined ? result : undefined),
          extra: {
            ...shared,
            ...given("summary", summary?.["summary"]),
            ...(index === 0 && asides.length > 0 ? { other_entries: asides } : {}),
          },
          notes: thread.notes,
          graded: thread.agent === undefined ? gradeOfTrial(context.path, context.companions) : undefined,
        });
      });
  },
});
