import { Failure } from "../model/failure";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";

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
    if (!isObject(row) || messageList(row["messages"]) === undefined || !isObject(row["info"]))
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
    const messages = messageList(row["messages"]);
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
