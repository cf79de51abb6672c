import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft, promptKey } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FormatRecord, RecordContext } from "./format";
import { isList, isObject, recordedNumber, textOf, wholeNumber, without } from "./jsonFields";
import { messagesFrom, unpacked } from "./spanMessages";
import { spanOfAttributes } from "./spanAttributes";
import { traceDrafts, type Span } from "./spanTrace";

const timeOf = (value: JsonValue | undefined): string =>
  typeof value === "number"
    ? String(Math.round(value * 1e9))
    : value === undefined || value === null
      ? ""
      : String(value);

function attemptOf(row: JsonObject): string {
  return [row["rollout_id"], row["attempt_id"]]
    .filter((part) => part !== undefined && part !== null)
    .map(String)
    .join("/");
}

/** The reward that a span records: version by version under another name, or as JSON in the span's output. */
function rewardOf(name: string, attributes: JsonObject): number | null | undefined {
  for (const [key, value] of Object.entries(attributes))
    if (/(?:^|[._])reward(?:[._]value)?$/.test(key)) {
      const number = recordedNumber(value);
      if (number !== undefined) return number;
    }
  if (!/reward/i.test(name)) return undefined;
  for (const key of ["value", "agentops.task.output", "output.value", "output"]) {
    const known = unpacked(attributes[key]);
    const number = recordedNumber(isObject(known) ? (known["value"] ?? known["reward"]) : known);
    if (number !== undefined) return number;
  }
  return undefined;
}

/** A span of version 0, or an event of version 1. */
function spanOf(row: JsonObject, index: number): Span {
  const trace = attemptOf(row);
  const event = textOf(row["event_type"]);
  if (event !== undefined) {
    const data = isObject(row["data"]) ? row["data"] : {};
    const reward = event === "reward" ? recordedNumber(data["reward"] ?? data["value"]) : undefined;
    const time = timeOf(row["timestamp"]);
    const request = data["request"] ?? data["messages"] ?? data["input"];
    const response = data["response"] ?? data["output"];
    return {
      id: String(index),
      parent: undefined,
      trace,
      name: event,
      kind: event === "model_request" ? "model" : "other",
      start: time,
      end: time,
      input: event === "model_request" ? messagesFrom(request, "user") : [],
      output: event === "model_request" ? messagesFrom(response, "assistant") : [],
      attributes:
        event === "model_request"
          ? without(data, new Set(["request", "messages", "input", "response", "output"]))
          : data,
      ...(reward === undefined ? {} : { scores: { reward } }),
    };
  }
  const attributes = isObject(row["attributes"]) ? row["attributes"] : {};
  const name = textOf(row["name"]) ?? "";
  const reward = rewardOf(name, attributes);
  const status = isObject(row["status"]) ? row["status"] : {};
  const span = spanOfAttributes({
    id: textOf(row["span_id"]) ?? String(index),
    parent: textOf(row["parent_id"]),
    trace,
    name,
    start: timeOf(row["start_time"]),
    end: timeOf(row["end_time"]),
    error: status["status_code"] === "ERROR" ? (textOf(status["description"]) ?? "error") : undefined,
    attributes,
    events: (isList(row["events"]) ? row["events"].filter(isObject) : []).map((one) => ({
      name: textOf(one["name"]) ?? "",
      attributes: isObject(one["attributes"]) ? one["attributes"] : {},
    })),
    resource: {},
  });
  return reward === undefined ? span : { ...span, scores: { ...span.scores, reward } };
}

function rowsOf(record: FormatRecord): readonly JsonObject[] {
  const value = record.kind === "value" ? record.value : null;
  // What stands among the rows without a rollout is none of them: a header, an error.
  return (isList(value) ? value : [value]).filter(isObject).filter((row) => "rollout_id" in row);
}

/** Agent Lightning's spans and events: those of one attempt at a rollout are one trajectory. */
export const agentLightning = draftedFormat({
  id: "agent-lightning",
  title: "Agent Lightning rollouts",
  source: "microsoft/agent-lightning: spans with rollout_id and attempt_id (v0), events (v1)",
  containers: ["jsonl", "json"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !("rollout_id" in row) || !("attempt_id" in row)) return undefined;
    if ("span_id" in row && isObject(row["attributes"]))
      return { confidence: 0.95, reason: "spans with rollout_id and attempt_id" };
    return "event_type" in row && "data" in row
      ? { confidence: 0.95, reason: "events with rollout_id, attempt_id, event_type, data" }
      : undefined;
  },

  drafts(record) {
    const rows = rowsOf(record);
    if (rows.length === 0)
      throw new Failure(
        "missing-field",
        "The file holds no spans or events.",
        "Check that it is Agent Lightning's.",
      );
    const ids = new Map(rows.map((row) => [attemptOf(row), row["rollout_id"]]));
    // Scores of later spans replace earlier ones, so the last reward is the rollout's.
    return traceDrafts(rows.map(spanOf), (trace) => ({ groupKey: String(ids.get(trace) ?? trace) }));
  },
});

const ROW_KEYS = ["rollout_id", "reward", "prompt", "response"] as const;

const isRow = (value: JsonValue | undefined): boolean =>
  isObject(value) && ROW_KEYS.every((key) => key in value);

function rowDraft(row: JsonObject, context: RecordContext): TrajectoryDraft {
  const draft = completionDraft(row["prompt"], row["response"]);
  if (draft === undefined)
    throw new Failure(
      "missing-field",
      "The row has no prompt and response.",
      "Check that it is Agent Lightning's.",
    );
  const reward = recordedNumber(row["reward"]);
  const place = `${context.path}/${context.member ?? ""}`;
  const step = /step_(\d+)/.exec(place)?.[1];
  const split = /(train|validation|val|test)_trajectories/.exec(place)?.[1];
  return {
    ...draft,
    ownId: String(row["rollout_id"]),
    groupKey: promptKey(row["prompt"]),
    groupGuess: "rows of one step with the same prompt",
    ...given("trainingStep", wholeNumber(row["step"]) ?? (step === undefined ? undefined : Number(step))),
    ...given("split", split),
    outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "reward" }), components: {} },
    extra: without(row, new Set(["prompt", "response", "reward"])),
  };
}

/** Rows of Agent Lightning's W&B artifacts: one a rollout, as JSON lines or zipped as they are uploaded. */
export const agentLightningRows = draftedFormat({
  id: "agent-lightning-rows",
  title: "Agent Lightning trajectories",
  source: "microsoft/agent-lightning, W&B artifacts step_{N}/{train|validation}_trajectories.jsonl.zip",
  containers: ["jsonl", "zip"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const first =
      head.container === "zip"
        ? [...(head.companions?.values() ?? [])].flatMap((rows) =>
            isList(rows) ? rows.slice(0, 1) : [rows],
          )[0]
        : head.firstRecord;
    return isRow(first)
      ? { confidence: 0.9, reason: "keys rollout_id, reward, prompt, response" }
      : undefined;
  },

  archiveMembers: (names) => names.filter((name) => name.endsWith(".jsonl")),

  companions: (_path, _siblings, archive) => archive.filter((name) => name.endsWith(".jsonl")).slice(0, 1),

  drafts: (record, context) => rowsOf(record).map((row) => rowDraft(row, context)),
});
