import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Note } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isList, isObject, recordedNumber, textOf } from "./jsonFields";
import { conversationDraft, EVENT_KINDS, eventsOf } from "./openHands";

/** V1 names its files by number and id, V0 by number alone. */
const V1_FILE = /^event-(\d+)-.+\.json$/;
const V0_FILE = /^(\d+)\.json$/;
const STATE = "../base_state.json";

/** The event files of a folder with their numbers, in order; V1's where there are both. */
function eventFiles(siblings: readonly string[]): readonly (readonly [number, string])[] {
  for (const pattern of [V1_FILE, V0_FILE]) {
    const files = siblings.flatMap((name): (readonly [number, string])[] => {
      const number = pattern.exec(name)?.[1];
      return number === undefined ? [] : [[Number(number), name]];
    });
    if (files.length > 0) return files.sort(([a, left], [b, right]) => a - b || (left < right ? -1 : 1));
  }
  return [];
}

/** An event of either version: V1's name their kind, V0's are an action or an observation with a number as id. */
function isEvent(value: JsonObject): boolean {
  if (EVENT_KINDS.has(textOf(value["kind"]) ?? "")) return "source" in value || "timestamp" in value;
  return (
    typeof value["id"] === "number" &&
    "timestamp" in value &&
    "source" in value &&
    ("action" in value || "observation" in value)
  );
}

const nameOf = (path: string): string => /[^/\\]*$/.exec(path)?.[0] ?? path;

/** Cost and statistics that the state file of V1 keeps. */
function costOf(state: JsonObject): number | null | undefined {
  const stats = isObject(state["stats"]) ? state["stats"] : {};
  const usages = isObject(stats["usage_to_metrics"])
    ? stats["usage_to_metrics"]
    : isObject(stats["service_to_metrics"])
      ? stats["service_to_metrics"]
      : {};
  const costs = Object.values(usages).flatMap((usage) => {
    const cost = isObject(usage) ? recordedNumber(usage["accumulated_cost"]) : undefined;
    return typeof cost === "number" ? [cost] : [];
  });
  return costs.length === 0 ? undefined : costs.reduce((sum, cost) => sum + cost, 0);
}

/** An OpenHands conversation as it lies on disk: a folder with one file an event. */
export const openHandsConversation = draftedFormat({
  id: "openhands-conversation",
  title: "OpenHands conversation",
  source:
    "All-Hands-AI/OpenHands sessions/*/events and software-agent-sdk conversations/*/events, one file an event",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const event = head.firstRecord;
    if (head.array === true || !isObject(event) || !isEvent(event)) return undefined;
    const files = eventFiles(head.siblings);
    return files.some(([, name]) => name === nameOf(head.path))
      ? { confidence: 0.95, reason: `one of ${files.length} event files of a conversation` }
      : undefined;
  },

  folderFiles: (siblings) => eventFiles(siblings).map(([, name]) => name),

  companions: () => [STATE],

  /** `.../events` is one conversation; the conversations of a workspace are one dataset. */
  datasetPath: (path) =>
    path
      .replace(/[/\\][^/\\]+(?:[/\\]event_service)?[/\\]events[/\\][^/\\]+$/, "")
      .replace(/[/\\][^/\\]+\.json$/, ""),

  notes(head): Note[] {
    const numbers = eventFiles(head.siblings).map(([number]) => number);
    const last = numbers.at(-1) ?? -1;
    const held = new Set(numbers);
    const missing: number[] = [];
    for (let number = 0; number < last && missing.length <= 10 && last < 1_000_000; number++)
      if (!held.has(number)) missing.push(number);
    return missing.length === 0
      ? []
      : [
          {
            code: "missing-events",
            message: `The conversation has no file for ${missing.length > 10 ? "more than 10 of its events, the first of them" : "event"} ${missing.slice(0, 10).join(", ")}.`,
            where: head.path,
          },
        ];
  },

  drafts(record, context) {
    if (record.kind !== "value" || !(isList(record.value) || isObject(record.value)))
      throw new Failure(
        "unfit-record",
        "The folder holds no events.",
        "Check that it is an OpenHands conversation.",
      );
    const events = eventsOf(isList(record.value) ? record.value : [record.value]);
    const known = context.companions?.get(STATE);
    const state = isObject(known) ? known : {};
    const cost = costOf(state);
    const finish = events.findLast(
      (event) => textOf(event["action"]) === "finish" || textOf(event["tool_name"]) === "finish",
    );
    const status = textOf(state["execution_status"]) ?? textOf(state["agent_status"]);
    return [
      conversationDraft(events, {
        ...given("ownId", textOf(state["id"])),
        outcome: {
          ...given("stopReason", status ?? (finish === undefined ? undefined : "finish")),
          components: cost === undefined ? {} : { accumulated_cost: cost },
        },
        extra: isObject(known) ? { state: known } : {},
      }),
    ];
  },
});
