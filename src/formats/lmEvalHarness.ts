import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note } from "../model/trajectory";
import { completionDraft } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, objectOf, recordedFlag, recordedNumber, textOf, without } from "./jsonFields";
import { messageList } from "./messages";

const FIXED = new Set(["doc_id", "target", "arguments", "resps", "metrics"]);
const HIDDEN = new Set([
  "doc",
  "input",
  "filter",
  "filtered_resps",
  "doc_hash",
  "prompt_hash",
  "target_hash",
]);

const REPEATED: Note = {
  code: "shared-score",
  message: "The metrics are of all responses to this document together: each of them shows the same.",
};
const CHOICES: Note = {
  code: "shared-score",
  message: "The metrics are of the choice among all continuations: each of them shows the same.",
};

/** Arguments of the requests: a list of them, or (as the harness writes them to files) an object of objects. */
function requestsOf(value: JsonValue | undefined): readonly (readonly JsonValue[])[] {
  const listed = (inner: JsonValue): readonly JsonValue[] =>
    isList(inner) ? inner : isObject(inner) ? Object.values(inner).map((part) => part ?? null) : [inner];
  return isList(value)
    ? value.map(listed)
    : isObject(value)
      ? Object.values(value).map((inner) => listed(inner ?? null))
      : [];
}

/**
 * What a model said to a likelihood request, which is a pair: the continuation's log-probability and whether it is the greedy
 * one. What a model wrote is a text, though it be a number.
 */
function likelihoodOf(
  response: JsonValue | undefined,
): { readonly logprob: number; readonly greedy?: boolean } | undefined {
  if (!isList(response) || response.length !== 2) return undefined;
  const logprob = recordedNumber(response[0]);
  const greedy = recordedFlag(response[1]);
  return typeof logprob === "number"
    ? { logprob, ...(typeof greedy === "boolean" ? { greedy } : {}) }
    : undefined;
}

/** A prompt is a text or messages as JSON text, which the harness wraps for chats: as a list of it alone. */
function promptOf(value: JsonValue | undefined): JsonValue {
  const asked = isList(value) && value.length === 1 && typeof value[0] === "string" ? value[0] : value;
  return messageList(asked) ?? textOf(asked) ?? "";
}

/** Numbers of the metrics; those that are counted over the whole set later hold lists, and stay where they are. */
function metricsOf(row: JsonObject): Record<string, number | null> {
  const named = isList(row["metrics"])
    ? row["metrics"].filter((name) => typeof name === "string")
    : undefined;
  const names = named ?? Object.keys(row).filter((name) => !FIXED.has(name) && !HIDDEN.has(name));
  const found: Record<string, number | null> = {};
  for (const name of names) {
    const value = row[name];
    const number = typeof value === "string" && named === undefined ? undefined : recordedNumber(value);
    if (number !== undefined) found[name] = number;
  }
  return found;
}

/** Samples that lm-evaluation-harness logs: a document with its requests, what the model gave, and the metrics. */
export const lmEvalHarness = draftedFormat({
  id: "lm-eval-harness",
  title: "lm-evaluation-harness samples",
  source: "EleutherAI/lm-evaluation-harness --log_samples, samples_{task}_{date}.jsonl",
  containers: ["jsonl", "json", "parquet"],
  grouping: "key",
  nativeTree: false,
  needs: [
    ["doc_id", "resps"],
    ["doc_id", "filtered_resps"],
  ],

  detect(head) {
    const has = (name: string): boolean =>
      head.columns?.some((column) => column.name === name) ??
      (isObject(head.firstRecord) && name in head.firstRecord);
    return has("doc_id") && has("filtered_resps") && ["doc", "resps", "arguments", "target"].some(has)
      ? { confidence: 0.9, reason: "fields doc_id, filtered_resps and the document or its responses" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const components = metricsOf(row);
    const first = Object.keys(components)[0];
    const doc = String(row["doc_id"]);
    const listed = requestsOf(row["arguments"]);
    // Forks such as lmms-eval leave the arguments out, and some give what was asked as `input`.
    const requests = listed.length > 0 ? listed : [[row["input"] ?? ""]];
    const recorded = row["resps"] ?? row["filtered_resps"];
    const responses = isList(recorded) ? recorded : [];
    const shared = {
      groupKey: doc,
      ownId: doc,
      extra: without(
        row,
        new Set([...FIXED, ...(isList(row["metrics"]) ? ["metrics"] : []), ...Object.keys(components)]),
      ),
    };
    const drafts: TrajectoryDraft[] = [];
    const choices = requests.length > 1;
    for (const [index, request] of requests.entries()) {
      const prompt = promptOf(request[0]);
      const own = responses[index];
      const several = isList(own) ? own : [own ?? null];
      for (const response of several) {
        const likely = likelihoodOf(response);
        const continuation = (likely === undefined ? response : request[1]) ?? "";
        const said = typeof continuation === "string" ? continuation : JSON.stringify(continuation);
        const draft = completionDraft(prompt, said);
        if (draft === undefined) continue;
        const answer = draft.steps.length - 1;
        drafts.push({
          ...draft,
          ...shared,
          steps: draft.steps.map((step, at) =>
            likely !== undefined && at === answer ? { ...step, logprob: likely.logprob } : step,
          ),
          task: { ...draft.task, id: doc, ...given("groundTruth", row["target"]) },
          outcome: {
            ...(first === undefined || likely !== undefined
              ? {}
              : { reward: components[first] ?? null, rewardSource: first }),
            components: {
              ...components,
              ...(likely === undefined
                ? {}
                : {
                    loglikelihood: likely.logprob,
                    ...given("is_greedy", likely.greedy === undefined ? undefined : Number(likely.greedy)),
                  }),
            },
          },
          notes: [
            ...draft.notes,
            ...(choices && likely !== undefined ? [CHOICES] : several.length > 1 ? [REPEATED] : []),
          ],
        });
      }
    }
    if (drafts.length === 0 || responses.length === 0)
      throw new Failure(
        "missing-field",
        "The sample holds no request with its response.",
        "Check its `arguments` and `resps`.",
      );
    return drafts;
  },
});
