import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedNumber,
  stemNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { messageSteps, promptOfMessages, roleOf } from "./messages";
import { unpacked } from "./spanMessages";

const MAPPED = new Set(["messages_and_choices", "messages", "reward", "metrics", "group_index"]);

/** A message, or a Choice: the model's own turn with its finish reason, which is what is trained. */
function messageOf(item: JsonObject): { readonly message: JsonObject; readonly choice: boolean } {
  const inner = item["message"];
  if (isObject(inner) && "finish_reason" in item)
    return {
      message: {
        ...inner,
        trained: true,
        ...given("finish_reason", item["finish_reason"]),
        ...(item["logprobs"] === null || item["logprobs"] === undefined
          ? {}
          : { logprobs: item["logprobs"] }),
      },
      choice: true,
    };
  const { trainable, ...message } = item;
  return {
    message: typeof trainable === "boolean" ? { ...message, trained: trainable } : message,
    choice: trainable === true,
  };
}

function metricsOf(value: JsonValue | undefined): Record<string, number | null> {
  const known = unpacked(value);
  const metrics: Record<string, number | null> = {};
  if (isObject(known))
    for (const [name, one] of Object.entries(known)) {
      const number = recordedNumber(one);
      if (number !== undefined) metrics[name] = number;
    }
  return metrics;
}

function draftOf(trajectory: JsonObject, path: string, groupKey: string | undefined): TrajectoryDraft {
  const items = trajectory["messages_and_choices"] ?? trajectory["messages"];
  if (!isList(items))
    throw new Failure(
      "missing-field",
      "A trajectory has no messages_and_choices.",
      "Check that the file is ART's.",
    );
  const messages = items.filter(isObject).map(messageOf);
  const said = messages.map(({ message }) => message).filter((message) => roleOf(message) !== undefined);
  const prompt = promptOfMessages(said);
  const reward = recordedNumber(trajectory["reward"]);
  const last = messages.findLast(({ choice }) => choice)?.message;
  const stop = textOf(last?.["finish_reason"]);
  const step = stemNumber(path);
  const split = /[/\\]trajectories[/\\]([^/\\]+)[/\\][^/\\]+$/.exec(path)?.[1];
  const notes: Note[] = [];
  const histories = unpacked(trajectory["additional_histories"]);
  if (isList(histories) && histories.length > 0)
    notes.push({
      code: "more-histories",
      message: `The trajectory has ${histories.length} further histories; they are under extra.`,
    });
  return {
    ...given("groupKey", groupKey),
    title: titleOf(prompt ?? ""),
    task: { ...given("prompt", prompt) },
    ...given("trainingStep", step),
    ...given("split", split),
    steps: messageSteps(said),
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
      ...given("stopReason", stop),
      ...(stop === undefined ? {} : { truncated: stop === "length" }),
      components: metricsOf(trajectory["metrics"]),
    },
    extra: without(trajectory, MAPPED),
    notes,
  };
}

/** ART (OpenPipe): a line is a group of trajectories; newer versions write a table with one row a trajectory. */
export const art = draftedFormat({
  id: "art",
  title: "ART trajectories",
  source:
    "OpenPipe/ART, .art/{project}/models/{model}/trajectories/{split}/{step}.jsonl or .parquet, at first .yaml",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    if (head.container === "parquet") {
      const names = new Set((head.columns ?? []).map((column) => column.name));
      return ["group_index", "reward", "metrics", "messages"].every((name) => names.has(name))
        ? { confidence: 0.9, reason: "columns group_index, reward, metrics, messages" }
        : undefined;
    }
    const row = head.firstRecord;
    const first = isObject(row) && isList(row["trajectories"]) ? row["trajectories"][0] : undefined;
    return isObject(first) && isList(first["messages_and_choices"])
      ? { confidence: 0.95, reason: "trajectories with messages_and_choices" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    // A line is a group by itself, so its number tells it; of a table the column does.
    if (isList(row["trajectories"]))
      return row["trajectories"]
        .filter(isObject)
        .map((one) => draftOf(one, context.path, `${context.relativePath}#${context.row}`));
    const group = row["group_index"];
    return [draftOf(row, context.path, group === undefined || group === null ? undefined : String(group))];
  },
});
