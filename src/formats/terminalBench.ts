import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Outcome, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { castSteps, isCastHeader } from "./terminalCast";

const CAST = "sessions/agent.cast";
const MAPPED = new Set(["task_id", "instruction", "is_resolved", "failure_mode"]);

const isTrial = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) &&
  "is_resolved" in value &&
  typeof value["task_id"] === "string" &&
  ("parser_results" in value || "failure_mode" in value);

/** A trial's document is the trial; a run's holds all of them. */
function trialsOf(document: JsonValue): readonly JsonObject[] {
  if (isTrial(document)) return [document];
  return isObject(document) && isList(document["results"]) ? document["results"].filter(isTrial) : [];
}

const FROM_TERMINAL: Note = {
  code: "terminal-recording",
  message:
    "Steps are the terminal's recording: what was typed, and what it showed. What the agent thought is not in it.",
};
const NO_STEPS: Note = {
  code: "no-steps",
  message: "The result holds no steps: the recording of the terminal is not beside it (sessions/agent.cast).",
};

/** Whether each test passed; tests that were skipped or left out have no number. */
function outcomeOf(trial: JsonObject): Outcome {
  const success = recordedFlag(trial["is_resolved"]);
  const failure = textOf(trial["failure_mode"]);
  const stop = failure === "unset" || failure === "none" ? undefined : failure;
  const components: Record<string, number | null> = {};
  for (const [test, result] of Object.entries(
    isObject(trial["parser_results"]) ? trial["parser_results"] : {},
  ))
    if (result === "passed" || result === "failed") components[test] = result === "passed" ? 1 : 0;
  for (const name of ["total_input_tokens", "total_output_tokens"]) {
    const number = recordedNumber(trial[name]);
    if (number !== undefined) components[name] = number;
  }
  return {
    ...given("success", success),
    ...given("stopReason", stop),
    ...(failure === undefined ? {} : { truncated: /timeout|length_exceeded/.test(failure) }),
    components,
  };
}

/** A trial's result, with the recording of its terminal where there is one. */
function draftOf(trial: JsonObject, cast: JsonValue | undefined): TrajectoryDraft {
  const instruction = textOf(trial["instruction"]);
  const asked: Step[] =
    instruction === undefined ? [] : [{ index: 0, role: "user", kind: "prompt", observation: instruction }];
  const recorded = isList(cast) && isCastHeader(cast[0]) ? castSteps(cast, asked.length) : [];
  return {
    ...given("ownId", textOf(trial["trial_name"]) ?? textOf(trial["id"]) ?? textOf(trial["uuid"])),
    ...given("groupKey", textOf(trial["task_id"])),
    title: titleOf(`${textOf(trial["task_id"]) ?? ""} ${instruction ?? ""}`.trim()),
    task: { ...given("id", textOf(trial["task_id"])), ...given("prompt", instruction) },
    steps: [...asked, ...recorded],
    outcome: outcomeOf(trial),
    extra: without(trial, MAPPED),
    notes: [recorded.length === 0 ? NO_STEPS : FROM_TERMINAL],
  };
}

/** The run that a trial's files are of: `<run>/<task>/<task>.<n>-of-<m>.<run>/`; other files stand for themselves. */
function runOf(path: string): string {
  const match = /^(.*)[/\\]([^/\\]+)[/\\]\2\.[^/\\]+[/\\](?:sessions[/\\])?[^/\\]+$/s.exec(path);
  return match?.[1] ?? path;
}

/** Results of Terminal-Bench: one trial, with the recording of its terminal, or all trials of a run. */
export const terminalBench = draftedFormat({
  id: "terminal-bench",
  title: "Terminal-Bench results",
  source: "laude-institute/terminal-bench results.json of trials (with sessions/agent.cast) and of runs",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,
  companions: () => [CAST],
  datasetPath: runOf,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isTrial(row))
      return { confidence: 0.85, reason: "fields task_id, is_resolved and the tests' results" };
    return head.array !== true && trialsOf(row).length > 0
      ? { confidence: 0.85, reason: "results with task_id and is_resolved" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    const trials = trialsOf(row);
    if (trials.length === 0)
      throw new Failure(
        "missing-field",
        "The document holds no trial with `task_id` and `is_resolved`.",
        "Check that it is of Terminal-Bench.",
      );
    const cast = isTrial(row) ? context.companions?.get(CAST) : undefined;
    return trials.map((trial) => draftOf(trial, cast));
  },
});

/** Recordings of a terminal, with the result of the trial that they are of. */
export const asciicast = draftedFormat({
  id: "asciicast",
  title: "Terminal recordings",
  source: "asciinema .cast (versions 2 and 3), as Terminal-Bench keeps of its agents",
  containers: ["json"],
  wholeDocument: true,
  grouping: "key",
  nativeTree: false,
  companions: () => ["../results.json"],
  datasetPath: runOf,

  detect: (head) =>
    head.array === true && isCastHeader(head.firstRecord)
      ? { confidence: 0.9, reason: "a header with version and size of a terminal" }
      : undefined,

  drafts(record, context) {
    const lines = record.kind === "value" && isList(record.value) ? record.value : [];
    const header = lines.find(isObject) ?? {};
    const result = context.companions?.get("../results.json");
    const steps = castSteps(lines, 0);
    if (steps.length === 0)
      throw new Failure(
        "missing-field",
        "The recording holds nothing that was typed or shown.",
        "Wait for it to begin.",
      );
    const tested = /(?:^|[/\\])tests\.cast$/.test(context.path);
    if (isTrial(result) && !tested) {
      const trial = draftOf(result, lines);
      return [{ ...trial, extra: { ...trial.extra, recording: header } }];
    }
    const first = steps.find((step) => step.action !== undefined)?.action ?? steps[0]?.observation ?? "";
    return [
      {
        title: titleOf(textOf(header["title"]) ?? textOf(header["command"]) ?? first),
        task: {},
        steps,
        outcome: { components: {} },
        extra: header,
        notes: [FROM_TERMINAL],
      },
    ];
  },
});
