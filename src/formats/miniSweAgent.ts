import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, messageList, messageSteps, promptOfMessages } from "./messages";

/** An answer of the Responses API, whose items are its words, its reasoning and its calls, as one message of a chat. */
function answerOf(response: JsonObject): JsonObject {
  const items = isList(response["output"]) ? response["output"].filter(isObject) : [];
  const texts = (type: string, field: string): string =>
    items
      .filter((item) => item["type"] === type)
      .map((item) => contentOf(item[field]).text)
      .filter((text) => text !== "")
      .join("\n");
  const reasoning = texts("reasoning", "summary");
  const calls = items.filter((item) => item["type"] === "function_call");
  return {
    ...without(response, new Set(["object", "output"])),
    role: "assistant",
    content: texts("message", "content"),
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** The conversation; with a model of the Responses API answers are whole responses, and observations are outputs of calls. */
function conversationOf(messages: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (!isList(messages)) return messageList(messages);
  return messageList(
    messages.map((message): JsonValue => {
      if (!isObject(message)) return message;
      if (message["object"] === "response") return answerOf(message);
      if (message["type"] !== "function_call_output") return message;
      return {
        ...without(message, new Set(["type", "call_id", "output"])),
        role: "tool",
        ...given("tool_call_id", message["call_id"]),
        content: message["output"] ?? null,
      };
    }),
  );
}

/** mini-swe-agent trajectories: messages with what each cost, and how the run ended. */
export const miniSweAgent = draftedFormat({
  id: "mini-swe-agent",
  title: "mini-swe-agent trajectory",
  source: "SWE-agent/mini-swe-agent, {instance_id}.traj.json",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || conversationOf(row["messages"]) === undefined || !isObject(row["info"]))
      return undefined;
    const version = textOf(row["trajectory_format"]) ?? "";
    if (version.startsWith("mini-swe-agent"))
      return { confidence: 0.95, reason: `trajectory_format ${version}` };
    return "mini_version" in row["info"] || "exit_status" in row["info"]
      ? { confidence: 0.8, reason: "messages, and info with exit_status" }
      : undefined;
  },

  datasetPath(path) {
    const match = /^(.*)[/\\]([^/\\]+)[/\\]\2\.traj\.json$/.exec(path);
    return match?.[1] ?? path;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const messages = conversationOf(row["messages"]);
    if (messages === undefined)
      throw new Failure(
        "missing-field",
        "The document has no `messages`.",
        "Check that the file is a mini-swe-agent trajectory.",
      );
    const info = isObject(row["info"]) ? row["info"] : {};
    const stats = isObject(info["model_stats"]) ? info["model_stats"] : {};
    const instance = textOf(row["instance_id"]) ?? /([^/\\]+?)\.traj\.json$/.exec(context.path)?.[1];
    const prompt = promptOfMessages(messages);
    const stopReason = textOf(info["exit_status"]);
    const cost = recordedNumber(stats["instance_cost"]);
    const calls = recordedNumber(stats["api_calls"]);
    // `extra.response` repeats the raw answer of the server.
    const steps = messageSteps(messages).map((step) => {
      const extra = step.extra?.["extra"];
      return isObject(extra) && "response" in extra
        ? { ...step, extra: { ...step.extra, extra: without(extra, new Set(["response"])) } }
        : step;
    });
    return [
      {
        ...given("ownId", instance),
        ...given("groupKey", instance),
        title: titleOf(`${instance ?? ""} ${prompt ?? ""}`.trim()),
        task: { ...given("id", instance), ...given("prompt", prompt) },
        steps,
        outcome: {
          ...given("stopReason", stopReason),
          ...(stopReason === undefined
            ? {}
            : { truncated: /limit|exceeded|timeout|context/i.test(stopReason) }),
          components: { ...given("instance_cost", cost), ...given("api_calls", calls) },
        },
        extra: without(row, new Set(["messages"])),
        notes: [
          {
            code: "no-reward",
            message:
              "Whether the instance was resolved is not in the trajectory: it is in the evaluation's report.",
          },
        ],
      },
    ];
  },
});
