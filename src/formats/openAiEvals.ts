import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { linesOf } from "./agentSession";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedFlag, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { numbersOf } from "./outcomeFields";

const isSpec = (line: JsonObject): boolean =>
  isObject(line["spec"]) && ("eval_name" in line["spec"] || "run_id" in line["spec"]);
const isEvent = (line: JsonObject): boolean =>
  "run_id" in line &&
  "event_id" in line &&
  "sample_id" in line &&
  typeof line["type"] === "string" &&
  isObject(line["data"]);

/** What was sampled, as messages: one text, several, or messages already. */
function sampledMessages(value: JsonValue | undefined): readonly JsonObject[] {
  const listed = messageList(value);
  if (listed !== undefined) return listed;
  const texts = isList(value) ? value : [value ?? null];
  return texts.map((text) => ({
    role: "assistant",
    content: typeof text === "string" ? text : JSON.stringify(text),
  }));
}

/** Messages of a sample's events; a prompt that goes on from what was said before is shown from there. */
function messagesOf(events: readonly JsonObject[]): readonly JsonObject[] {
  const out: JsonObject[] = [];
  /** What the model was asked and answered so far, without what the program did in between. */
  const known: string[] = [];
  const textKey = (message: JsonObject): string =>
    JSON.stringify([message["role"] ?? null, message["content"] ?? null]);
  const add = (message: JsonObject, event: JsonObject): void => {
    out.push({
      ...message,
      ...given("created_at", event["created_at"]),
      ...given("event_id", event["event_id"]),
    });
  };
  for (const event of events) {
    const data = isObject(event["data"]) ? event["data"] : {};
    if (event["type"] === "sampling") {
      const prompt =
        messageList(data["prompt"]) ??
        (typeof data["prompt"] === "string" ? [{ role: "user", content: data["prompt"] }] : []);
      const same = prompt.findIndex((message, index) => textKey(message) !== known[index]);
      const from = same < 0 ? prompt.length : same === known.length ? same : 0;
      const said = sampledMessages(data["sampled"]);
      for (const message of prompt.slice(from)) add(message, event);
      for (const message of said)
        add({ ...without(data, new Set(["prompt", "sampled"])), ...message }, event);
      known.splice(0, known.length, ...[...prompt, ...said].map(textKey));
    } else if (event["type"] === "function_call") {
      add(
        {
          role: "assistant",
          content: "",
          tool_calls: [{ name: data["name"] ?? "", arguments: data["arguments"] ?? null }],
        },
        event,
      );
      add({ role: "tool", content: data["return_value"] ?? null, name: data["name"] ?? null }, event);
    } else if (event["type"] === "error")
      add({ role: "environment", content: textOf(data["message"]) ?? JSON.stringify(data) }, event);
  }
  return out;
}

function draftOf(sample: string, events: readonly JsonObject[], spec: JsonObject): TrajectoryDraft {
  const messages = messagesOf(events);
  const components: Record<string, number | null> = {};
  let correct: boolean | null | undefined;
  let truth: JsonValue | undefined;
  const others: JsonValue[] = [];
  for (const event of events) {
    const data = isObject(event["data"]) ? event["data"] : {};
    if (event["type"] === "match") {
      correct = recordedFlag(data["correct"]);
      truth = data["expected"];
    }
    if (event["type"] === "metrics") Object.assign(components, numbersOf(data, new Set()));
    if (!["sampling", "function_call", "error"].includes(textOf(event["type"]) ?? "")) others.push(event);
  }
  const prompt = messages.length === 0 ? undefined : promptOfMessages(messages);
  const failed = events.some((event) => event["type"] === "error");
  return {
    ownId: sample,
    groupKey: sample,
    title: titleOf(prompt ?? sample),
    task: { id: sample, ...given("prompt", prompt), ...given("groundTruth", truth) },
    steps: messageSteps(messages),
    outcome: { ...given("success", correct), ...(failed ? { stopReason: "error" } : {}), components },
    extra: { ...given("eval", spec["eval_name"]), ...given("run_id", spec["run_id"]), other_events: others },
    notes: [],
  };
}

/** Logs of OpenAI's evals: the events of a run, of which those of one sample are a trajectory. */
export const openAiEvals = draftedFormat({
  id: "openai-evals",
  title: "OpenAI evals logs",
  source: "openai/evals LocalRecorder, {run_id}_{model}_{eval}.jsonl",
  containers: ["json"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (head.array !== true || !isObject(row)) return undefined;
    return isSpec(row) || isEvent(row)
      ? { confidence: 0.85, reason: isSpec(row) ? "the spec of a run" : "events of a run's samples" }
      : undefined;
  },

  drafts(record) {
    const { lines } = linesOf(record.kind === "value" ? record.value : null);
    const first = lines.find(isSpec)?.["spec"];
    const samples = new Map<string, JsonObject[]>();
    for (const event of lines.filter(isEvent)) {
      const sample = textOf(event["sample_id"]);
      if (sample === undefined) continue;
      const own = samples.get(sample);
      if (own === undefined) samples.set(sample, [event]);
      else own.push(event);
    }
    if (samples.size === 0)
      throw new Failure(
        "missing-field",
        "The log holds no event of a sample.",
        "Wait for the run to begin, or check the file.",
      );
    return [...samples].map(([sample, events]) => draftOf(sample, events, isObject(first) ? first : {}));
  },
});
