import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, messageList, messageSteps, roleOf } from "./messages";

/** `query` and `messages` repeat the whole conversation at every step, so they are left out. */
const STEP_MAPPED = new Set(["action", "observation", "response", "thought", "query", "messages"]);

/** Demonstrations keep the history alone: messages that name their agent. */
function isDemonstration(row: JsonObject): boolean {
  const first = isList(row["history"]) ? row["history"].find(isObject) : undefined;
  return (
    !isList(row["trajectory"]) &&
    first !== undefined &&
    roleOf(first) !== undefined &&
    ("agent" in first || "message_type" in first) &&
    messageList(row["history"]) !== undefined
  );
}

function documentOf(record: FormatRecord): JsonObject {
  if (
    record.kind !== "value" ||
    !isObject(record.value) ||
    !(isList(record.value["trajectory"]) || isList(record.value["attempts"]) || isDemonstration(record.value))
  ) {
    throw new Failure(
      "missing-field",
      "The document has no `trajectory`.",
      "Check that the file is a SWE-agent trajectory.",
    );
  }
  return record.value;
}

function stepsOf(document: JsonObject): Step[] {
  if (isDemonstration(document)) return messageSteps(messageList(document["history"]) ?? []);
  const steps: Step[] = [];
  const history = isList(document["history"]) ? document["history"].filter(isObject) : [];
  for (const message of history) {
    if (roleOf(message) === "assistant" && message["is_demo"] !== true) break;
    if (message["is_demo"] === true) continue;
    const role = roleOf(message) ?? "user";
    if (role === "assistant") continue;
    steps.push({
      index: steps.length,
      role,
      kind: "prompt",
      observation: contentOf(message["content"]).text,
    });
  }
  for (const item of (isList(document["trajectory"]) ? document["trajectory"] : []).filter(isObject)) {
    const thought = textOf(item["thought"]);
    const action = textOf(item["action"]) ?? "";
    const response = textOf(item["response"]);
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "act",
      ...(thought === undefined || thought === "" ? {} : { thought }),
      action: action === "" ? (response ?? "") : action,
      extra: {
        ...without(item, STEP_MAPPED),
        ...(response === undefined || response === action ? {} : { response }),
      },
    });
    const observation = contentOf(item["observation"]).text;
    if (observation !== "") steps.push({ index: steps.length, role: "tool", kind: "observe", observation });
  }
  return steps;
}

function costs(info: JsonObject): Record<string, number | null> {
  const stats = isObject(info["model_stats"]) ? info["model_stats"] : {};
  const components: Record<string, number | null> = {};
  for (const [name, value] of Object.entries(stats)) {
    const number = recordedNumber(value);
    if (number !== undefined) components[name] = number;
  }
  return components;
}

/** SWE-agent trajectories: one document an instance; a retrying agent's attempts are the parts. */
export const sweAgent = draftedFormat({
  id: "swe-agent",
  title: "SWE-agent trajectory",
  source: "SWE-agent/SWE-agent, {instance_id}.traj",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const attempts =
      isList(row["attempts"]) && isObject(row["attempts"][0]) && isList(row["attempts"][0]["trajectory"]);
    const first = isList(row["trajectory"]) ? row["trajectory"][0] : undefined;
    if (attempts) return { confidence: 0.9, reason: "attempts with a trajectory each" };
    if (
      isObject(first) &&
      "action" in first &&
      "observation" in first &&
      ("response" in first || "thought" in first)
    )
      return { confidence: 0.9, reason: "trajectory of {action, observation, response}" };
    if (isList(row["trajectory"]) && isList(row["history"]) && isObject(row["info"]))
      return { confidence: 0.8, reason: "keys trajectory, history, info" };
    return isDemonstration(row)
      ? { confidence: 0.7, reason: "a history of messages of an agent, without steps" }
      : undefined;
  },

  datasetPath(path) {
    // `<run>/<instance>/<instance>.traj`: the run is the dataset; lone files stand for themselves.
    const match = /^(.*)[/\\]([^/\\]+)[/\\]\2\.traj$/.exec(path);
    return match?.[1] ?? path;
  },

  drafts(record, context) {
    const document = documentOf(record);
    const attempts = isList(document["attempts"]) ? document["attempts"].filter(isObject) : [document];
    const instance =
      textOf(document["instance_id"]) ?? /([^/\\]+?)(?:\.traj)?(?:\.json)?$/.exec(context.path)?.[1];
    return attempts.map((attempt, index) => {
      const info: JsonObject = isObject(attempt["info"])
        ? attempt["info"]
        : isObject(document["info"])
          ? document["info"]
          : {};
      const steps = stepsOf(attempt);
      const stopReason = textOf(info["exit_status"]);
      const review = isObject(info["review"])
        ? recordedNumber((info["review"] as Record<string, JsonValue>)["accept"])
        : undefined;
      const prompt = steps.findLast((step) => step.kind === "prompt" && step.role === "user")?.observation;
      return {
        ownId: attempts.length > 1 ? `${instance ?? ""}#${index}` : (instance ?? ""),
        groupKey: instance ?? "",
        title: titleOf(`${instance ?? ""} ${prompt ?? ""}`.trim()),
        task: { ...given("id", instance), ...given("prompt", prompt) },
        steps,
        outcome: {
          ...given("stopReason", stopReason),
          ...(stopReason === undefined
            ? {}
            : { truncated: /exit_cost|exit_context|max|limit|timeout/i.test(stopReason) }),
          components: { ...costs(info), ...(review === undefined ? {} : { review_accept: review }) },
        },
        extra: {
          info,
          ...given("environment", document["environment"]),
          ...given("replay_config", document["replay_config"]),
        },
        notes: [
          {
            code: "no-reward",
            message:
              "Whether the instance was resolved is not in the trajectory: it is in report.json or results.json of the evaluation.",
          },
        ],
      };
    });
  },
});
