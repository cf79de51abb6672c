import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { addNumbers, firstLineOf, linesOf, sessionDraft } from "./agentSession";
import { itemOfEvent, itemsOfThreadItem } from "./codexEvents";
import { messagesOfItems } from "./codexItems";
import { draftedFormat, given } from "./draft";
import { isList, isObject, textOf, without } from "./jsonFields";
import { gradeOfTrial, sessionDataset, trialCompanions } from "./sessionTrial";

const ENTRY_TYPES = new Set(["session_meta", "response_item", "event_msg", "turn_context", "compacted"]);
const ITEM = /^(?:message|reasoning|(?:\w+_)?call|\w+_call_output)$/;

const TOKENS = {
  input_tokens: "input_tokens",
  cached_input_tokens: "cached_input_tokens",
  output_tokens: "output_tokens",
  reasoning_output_tokens: "reasoning_output_tokens",
};

const isEntry = (line: JsonObject): boolean =>
  ENTRY_TYPES.has(textOf(line["type"]) ?? "") && isObject(line["payload"]);
const isStreamed = (line: JsonObject): boolean =>
  line["type"] === "thread.started"
    ? "thread_id" in line
    : /^item\.(?:started|updated|completed)$/.test(textOf(line["type"]) ?? "") && isObject(line["item"]);
const isEvent = (line: JsonObject): boolean =>
  "id" in line && isObject(line["msg"]) && typeof line["msg"]["type"] === "string";
/** The first line of rollouts before they had types. */
const isOldHeader = (line: JsonObject): boolean =>
  ["id", "timestamp", "instructions"].every((name) => name in line) && !("type" in line) && !("role" in line);

/** What the lines of a session say, sorted by what they are to a reader. */
interface Entries {
  readonly items: JsonObject[];
  readonly events: JsonObject[];
  readonly meta: JsonObject[];
  readonly contexts: JsonObject[];
  readonly usages: JsonValue[];
  readonly total?: JsonValue | undefined;
  readonly stop?: string | undefined;
  readonly others: JsonValue[];
}

/** Events that items repeat, or that only tell how far the program is. */
const PROGRESS = /^(?:turn\.started|turn\.completed|thread\.started)$/;

function sorted(lines: readonly JsonObject[]): Entries {
  const items: JsonObject[] = [];
  const events: JsonObject[] = [];
  const meta: JsonObject[] = [];
  const contexts: JsonObject[] = [];
  const usages: JsonValue[] = [];
  const others: JsonValue[] = [];
  let total: JsonValue | undefined;
  let stop: string | undefined;
  const stamped = (line: JsonObject, item: JsonObject): JsonObject =>
    line["timestamp"] === undefined ? item : { timestamp: line["timestamp"], ...item };
  const event = (line: JsonObject, own: JsonObject): void => {
    const type = textOf(own["type"]) ?? "";
    const item = itemOfEvent(own);
    if (item !== undefined) events.push(stamped(line, item));
    const info = isObject(own["info"]) ? own["info"] : own;
    if (type === "token_count") total = info["total_token_usage"] ?? ("input_tokens" in info ? info : total);
    if (/^(?:task_complete|turn_complete|turn_aborted|error)$/.test(type))
      stop = textOf(own["reason"]) ?? (type === "error" ? (textOf(own["message"]) ?? type) : type);
    if (item === undefined && type !== "token_count") others.push(line);
  };
  const ended = new Set(
    lines.flatMap((line) =>
      line["type"] === "item.completed" && isObject(line["item"]) ? [textOf(line["item"]["id"])] : [],
    ),
  );
  for (const line of lines) {
    const type = textOf(line["type"]) ?? "";
    const payload = isObject(line["payload"]) ? line["payload"] : undefined;
    if (isOldHeader(line)) meta.push(line);
    else if (type === "session_meta" && payload !== undefined)
      meta.push({ ...without(line, new Set(["type", "payload", "timestamp"])), ...payload });
    else if (type === "turn_context" && payload !== undefined) contexts.push(payload);
    else if (type === "response_item" && payload !== undefined) items.push(stamped(line, payload));
    else if (type === "compacted" && payload !== undefined)
      items.push(
        stamped(line, {
          ...without(payload, new Set(["message"])),
          type: "message",
          role: "environment",
          content: payload["message"] ?? "",
        }),
      );
    else if (type === "event_msg" && payload !== undefined) event(line, payload);
    else if (isEvent(line) && isObject(line["msg"])) event(line, line["msg"]);
    else if (isStreamed(line) && isObject(line["item"])) {
      const repeated =
        type !== "item.completed" && (ended.has(textOf(line["item"]["id"])) || type === "item.updated");
      if (!repeated) items.push(...itemsOfThreadItem(line["item"]));
    } else if (ITEM.test(type) && !("payload" in line)) items.push(line);
    else if (typeof line["prompt"] === "string" && Object.keys(line).length === 1)
      events.push({ type: "message", role: "user", content: line["prompt"] });
    else {
      if (type === "turn.completed" && line["usage"] !== undefined) usages.push(line["usage"]);
      if (type === "turn.completed" || type === "turn.failed") stop = type;
      if (type === "thread.started") meta.push({ id: line["thread_id"] ?? null });
      if (!PROGRESS.test(type)) others.push(line);
    }
  }
  return { items, events, meta, contexts, usages, total, stop, others };
}

function instructionsOf(meta: JsonObject | undefined): string | undefined {
  const base = meta?.["base_instructions"];
  const text = textOf(meta?.["instructions"]) ?? (isObject(base) ? textOf(base["text"]) : textOf(base));
  return text === "" ? undefined : text;
}

/** The session that this one was started by, or copied from. */
function parentOf(meta: JsonObject | undefined): string | undefined {
  const source = isObject(meta?.["source"]) ? meta["source"]["subagent"] : undefined;
  const spawn = isObject(source) ? source["thread_spawn"] : undefined;
  return (
    textOf(meta?.["forked_from_id"]) ?? (isObject(spawn) ? textOf(spawn["parent_thread_id"]) : undefined)
  );
}

/** Sessions of OpenAI's Codex: the rollouts that it keeps, and what `codex exec --json` prints. */
export const codex = draftedFormat({
  id: "codex",
  title: "Codex sessions",
  source:
    "OpenAI Codex ~/.codex/sessions/**/rollout-*.jsonl (also before they had types) and `codex exec --json`",
  containers: ["json", "text"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: trialCompanions,
  datasetPath: sessionDataset,

  detect(head) {
    const row = firstLineOf(head);
    const whole = head.firstRecord;
    // The program's first rollouts were one document.
    if (row === undefined)
      return isObject(whole) &&
        isObject(whole["session"]) &&
        isOldHeader(whole["session"]) &&
        isList(whole["items"])
        ? { confidence: 0.85, reason: "a session with its items" }
        : undefined;
    if (isEntry(row))
      return { confidence: 0.9, reason: `a line of type ${textOf(row["type"]) ?? ""} with its payload` };
    if (isStreamed(row)) return { confidence: 0.9, reason: "events of a thread" };
    if (isOldHeader(row))
      return { confidence: 0.8, reason: "a rollout's first line: id, timestamp, instructions" };
    return isEvent(row) ? { confidence: 0.5, reason: "events with an id and a typed msg" } : undefined;
  },

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const whole =
      isObject(value) && isObject(value["session"])
        ? [value["session"], ...(isList(value["items"]) ? value["items"] : [])]
        : value;
    const { lines, others } = linesOf(whole);
    const entries = sorted(lines);
    const { items, events } = entries;
    // The program's events repeat the items; they are all there is where it printed no items.
    const spoken = items.some((item) => item["type"] !== "message" || item["role"] === "assistant")
      ? items
      : [...events];
    const asked = spoken.some((item) => item["role"] === "user")
      ? []
      : events.filter((item) => item["role"] === "user").slice(0, 1);
    const meta = entries.meta[0];
    const instructions = instructionsOf(meta);
    const messages = messagesOfItems([
      ...(instructions === undefined ? [] : [{ type: "message", role: "system", content: instructions }]),
      ...asked,
      ...(spoken.length === 0 ? items : spoken),
    ]);
    if (messages.every((message) => message["role"] === "system"))
      throw new Failure(
        "missing-field",
        "The session holds no turn.",
        "Wait for it to begin, or check the file.",
      );
    const components: Record<string, number | null> = {};
    if (entries.total !== undefined) addNumbers(components, entries.total, TOKENS);
    else for (const usage of entries.usages) addNumbers(components, usage, TOKENS);
    const outcome: Outcome = { ...given("stopReason", entries.stop), components };
    return [
      sessionDraft({
        messages,
        id: textOf(meta?.["id"]),
        parentId: parentOf(meta),
        outcome,
        graded: gradeOfTrial(context.path, context.companions),
        extra: {
          ...(meta === undefined
            ? {}
            : { session_meta: without(meta, new Set(["base_instructions", "instructions"])) }),
          ...given("model", entries.contexts[0]?.["model"]),
          ...(entries.contexts.length === 0 ? {} : { turn_contexts: entries.contexts }),
          ...(entries.others.length + others.length === 0
            ? {}
            : { other_entries: [...entries.others, ...others] }),
        },
      }),
    ];
  },
});
