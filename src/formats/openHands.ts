import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, ToolCall } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { contentOf, toolCallsOf } from "./messages";

/** Kinds of the V1 SDK's events by which its files are known. */
export const EVENT_KINDS: ReadonlySet<string> = new Set([
  "SystemPromptEvent",
  "MessageEvent",
  "ActionEvent",
  "ObservationEvent",
  "AgentErrorEvent",
  "UserRejectObservation",
  "ConversationStateUpdateEvent",
  "Condensation",
  "CondensationRequest",
  "CondensationSummaryEvent",
  "ConversationErrorEvent",
  "HookExecutionEvent",
  "LLMCompletionLogEvent",
  "TokenEvent",
  "PauseEvent",
]);

/** 2024 histories are pairs of an action and what was observed; later ones are one list of events. */
export function eventsOf(history: JsonValue | undefined): readonly JsonObject[] {
  if (!isList(history)) return [];
  return history.flatMap((item) => (isList(item) ? item.filter(isObject) : isObject(item) ? [item] : []));
}

/** An event of the V1 SDK, which names its kind. */
function kindStep(event: JsonObject, index: number): Step | undefined {
  const kind = textOf(event["kind"]);
  if (kind === "SystemPromptEvent")
    return { index, role: "system", kind: "prompt", observation: contentOf(event["system_prompt"]).text };
  if (kind === "MessageEvent") {
    const message = isObject(event["llm_message"]) ? event["llm_message"] : {};
    const { text, media } = contentOf(message["content"]);
    const user = textOf(event["source"]) !== "agent";
    return user
      ? { index, role: "user", kind: "observe", observation: text, ...(media.length === 0 ? {} : { media }) }
      : { index, role: "assistant", kind: "answer", action: text };
  }
  if (kind === "ActionEvent") {
    const thought = [textOf(event["reasoning_content"]), contentOf(event["thought"]).text]
      .filter((part) => part !== undefined && part !== "")
      .join("\n");
    const calls = toolCallsOf(event["tool_call"]);
    const own: readonly ToolCall[] =
      calls.length > 0
        ? calls
        : [{ name: textOf(event["tool_name"]) ?? "", arguments: event["action"] ?? null }];
    return {
      index,
      role: "assistant",
      kind: "act",
      ...(thought === "" ? {} : { thought }),
      action: "",
      toolCalls: own,
      extra: without(
        event,
        new Set(["kind", "thought", "reasoning_content", "tool_call", "thinking_blocks"]),
      ),
    };
  }
  if (kind === "ObservationEvent" || kind === "AgentErrorEvent" || kind === "UserRejectObservation") {
    const observation = isObject(event["observation"]) ? event["observation"] : event;
    const text = contentOf(
      observation["content"] ?? observation["output"] ?? observation["error"] ?? observation["command"],
    ).text;
    return {
      index,
      role: "tool",
      kind: "observe",
      observation: text,
      extra: without(event, new Set(["kind", "observation"])),
    };
  }
  if (kind === "Condensation" || kind === "CondensationSummaryEvent") {
    const summary = textOf(event["summary"]);
    return summary === undefined
      ? undefined
      : {
          index,
          role: "environment",
          kind: "observe",
          observation: summary,
          extra: without(event, new Set(["summary"])),
        };
  }
  return undefined;
}

/** An event as the trajectory visualiser's own samples have it. */
function actorStep(event: JsonObject, index: number): Step {
  const text = contentOf(event["content"]).text;
  const type = textOf(event["type"]);
  const actor = (textOf(event["actorType"]) ?? "").toLowerCase();
  if (actor === "user") return { index, role: "user", kind: "observe", observation: text };
  if (actor !== "assistant" && actor !== "agent")
    return { index, role: "environment", kind: "observe", observation: text };
  if (type === "thought") return { index, role: "assistant", kind: "think", thought: text };
  const command = textOf(event["command"]);
  return {
    index,
    role: "assistant",
    kind: type === "message" ? "answer" : "act",
    action: text,
    ...(command === undefined ? {} : { toolCalls: [{ name: type ?? "command", arguments: command }] }),
  };
}

/** An event of V0, which is an action or an observation. */
function plainStep(event: JsonObject, index: number): Step | undefined {
  const source = textOf(event["source"]);
  const action = textOf(event["action"]);
  const args = isObject(event["args"]) ? event["args"] : event;
  if (action !== undefined) {
    const thought = textOf(args["thought"]);
    const text =
      textOf(args["content"]) ??
      textOf(args["command"]) ??
      textOf(args["code"]) ??
      textOf(event["message"]) ??
      "";
    if (action === "system") return { index, role: "system", kind: "prompt", observation: text };
    if (action === "message" && source !== "agent")
      return { index, role: "user", kind: "observe", observation: text };
    if (source === "user" || action === "recall")
      return { index, role: "environment", kind: "observe", observation: text };
    const answer = action === "message" || action === "finish";
    return {
      index,
      role: "assistant",
      kind: answer ? "answer" : "act",
      ...(thought === undefined || thought === "" ? {} : { thought }),
      action: text,
      ...(answer ? {} : { toolCalls: [{ name: action, arguments: without(args, new Set(["thought"])) }] }),
    };
  }
  if (event["observation"] !== undefined) {
    const text = contentOf(event["content"]).text;
    // Empty observations only acknowledge a message.
    return text === "" && event["observation"] === "null"
      ? undefined
      : {
          index,
          role: "tool",
          kind: "observe",
          observation: text,
          ...given("extra", isObject(event["extras"]) ? event["extras"] : undefined),
        };
  }
  return undefined;
}

function stepsOf(events: readonly JsonObject[]): {
  readonly steps: readonly Step[];
  readonly others: readonly JsonObject[];
} {
  const steps: Step[] = [];
  const others: JsonObject[] = [];
  for (const event of events) {
    const step =
      "kind" in event
        ? kindStep(event, steps.length)
        : "actorType" in event
          ? actorStep(event, steps.length)
          : plainStep(event, steps.length);
    if (step !== undefined) steps.push(step);
    else others.push(event);
  }
  const firstWord = steps.findIndex((step) => step.role === "assistant");
  return {
    steps: steps.map((step, index) =>
      index < (firstWord < 0 ? steps.length : firstWord) ? { ...step, kind: "prompt" } : step,
    ),
    others,
  };
}

/** A conversation from its events; those that are no step (state updates, token ids, pauses) stay visible as `other_events`. */
export function conversationDraft(
  events: readonly JsonObject[],
  more: Partial<TrajectoryDraft>,
): TrajectoryDraft {
  const { steps, others } = stepsOf(events);
  const prompt = steps.find((step) => step.role === "user")?.observation;
  return {
    title: titleOf(prompt ?? ""),
    task: { ...given("prompt", prompt) },
    steps,
    outcome: { components: {} },
    notes: [],
    ...more,
    extra: { ...more.extra, ...(others.length === 0 ? {} : { other_events: others }) },
  };
}

/** OpenHands benchmark outputs: one row an instance, its history a list of events (or of pairs, in 2024). */
export const openHandsOutput = draftedFormat({
  id: "openhands-output",
  title: "OpenHands outputs",
  source: "All-Hands-AI/OpenHands evaluation, output.jsonl and output.critic_attempt_N.jsonl",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["history"])) return undefined;
    const events = eventsOf(row["history"]);
    if (
      !events.some(
        (event) =>
          "action" in event ||
          "observation" in event ||
          "actorType" in event ||
          EVENT_KINDS.has(textOf(event["kind"]) ?? ""),
      )
    )
      return undefined;
    const known = ["instance_id", "test_result", "metadata", "instruction", "metrics", "git_patch"].filter(
      (key) => key in row,
    );
    if (known.length === 0 && events.every((event) => "source" in event || "kind" in event))
      return { confidence: 0.6, reason: "a history of events with a source" };
    return known.length >= 1
      ? {
          confidence: "trajectory" in row ? 0.3 : 0.85,
          reason: `history of events, with ${known.join(", ")}`,
        }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    if (!isList(row["history"]))
      throw new Failure(
        "missing-field",
        "The row has no `history`.",
        "Check that the file is an OpenHands output.",
      );
    const result = isObject(row["test_result"]) ? row["test_result"] : {};
    const report = isObject(row["report"])
      ? row["report"]
      : isObject(result["report"])
        ? result["report"]
        : {};
    const success =
      recordedFlag(report["resolved"]) ??
      recordedFlag(result["result"]) ??
      recordedFlag(row["correct"]) ??
      recordedFlag(row["success"]);
    const metrics = isObject(row["metrics"]) ? row["metrics"] : {};
    const cost = recordedNumber(metrics["accumulated_cost"]);
    const id =
      textOf(row["instance_id"]) ??
      textOf(row["id"]) ??
      (row["question_id"] === undefined ? undefined : String(row["question_id"]));
    const stopReason = textOf(row["error"]);
    return [
      conversationDraft(eventsOf(row["history"]), {
        ...given("ownId", id),
        ...given("groupKey", id),
        outcome: {
          ...given("success", success),
          ...given("stopReason", stopReason),
          components: cost === undefined ? {} : { accumulated_cost: cost },
        },
        extra: without(row, new Set(["history"])),
      }),
    ];
  },
});

/** One OpenHands conversation as a JSON list of events. */
export const openHandsEvents = draftedFormat({
  id: "openhands-events",
  title: "OpenHands events",
  source: "All-Hands-AI/OpenHands and software-agent-sdk, a list of events",
  containers: ["json"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const first = head.firstRecord;
    if (head.array !== true || !isObject(first)) return undefined;
    if (EVENT_KINDS.has(textOf(first["kind"]) ?? ""))
      return { confidence: 0.9, reason: "events with a kind" };
    return "timestamp" in first && "source" in first && ("action" in first || "observation" in first)
      ? { confidence: 0.7, reason: "events with a source, and an action or observation" }
      : undefined;
  },

  drafts(record) {
    if (record.kind !== "value" || !isList(record.value))
      throw new Failure("unfit-record", "The document is not a list of events.", "Check the file.");
    return [conversationDraft(eventsOf(record.value), {})];
  },
});
