import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step, StepRole } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { RecordContext } from "./format";
import { isList, isObject, recordedFlag, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { contentOf, toolCallsOf } from "./messages";
import { harborCompanions, harborOutcome } from "./harborTrial";
import { numbersOf } from "./outcomeFields";

const STEP_MAPPED = new Set([
  "step_id",
  "source",
  "message",
  "reasoning_content",
  "tool_calls",
  "observation",
]);
const ROLES: Readonly<Record<string, StepRole>> = {
  user: "user",
  system: "system",
  agent: "assistant",
  assistant: "assistant",
  tool: "tool",
  environment: "environment",
};

function observationOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const results = isObject(value) && isList(value["results"]) ? value["results"] : undefined;
  if (results === undefined) return contentOf(value).text;
  return results
    .map((result) => (isObject(result) ? contentOf(result["content"]).text : contentOf(result).text))
    .join("\n");
}

function logprobOf(metrics: JsonValue | undefined): number | undefined {
  const logprobs = isObject(metrics) ? metrics["logprobs"] : undefined;
  if (!isList(logprobs) || logprobs.length === 0) return undefined;
  return logprobs.reduce<number>((sum, value) => sum + (recordedNumber(value) ?? Number.NaN), 0);
}

/** An agent's step acts and then observes, so its observation is a step of its own after it. */
function stepsOf(list: readonly JsonValue[]): Step[] {
  const steps: Step[] = [];
  let spoken = false;
  for (const step of list.filter(isObject)) {
    const role = ROLES[textOf(step["source"]) ?? ""] ?? "environment";
    const { text, media } = contentOf(step["message"]);
    const observation = observationOf(step["observation"]);
    const extra = without(step, STEP_MAPPED);
    const calls = toolCallsOf(step["tool_calls"]);
    const thought = textOf(step["reasoning_content"]);
    if (role === "assistant") {
      spoken = true;
      steps.push({
        index: steps.length,
        role,
        kind: "act",
        ...(thought === undefined || thought === "" ? {} : { thought }),
        action: text,
        ...(calls.length === 0 ? {} : { toolCalls: calls }),
        ...given("logprob", logprobOf(step["metrics"])),
        ...(media.length === 0 ? {} : { media }),
        extra,
      });
      if (observation !== undefined && observation !== "")
        steps.push({ index: steps.length, role: "tool", kind: "observe", observation });
    } else {
      steps.push({
        index: steps.length,
        role,
        kind: spoken ? "observe" : "prompt",
        observation: [text, observation].filter((part) => part !== undefined && part !== "").join("\n"),
        ...(media.length === 0 ? {} : { media }),
        extra,
      });
    }
  }
  const last = steps.findLastIndex((step) => step.role === "assistant");
  const answer = steps[last];
  if (answer !== undefined && answer.toolCalls === undefined) steps[last] = { ...answer, kind: "answer" };
  return steps;
}

function draftsOf(document: JsonObject, context: RecordContext, parent?: string): TrajectoryDraft[] {
  const { path } = context;
  const list = isList(document["steps"]) ? document["steps"] : [];
  const steps = stepsOf(list);
  const id = textOf(document["trajectory_id"]) ?? textOf(document["session_id"]);
  const prompt = steps.find((step) => step.role === "user")?.observation;
  const children = isList(document["subagent_trajectories"])
    ? document["subagent_trajectories"].filter(isObject)
    : [];
  // Harbor keeps a trial in `<task>__<random>/agent/trajectory.json`; its attempts are the group.
  const trial = /([^/\\]+)__[A-Za-z0-9]{7}[/\\]agent[/\\][^/\\]+$/.exec(path)?.[1];
  const metrics = isObject(document["final_metrics"]) ? numbersOf(document["final_metrics"], new Set()) : {};
  const extra = isObject(document["extra"]) ? document["extra"] : {};
  const own = recordedNumber(document["reward"]) ?? recordedNumber(extra["reward"]);
  // A trial's reward is that of its own trajectory, not of the sub-agents inside.
  const harbor = parent === undefined ? harborOutcome(context.companions) : undefined;
  const reward = own ?? harbor?.outcome.reward;
  const success = recordedFlag(extra["success"]) ?? harbor?.outcome.success;
  return [
    {
      ...given("ownId", id),
      ...(trial === undefined ? {} : { groupKey: trial }),
      ...given("parentId", parent),
      title: titleOf(prompt ?? textOf(document["notes"]) ?? ""),
      task: { ...given("id", trial), ...given("prompt", prompt) },
      steps,
      outcome: {
        ...(harbor === undefined ? {} : harbor.outcome),
        ...(own === undefined ? {} : { reward: own, rewardSource: "reward" }),
        ...given("success", success),
        components: { ...metrics, ...harbor?.outcome.components },
      },
      extra: {
        ...without(document, new Set(["steps", "subagent_trajectories", "final_metrics"])),
        ...harbor?.extra,
      },
      notes:
        reward === undefined
          ? [
              {
                code: "no-reward",
                message:
                  harbor === undefined
                    ? "ATIF holds no reward: where there is one, it is in the trial's result.json beside it."
                    : "Neither the trajectory nor the trial's result holds a reward.",
              },
            ]
          : [],
    },
    ...children.flatMap((child) => draftsOf(child, context, id)),
  ];
}

/** ATIF, the agent trajectory interchange format that Harbor and others write; sub-agents are parts of the record. */
export const atif = draftedFormat({
  id: "atif",
  title: "ATIF trajectory",
  source: "Harbor (terminal-bench), NeMo Agent Toolkit and others, schema ATIF-v1.0 to v1.8",
  containers: ["json", "jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const version = textOf(row["schema_version"]) ?? "";
    const first = isList(row["steps"]) ? row["steps"][0] : undefined;
    if (!isList(row["steps"])) return undefined;
    if (version.startsWith("ATIF-")) return { confidence: 0.97, reason: `schema_version ${version}` };
    if (isObject(first) && "step_id" in first && "source" in first && isObject(row["agent"]))
      return { confidence: 0.85, reason: "agent, and steps of {step_id, source}" };
    return undefined;
  },

  companions: (path, siblings) => harborCompanions(path, siblings),

  datasetPath(path) {
    return path.replace(/[/\\][^/\\]+__[A-Za-z0-9]{7}[/\\]agent[/\\][^/\\]+$/, "");
  },

  drafts(record, context) {
    if (record.kind !== "value" || !isObject(record.value) || !isList(record.value["steps"]))
      throw new Failure(
        "missing-field",
        "The document has no `steps`.",
        "Check that it is an ATIF trajectory.",
      );
    return draftsOf(record.value, context);
  },
});

/** A line of a stream that holds no step: the header, or what was written at the end. */
function isFrame(row: JsonObject): boolean {
  return "__header__" in row || "__footer__" in row || ("schema_version" in row && !("step_id" in row));
}

/** ATIF as it is streamed while an agent runs: a header line, then one step a line. */
export const atifStream = draftedFormat({
  id: "atif-stream",
  title: "ATIF stream",
  source:
    "writers that append ATIF steps as they come: a line with __header__ and schema_version, then a step a line",
  containers: ["jsonl"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || isList(row["steps"]) || !isFrame(row)) return undefined;
    const inner = isObject(row["__header__"]) ? row["__header__"] : row;
    const version = textOf(inner["schema_version"]) ?? "";
    return version.startsWith("ATIF-") || ("__header__" in row && isObject(inner["agent"]))
      ? { confidence: 0.95, reason: `a header line of ${version === "" ? "ATIF" : version}` }
      : undefined;
  },

  companions: (path, siblings) => harborCompanions(path, siblings),

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const rows = (isList(value) ? value : [value]).filter(isObject);
    const frames = rows
      .filter(isFrame)
      .map(
        (row) =>
          [row["__header__"], row["__footer__"]].find(isObject) ??
          without(row, new Set(["__header__", "__footer__"])),
      );
    if (frames.length === 0)
      throw new Failure(
        "missing-field",
        "The stream has no header line.",
        "Check that it is an ATIF stream.",
      );
    return draftsOf(
      { ...Object.assign({}, ...frames), steps: rows.filter((row) => !isFrame(row)) } as JsonObject,
      context,
    );
  },
});
