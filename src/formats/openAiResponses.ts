import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, textOf, titleOf, without } from "./jsonFields";
import { responseSteps } from "./nemoGym";
import { outcomeOfRow } from "./outcomeFields";
import { unpacked } from "./spanMessages";
import { writeAheadLog } from "./writeAheadLog";
import type { Tables } from "./format";

const ITEM_TYPES = new Set(["message", "reasoning", "function_call", "function_call_output"]);

/** The response of a row: itself, under `response`, or the body of a line that the Batch API wrote. */
function responseOf(row: JsonObject): JsonObject | undefined {
  const inner = isObject(row["response"]) ? row["response"] : row;
  const own = isObject(inner["body"]) ? inner["body"] : inner;
  return own["object"] === "response" && isList(own["output"]) ? own : undefined;
}

function draftOf(
  input: JsonValue | undefined,
  output: JsonValue | undefined,
  more: Partial<TrajectoryDraft>,
): TrajectoryDraft {
  const steps = responseSteps(input, output);
  const prompt = steps.find((step) => step.role === "user")?.observation;
  return {
    title: titleOf(prompt ?? steps[0]?.action ?? ""),
    task: { ...given("prompt", prompt) },
    steps,
    outcome: { components: {} },
    extra: {},
    notes: [],
    ...more,
  };
}

const RESPONSE = new Set(["output", "input"]);

/** Responses of OpenAI's Responses API, bare, beside their request, or as lines of the Batch API. */
export const openAiResponses = draftedFormat({
  id: "openai-responses",
  title: "OpenAI responses",
  source: "OpenAI Responses API: objects {object: response, output}, with their request where it was kept",
  containers: ["json", "jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && responseOf(row) !== undefined
      ? { confidence: 0.8, reason: "an object `response` with a list of output items" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const response = responseOf(row);
    if (response === undefined)
      throw new Failure(
        "missing-field",
        "The record holds no response.",
        "Check that it is of the Responses API.",
      );
    const request = [row["request"], row["responses_create_params"], row["params"]].find(isObject);
    const asked = request?.["input"] ?? row["input"] ?? response["input"];
    const instructions = textOf(response["instructions"]) ?? textOf(request?.["instructions"]);
    const items =
      typeof asked === "string"
        ? [{ type: "message", role: "user", content: asked }]
        : isList(asked)
          ? asked
          : [];
    const before =
      instructions === undefined ? [] : [{ type: "message", role: "system", content: instructions }];
    const incomplete = isObject(response["incomplete_details"])
      ? textOf(response["incomplete_details"]["reason"])
      : undefined;
    const status = textOf(response["status"]);
    return [
      draftOf([...before, ...items], response["output"], {
        ...given("ownId", textOf(row["custom_id"]) ?? textOf(response["id"])),
        outcome: {
          ...(row === response ? { components: {} } : outcomeOfRow(row, new Set(["response", "request"]))),
          ...given("stopReason", incomplete ?? status),
          ...(incomplete === undefined ? {} : { truncated: incomplete === "max_output_tokens" }),
        },
        extra: {
          ...without(response, RESPONSE),
          ...(row === response ? {} : { row: without(row, new Set(["response", "input"])) }),
        },
      }),
    ];
  },
});

function isItem(value: JsonValue | undefined): value is JsonObject {
  if (!isObject(value) || !ITEM_TYPES.has(textOf(value["type"]) ?? "")) return false;
  const part = isList(value["content"]) ? value["content"][0] : undefined;
  return (
    "call_id" in value ||
    value["type"] === "reasoning" ||
    (value["type"] === "message" &&
      (typeof value["content"] === "string" || isObject(part)) &&
      "role" in value)
  );
}

const isSessions = (tables: Tables): boolean =>
  ["session_id", "message_data"].every((name) =>
    (tables.get("agent_messages") ?? []).some((column) => column.name === name),
  ) && tables.has("agent_sessions");

/** One conversation as a list of the Responses API's items. */
export const openAiItems = draftedFormat({
  id: "openai-items",
  title: "OpenAI response items",
  source:
    "OpenAI Responses API and Agents SDK: a list of message, reasoning, function_call, function_call_output items; the SDK's SQLiteSession",
  containers: ["json", "sqlite"],
  wholeDocument: true,
  grouping: "none",
  nativeTree: false,
  plainCompanions: writeAheadLog,

  detect(head) {
    if (head.tables !== undefined)
      return isSessions(head.tables)
        ? { confidence: 0.9, reason: "tables agent_sessions and agent_messages" }
        : undefined;
    return head.array === true && isItem(head.firstRecord)
      ? { confidence: 0.5, reason: "a list of the Responses API's items" }
      : undefined;
  },

  databaseRecords: (tables) =>
    isSessions(tables)
      ? {
          records: "SELECT session_id AS key FROM agent_sessions ORDER BY created_at, session_id",
          lists: { items: "SELECT message_data FROM agent_messages WHERE session_id = ?1 ORDER BY id" },
        }
      : undefined,

  drafts(record) {
    const value = record.kind === "value" ? record.value : null;
    const session = isObject(value) ? value : undefined;
    const stored = isList(session?.["items"]) ? session["items"].filter(isObject) : [];
    const listed = session === undefined ? value : stored.map((row) => unpacked(row["message_data"]) ?? null);
    // Without a type, an item is a message.
    const items = (isList(listed) ? listed.filter(isObject) : []).map((item) =>
      "type" in item || !("role" in item) ? item : { type: "message", ...item },
    );
    // What stands before the model's first item was its input.
    const first = items.findIndex((item) => item["type"] !== "message" || item["role"] === "assistant");
    const end = first < 0 ? items.length : first;
    if (items.length === 0)
      throw new Failure("unfit-record", "The document is not a list of items.", "Check the file.");
    return [draftOf(items.slice(0, end), items.slice(end), { ...given("ownId", textOf(session?.["key"])) })];
  },
});
