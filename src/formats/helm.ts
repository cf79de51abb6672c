import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { messageList } from "./messages";

const STATS = "per_instance_stats.json";
const SHOWN = new Set(["request", "result", "instance"]);

const statesOf = (row: JsonObject): readonly JsonObject[] =>
  isList(row["request_states"]) ? row["request_states"].filter(isObject) : [];

/** Tells an instance apart: the same one is asked again with other examples, and in disturbed forms. */
const keyOf = (
  id: JsonValue | undefined,
  trial: JsonValue | undefined,
  perturbation: JsonValue | undefined,
): string =>
  `${String(id)}|${String(trial ?? 0)}|${isObject(perturbation) ? (textOf(perturbation["name"]) ?? "") : ""}`;

/** Means of what was measured on each instance, by the names of the measures. */
function measures(stats: JsonValue | undefined): Map<string, Record<string, number | null>> {
  const found = new Map<string, Record<string, number | null>>();
  for (const one of isList(stats) ? stats.filter(isObject) : []) {
    const key = keyOf(one["instance_id"], one["train_trial_index"], one["perturbation"]);
    const own = found.get(key) ?? {};
    for (const stat of isList(one["stats"]) ? one["stats"].filter(isObject) : []) {
      const name = isObject(stat["name"]) ? textOf(stat["name"]["name"]) : textOf(stat["name"]);
      const mean = recordedNumber(stat["mean"] ?? stat["sum"]);
      if (name !== undefined && mean !== undefined) own[name] = mean;
    }
    found.set(key, own);
  }
  return found;
}

/** What is right: references with the tag `correct`. */
function truthOf(instance: JsonObject): JsonValue | undefined {
  const references = isList(instance["references"]) ? instance["references"].filter(isObject) : [];
  const right = references
    .filter((one) => isList(one["tags"]) && one["tags"].includes("correct"))
    .map((one) => (isObject(one["output"]) ? (one["output"]["text"] ?? null) : (one["output"] ?? null)));
  return right.length === 0 ? undefined : right.length === 1 ? right[0] : right;
}

function draftsOf(
  state: JsonObject,
  means: ReadonlyMap<string, Record<string, number | null>>,
): TrajectoryDraft[] {
  const instance = isObject(state["instance"]) ? state["instance"] : {};
  const request = isObject(state["request"]) ? state["request"] : {};
  const result = isObject(state["result"]) ? state["result"] : {};
  const completions = isList(result["completions"]) ? result["completions"].filter(isObject) : [];
  const id = textOf(instance["id"]);
  const asked = messageList(request["messages"]) ?? textOf(request["prompt"]) ?? "";
  const prompt =
    asked.length === 0 && isObject(request["multimodal_prompt"])
      ? JSON.stringify(request["multimodal_prompt"])
      : asked;
  const components =
    means.get(keyOf(instance["id"], state["train_trial_index"], instance["perturbation"])) ?? {};
  return (completions.length === 0 ? [{}] : completions).flatMap(
    (completion: JsonObject): TrajectoryDraft[] => {
      const thinking = isObject(completion["thinking"]) ? textOf(completion["thinking"]["text"]) : undefined;
      const said: JsonValue =
        thinking === undefined
          ? (textOf(completion["text"]) ?? "")
          : [{ role: "assistant", content: textOf(completion["text"]) ?? "", reasoning_content: thinking }];
      const draft = completionDraft(prompt, said);
      if (draft === undefined) return [];
      const last = draft.steps.length - 1;
      const reason = isObject(completion["finish_reason"])
        ? textOf(completion["finish_reason"]["reason"])
        : textOf(completion["finish_reason"]);
      const logprob = recordedNumber(completion["logprob"]);
      return [
        {
          ...draft,
          ...given("ownId", id),
          ...given("groupKey", id),
          ...given("split", textOf(instance["split"])),
          task: { ...draft.task, ...given("id", id), ...given("groundTruth", truthOf(instance)) },
          steps: draft.steps.map((step, at) =>
            at === last && logprob !== undefined ? { ...step, logprob } : step,
          ),
          outcome: {
            ...given("stopReason", reason),
            ...(reason === undefined ? {} : { truncated: reason === "length" }),
            components,
          },
          extra: {
            ...without(state, SHOWN),
            request: without(request, new Set(["prompt", "messages"])),
            result: without(result, new Set(["completions"])),
            ...given("perturbation", instance["perturbation"]),
            ...given("tokens", completion["tokens"]),
          },
          notes: draft.notes,
        },
      ];
    },
  );
}

/** Runs of HELM: every request with what the model completed, and the measures of the instance. */
export const helm = draftedFormat({
  id: "helm",
  title: "HELM scenario states",
  source: "stanford-crfm/helm runs/{suite}/{run}/scenario_state.json with per_instance_stats.json",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,
  companions: () => [STATS],

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isObject(row["adapter_spec"])) return undefined;
    return isList(row["request_states"])
      ? { confidence: 0.95, reason: "an adapter_spec and request_states" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const means = measures(context.companions?.get(STATS));
    const drafts = statesOf(row).flatMap((state) => draftsOf(state, means));
    if (drafts.length === 0)
      throw new Failure(
        "missing-field",
        "The document holds no request.",
        "Check that it is a scenario_state.json of HELM.",
      );
    return drafts;
  },
});
