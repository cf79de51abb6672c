import type { JsonObject } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { MediaReference, Note, Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isObject, recordedFlag, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { fieldsOf, isPlainList, jsonOf, plainNumber } from "./plainFields";

const SUMMARY = "summary_info.json";
const STEP_FILE = /^step_(\d+)\.pkl(?:\.gz)?$/;
const OBS_TEXTS = ["axtree_txt", "pruned_html", "dom_txt"] as const;

type Fields = ReadonlyMap<string, PlainValue>;

const text = (value: PlainValue | undefined): string | undefined =>
  typeof value === "string" ? value : undefined;

function stepsOf(record: FormatRecord): readonly Fields[] {
  const values = record.kind === "plain" ? (isPlainList(record.value) ? record.value : [record.value]) : [];
  return values
    .flatMap((value) => {
      const fields = fieldsOf(value);
      return fields === undefined ? [] : [fields];
    })
    .sort((one, other) => (plainNumber(one.get("step")) ?? 0) - (plainNumber(other.get("step")) ?? 0));
}

/** The goal as its parts say it, or as one text. */
function goalOf(obs: Fields | undefined): string | undefined {
  const parts = obs?.get("goal_object");
  if (isPlainList(parts)) {
    const said = parts.flatMap((part) => text(fieldsOf(part)?.get("text")) ?? []);
    if (said.length > 0) return said.join("\n");
  }
  return text(obs?.get("goal"));
}

function observation(obs: Fields | undefined): string | undefined {
  if (obs === undefined) return undefined;
  const lines: string[] = [];
  const url = text(obs.get("url"));
  if (url !== undefined) lines.push(url);
  const error = text(obs.get("last_action_error"));
  if (error !== undefined && error !== "") lines.push(`error of the last action: ${error}`);
  for (const name of OBS_TEXTS) {
    const page = text(obs.get(name));
    if (page !== undefined && page !== "") {
      lines.push(page);
      break;
    }
  }
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Experiment folders of BrowserGym and AgentLab: one pickled StepInfo a step, read without executing any of it. */
export const browserGym = draftedFormat({
  id: "browsergym",
  title: "BrowserGym experiment",
  source: "ServiceNow/BrowserGym, browsergym.experiments.loop.StepInfo: step_{N}.pkl.gz, summary_info.json",
  containers: ["pickle"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const fields = fieldsOf(head.plain);
    return fields !== undefined &&
      fields.has("obs") &&
      fields.has("action") &&
      fields.has("step") &&
      fields.has("agent_info")
      ? { confidence: 0.95, reason: "a StepInfo with step, obs, action and agent_info" }
      : undefined;
  },

  folderFiles: (siblings) =>
    siblings
      .filter((name) => STEP_FILE.test(name))
      .sort((one, other) => Number(STEP_FILE.exec(one)?.[1]) - Number(STEP_FILE.exec(other)?.[1])),

  companions: () => [SUMMARY],

  /** A study is the folder above the folders of its experiments. */
  datasetPath: (path) => path.replace(/[/\\][^/\\]*[/\\][^/\\]*$/, ""),

  drafts(record, context) {
    const listed = stepsOf(record);
    const told = context.companions?.get(SUMMARY);
    const summary: JsonObject = isObject(told) ? told : {};
    const firstObs = fieldsOf(listed[0]?.get("obs"));
    const goal = goalOf(firstObs);
    const steps: Step[] = [];
    if (goal !== undefined) steps.push({ index: 0, role: "user", kind: "prompt", observation: goal });
    for (const [at, step] of listed.entries()) {
      const obs = fieldsOf(step.get("obs"));
      const info = fieldsOf(step.get("agent_info"));
      const action = text(step.get("action"));
      const seen = observation(obs);
      const number = plainNumber(step.get("step")) ?? at;
      const media: readonly MediaReference[] = [{ kind: "image", path: `screenshot_step_${number}.png` }];
      // A reward belongs to the action that led to it: StepInfo keeps it with the state that follows.
      const reward = plainNumber(listed[at + 1]?.get("reward"));
      const last = listed[at + 1] === undefined;
      const rest = jsonOf(
        new Map(
          [...step].filter(
            ([key]) => !["obs", "action", "agent_info", "profiling", "step", "reward"].includes(key),
          ),
        ),
      );
      if (last && action === undefined) {
        if (seen !== undefined)
          steps.push({
            index: steps.length,
            role: "environment",
            kind: "observe",
            observation: seen,
            media,
            ...(isObject(rest) ? { extra: rest } : {}),
          });
        continue;
      }
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        ...given("observation", seen),
        ...given("thought", text(info?.get("think"))),
        action: action ?? "",
        ...given("reward", reward),
        ...(recordedFlag(plainNumber(listed[at + 1]?.get("terminated")) ?? undefined) === true
          ? { terminated: true }
          : {}),
        media,
        ...(isObject(rest) ? { extra: rest } : {}),
      });
    }
    const folder = context.path.replace(/[\\]/g, "/").split("/").at(-2) ?? "";
    // {date}_{agent}_on_{task}_{seed}
    const task = /_on_(.+?)_(\d+)(?:_[0-9a-f]+)?$/.exec(folder);
    const reward = recordedNumber(summary["cum_reward"]);
    const truncated = recordedFlag(summary["truncated"]);
    const error = textOf(summary["err_msg"]);
    const notes: Note[] = [];
    if (told === undefined)
      notes.push({
        code: "no-summary",
        message: `There is no ${SUMMARY} beside the steps: it is written when an experiment ends.`,
      });
    if (error !== undefined)
      notes.push({
        code: "run-error",
        message: `The experiment ended with an error: ${error.split("\n", 1)[0] ?? ""}`,
      });
    return [
      {
        ownId: folder,
        ...(task?.[1] === undefined
          ? {}
          : { groupKey: task[1], groupGuess: "experiments of one task, by the names of their folders" }),
        title: titleOf(goal ?? folder),
        task: { ...(task?.[1] === undefined ? {} : { id: task[1] }), ...given("prompt", goal) },
        steps,
        outcome: {
          ...(reward === undefined ? {} : { reward, rewardSource: "cum_reward" }),
          ...(truncated === undefined || truncated === null ? {} : { truncated }),
          ...(error === undefined ? {} : { stopReason: "error" }),
          components: Object.fromEntries(
            Object.entries(summary).flatMap(([key, value]) => {
              const number =
                key.startsWith("stats.") || key === "cum_raw_reward" ? recordedNumber(value) : undefined;
              return number === undefined ? [] : [[key, number]];
            }),
          ),
        },
        extra: without(
          summary,
          new Set([
            "cum_reward",
            "truncated",
            ...Object.keys(summary).filter((key) => key.startsWith("stats.")),
          ]),
        ),
        notes,
      },
    ];
  },
});
