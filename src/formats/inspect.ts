import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Outcome } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { Companions, FileHead, FormatRecord, RecordContext } from "./format";
import {
  isList,
  isObject,
  objectOf,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { contentOf, messageSteps, promptOfMessages } from "./messages";
import { numbersOf } from "./outcomeFields";

const WHOLE_SAMPLE = /^samples\/.+_epoch_\d+\.json$/;
const CHUNKED_SAMPLE = /^samples\/.+_epoch_\d+\/sample\.json$/;
const HEADERS = ["header.json", "_journal/start.json"] as const;
/** Letters that Inspect's scorers give, as its own `value_to_float` turns them into numbers. */
const LETTERS: Readonly<Record<string, number>> = { C: 1, I: 0, P: 0.5, N: 0 };
const ATTACHMENT = "attachment://";
const MAPPED = new Set([
  "messages",
  "message_refs",
  "events",
  "events_data",
  "transcript",
  "attachments",
  "input",
  "target",
  "metadata",
]);

/** Large strings stand apart from where they belong: by hash in whole samples, by number in chunked ones. */
type Attachments = (reference: string) => string | undefined;

function resolved(value: JsonValue | undefined, attachments: Attachments): JsonValue | undefined {
  if (typeof value === "string")
    return value.startsWith(ATTACHMENT) ? (attachments(value.slice(ATTACHMENT.length)) ?? value) : value;
  if (isList(value)) return value.map((item) => resolved(item, attachments) ?? null);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item, attachments)]));
}

/** A message of Inspect's as the common one: reasoning parts are the thought, `function` of a call is its name. */
function messageOf(message: JsonObject): JsonObject {
  const parts = isList(message["content"]) ? message["content"].filter(isObject) : [];
  const reasoning = parts
    .filter((part) => part["type"] === "reasoning")
    .map((part) => textOf(part["reasoning"]) ?? "")
    .filter((text) => text !== "");
  const calls = isList(message["tool_calls"]) ? message["tool_calls"].filter(isObject) : [];
  return {
    ...message,
    ...(reasoning.length === 0
      ? {}
      : {
          reasoning_content: reasoning.join("\n"),
          content: parts.filter((part) => part["type"] !== "reasoning"),
        }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((call) => ({
            id: call["id"] ?? null,
            name: textOf(call["function"]) ?? "",
            arguments: call["arguments"] ?? null,
          })),
        }),
  };
}

/** The number of a score's value: letters as Inspect reads them, yes and no as 1 and 0. Other texts have none. */
function scoreNumber(value: JsonValue | undefined): number | null | undefined {
  if (typeof value !== "string") return recordedNumber(value);
  return LETTERS[value] ?? recordedNumber(value === "yes" ? "1" : value === "no" ? "0" : value);
}

function outcomeOf(sample: JsonObject): Outcome {
  const scores = isObject(sample["scores"]) ? sample["scores"] : {};
  const components: Record<string, number | null> = {};
  let reward: number | null | undefined;
  let rewardSource: string | undefined;
  let success: boolean | undefined;
  for (const [name, score] of Object.entries(scores)) {
    const value = isObject(score) && "value" in score ? score["value"] : score;
    if (isObject(value)) {
      for (const [key, one] of Object.entries(value)) {
        const number = scoreNumber(one);
        if (number !== undefined) components[`${name}.${key}`] = number;
      }
      continue;
    }
    const number = scoreNumber(value);
    if (number === undefined) continue;
    components[name] = number;
    if (rewardSource !== undefined) continue;
    reward = number;
    const count = Object.keys(scores).length;
    rewardSource = `score ${name}${count > 1 ? `, the first of ${count}` : ""}${typeof value === "string" ? ` ("${value}"; C = 1, P = 0.5, I = N = 0)` : ""}`;
    if (value === "C" || value === "I") success = value === "C";
    else if (typeof value === "boolean") success = value;
  }
  const limit = isObject(sample["limit"]) ? textOf(sample["limit"]["type"]) : textOf(sample["limit"]);
  const error = isObject(sample["error"]) ? textOf(sample["error"]["message"]) : textOf(sample["error"]);
  const output = isObject(sample["output"]) ? sample["output"] : {};
  const choice = isList(output["choices"]) ? output["choices"][0] : undefined;
  const stop = isObject(choice) ? textOf(choice["stop_reason"]) : undefined;
  const stopReason =
    error !== undefined ? `error: ${titleOf(error)}` : limit !== undefined ? `limit: ${limit}` : stop;
  return {
    ...(rewardSource === undefined ? {} : { reward: reward ?? null, rewardSource }),
    ...given("success", success),
    ...given("stopReason", stopReason),
    ...(stopReason === undefined
      ? {}
      : { truncated: limit !== undefined || stop === "max_tokens" || stop === "model_length" }),
    components: { ...components, ...numbersOf(sample, new Set([...MAPPED, "epoch", "error_retries"])) },
  };
}

function countsOf(events: readonly JsonValue[]): JsonObject {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const kind = isObject(event) ? (textOf(event["event"]) ?? "other") : "other";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function draftOf(
  sample: JsonObject,
  messages: readonly JsonValue[],
  attachments: Attachments,
  header: JsonObject,
): TrajectoryDraft {
  const said = messages
    .filter(isObject)
    .map((message) => messageOf(resolved(message, attachments) as JsonObject));
  const input = resolved(sample["input"], attachments);
  const asked = isList(input) ? promptOfMessages(input.filter(isObject)) : contentOf(input).text;
  const id = sample["id"] === undefined ? undefined : String(sample["id"]);
  const epoch = wholeNumber(sample["epoch"]);
  const transcript = isObject(sample["transcript"]) ? sample["transcript"]["events"] : undefined;
  const events = isList(sample["events"]) ? sample["events"] : isList(transcript) ? transcript : [];
  const status = textOf(header["status"]);
  const notes: Note[] = [];
  if (status !== undefined && status !== "success")
    notes.push({
      code: "unfinished-evaluation",
      message: `The evaluation's status is "${status}": samples may be missing.`,
    });
  return {
    ...(id === undefined ? {} : { ownId: epoch === undefined ? id : `${id}:${epoch}`, groupKey: id }),
    title: titleOf(asked ?? ""),
    task: {
      ...given("id", id),
      ...given("prompt", asked),
      ...given("groundTruth", resolved(sample["target"], attachments)),
    },
    steps: messageSteps(said),
    outcome: outcomeOf(sample),
    extra: {
      ...without(sample, MAPPED),
      ...given("metadata", sample["metadata"]),
      ...(events.length === 0 ? {} : { events: countsOf(events) }),
      ...given("eval", header["eval"]),
      ...given("status", header["status"]),
    },
    notes,
  };
}

function isHeader(value: JsonValue | undefined): value is JsonObject {
  const own = isObject(value) && isObject(value["eval"]) ? value["eval"] : undefined;
  return own !== undefined && "task" in own && "model" in own && isObject(value) && "version" in value;
}

function wholeDrafts(sample: JsonObject, header: JsonObject): TrajectoryDraft {
  const own = isObject(sample["attachments"]) ? sample["attachments"] : {};
  return draftOf(
    sample,
    isList(sample["messages"]) ? sample["messages"] : [],
    (reference) => textOf(own[reference]),
    header,
  );
}

/** Inspect's log as one JSON document, with all its samples. */
export const inspectJson = draftedFormat({
  id: "inspect-json",
  title: "Inspect log (JSON)",
  source: "UKGovernmentBEIS/inspect_ai, logs/*.json",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const document = head.firstRecord;
    if (!isHeader(document) || !isObject(document)) return undefined;
    return {
      confidence: "plan" in document ? 0.95 : 0.8,
      reason: "keys version, eval {task, model}, plan, samples",
    };
  },

  drafts(record) {
    const document = objectOf(record);
    if (!isList(document["samples"]))
      throw new Failure(
        "missing-field",
        "The log has no `samples`: it is a header alone.",
        "Open the log that holds the samples.",
      );
    const header = without(document, new Set(["samples"]));
    return document["samples"].filter(isObject).map((sample) => wholeDrafts(sample, header));
  },
});

type Chunks = Map<string, (readonly [number, JsonValue])[]>;

/** Chunks of all samples of an archive, by their folder; they are sorted out once for all of its samples. */
const sorted = new WeakMap<Companions, Chunks>();

function chunksOf(companions: Companions): Chunks {
  const known = sorted.get(companions);
  if (known !== undefined) return known;
  const chunks: Chunks = new Map();
  for (const [path, content] of companions) {
    const [, folder, start] = /^(.+)\/(\d+)\.json$/.exec(path) ?? [];
    if (folder === undefined || start === undefined || !isList(content)) continue;
    const items = chunks.get(folder) ?? [];
    for (const [offset, item] of content.entries()) items.push([Number(start) + offset, item]);
    chunks.set(folder, items);
  }
  for (const items of chunks.values()) items.sort(([a], [b]) => a - b);
  sorted.set(companions, chunks);
  return chunks;
}

/** Items of a chunked sample's list (`messages`, `attachments`): files are named by the index of their first item. */
function chunked(
  context: RecordContext,
  folder: string,
  name: string,
): readonly (readonly [number, JsonValue])[] {
  return context.companions === undefined
    ? []
    : (chunksOf(context.companions).get(`${folder}/${name}`) ?? []);
}

/** A sample's messages stand once in a pool; ranges [start, end) say which are the conversation. */
function chunkedDraft(sample: JsonObject, context: RecordContext, header: JsonObject): TrajectoryDraft {
  const folder = (context.member ?? "").replace(/\/sample\.json$/, "");
  const pool = new Map(chunked(context, folder, "messages"));
  const attached = new Map(chunked(context, folder, "attachments"));
  const ranges = isList(sample["message_refs"]) ? sample["message_refs"] : undefined;
  const indices =
    ranges === undefined
      ? [...pool.keys()]
      : ranges.flatMap((range) => {
          const [start, end] = isList(range) ? range.map(Number) : [];
          return start === undefined || end === undefined || !(end > start) || end - start > 10_000_000
            ? []
            : Array.from({ length: end - start }, (_, offset) => start + offset);
        });
  const messages = indices.flatMap((index) => {
    const message = pool.get(index);
    return message === undefined ? [] : [message];
  });
  const metadata = context.companions?.get(`${folder}/metadata.json`);
  const draft = draftOf(
    { ...sample, ...given("metadata", metadata) },
    messages,
    (reference) => textOf(attached.get(Number(reference))),
    header,
  );
  const missing = indices.length - messages.length;
  return missing === 0
    ? draft
    : {
        ...draft,
        notes: [
          ...draft.notes,
          { code: "missing-messages", message: `${missing} messages of the sample are not in the archive.` },
        ],
      };
}

function headerOf(context: RecordContext): JsonObject {
  for (const name of HEADERS) {
    const header = context.companions?.get(name);
    if (isObject(header)) return name === HEADERS[0] ? header : { status: "started", ...header };
  }
  return {};
}

function isLog(names: readonly string[]): boolean {
  return HEADERS.some((name) => names.includes(name));
}

/** Inspect's `.eval` archive: one member a sample, or a folder of chunks a sample. */
export const inspectEval = draftedFormat({
  id: "inspect-eval",
  title: "Inspect log (.eval)",
  source: "UKGovernmentBEIS/inspect_ai, logs/*.eval",
  containers: ["zip"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const names = head.archive ?? [];
    return isLog(names)
      ? { confidence: 0.97, reason: "an archive with header.json or _journal/start.json" }
      : undefined;
  },

  archiveMembers: (names) => [
    ...new Set(names.filter((name) => WHOLE_SAMPLE.test(name) || CHUNKED_SAMPLE.test(name))),
  ],

  companions(_path, _siblings, archive) {
    const chunkedFolders = new Set(
      archive.filter((name) => CHUNKED_SAMPLE.test(name)).map((name) => name.replace(/\/sample\.json$/, "")),
    );
    return [
      ...HEADERS.filter((name) => archive.includes(name)),
      ...archive.filter((name) => {
        const folder = /^(.+)\/(?:metadata\.json|(?:messages|attachments)\/\d+\.json)$/.exec(name)?.[1];
        return folder !== undefined && chunkedFolders.has(folder);
      }),
    ];
  },

  notes(head: FileHead) {
    const names = head.archive ?? [];
    return isLog(names) && !names.includes("header.json")
      ? [
          {
            code: "unfinished-evaluation",
            message:
              "The log has no header.json: the evaluation is running, or it crashed; samples may be missing.",
            where: head.path,
          },
        ]
      : [];
  },

  drafts(record: FormatRecord, context) {
    const sample = objectOf(record);
    if (sample["id"] === undefined && sample["input"] === undefined)
      throw new Failure(
        "missing-field",
        "The member is no sample.",
        "Check that the archive is an Inspect log.",
      );
    const header = headerOf(context);
    return [
      CHUNKED_SAMPLE.test(context.member ?? "")
        ? chunkedDraft(sample, context, header)
        : wholeDrafts(sample, header),
    ];
  },
});
