import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { Note, Outcome, Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { FormatRecord } from "./format";
import { isObject, titleOf, without } from "./jsonFields";
import { parseJson } from "./jsonText";
import { fieldsOf, isArray, isPlainList, jsonOf, plainNumber } from "./plainFields";

type Fields = ReadonlyMap<string, PlainValue>;

/** Above this AndroidWorld shows an episode as solved. */
const SOLVED_ABOVE = 0.5;

const MAPPED = new Set([
  "goal",
  "task_template",
  "instance_id",
  "is_successful",
  "episode_data",
  "exception_info",
]);
/** Columns that have a place in a step. */
const STEP_MAPPED = new Set(["action_output", "action_reason", "summary"]);
/** Columns of prompts repeat the whole history at every step; they are named by their length. */
const PROMPTS = /_prompt$/;

function episodeOf(record: FormatRecord): Fields {
  const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
  if (fields === undefined || !fields.has("goal") || !fields.has("is_successful"))
    throw new Failure("unfit-record", "The element is no episode of AndroidWorld.", "The others are shown.");
  return fields;
}

/** A column of an episode: one entry a step. */
type Columns = ReadonlyMap<string, readonly PlainValue[]>;

function columnsOf(episode: Fields): Columns {
  const columns = new Map<string, readonly PlainValue[]>();
  for (const [name, value] of fieldsOf(episode.get("episode_data")) ?? []) {
    if (isPlainList(value)) columns.set(name, value);
    else if (isArray(value) && value.shape.length === 1) columns.set(name, Array.from(value.numbers()));
  }
  return columns;
}

function textOf(value: PlainValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The action of a step: agents write `Reason: … Action: {…}` or the JSON alone. */
function actionOf(output: string | undefined): JsonObject | undefined {
  if (output === undefined) return undefined;
  const from = output.lastIndexOf("Action:");
  const text = from < 0 ? output : output.slice(from + "Action:".length);
  const start = text.indexOf("{");
  const end = text.lastIndexOf("}");
  if (start < 0 || end < start) return undefined;
  try {
    const action = parseJson(text.slice(start, end + 1));
    return isObject(action) ? action : undefined;
  } catch {
    return undefined;
  }
}

function stepOf(columns: Columns, index: number): Step {
  const at = (name: string): PlainValue | undefined => columns.get(name)?.[index];
  const output = textOf(at("action_output"));
  const action = actionOf(output);
  const reason = textOf(at("action_reason"));
  const summary = textOf(at("summary"));
  const type = action?.["action_type"];
  const extra: Record<string, JsonValue> = {};
  for (const [name, column] of columns) {
    if (STEP_MAPPED.has(name) || index >= column.length) continue;
    const value = column[index] ?? null;
    const length = typeof value === "string" && PROMPTS.test(name) ? value.length : undefined;
    extra[name] = length === undefined ? jsonOf(value) : `${length} characters`;
  }
  return {
    index,
    role: "assistant",
    kind: type === "status" || type === "answer" ? "answer" : "act",
    ...(summary === undefined ? {} : { observation: summary }),
    ...(reason === undefined ? {} : { thought: reason }),
    ...(output === undefined ? {} : { action: output }),
    ...(action === undefined || typeof type !== "string"
      ? {}
      : { toolCalls: [{ name: type, arguments: without(action, new Set(["action_type"])) }] }),
    extra,
  };
}

/** True when the agent's last action says that it is done, false when it says otherwise; undefined when it does not tell. */
function declared(steps: readonly Step[]): string | undefined {
  const call = steps.at(-1)?.toolCalls?.[0];
  if (call === undefined) return undefined;
  const { name } = call;
  const goal = isObject(call.arguments) ? call.arguments["goal_status"] : undefined;
  return name === "status" && typeof goal === "string" ? goal : undefined;
}

function notesOf(
  columns: Columns,
  steps: readonly Step[],
  score: number | null | undefined,
  failed: boolean,
): Note[] {
  const notes: Note[] = [];
  const lengths = [...columns].map(([name, column]) => [name, column.length] as const);
  const longest = Math.max(0, ...lengths.map(([, length]) => length));
  const ragged = lengths.filter(([, length]) => length < longest);
  if (ragged.length > 0)
    notes.push({
      code: "ragged-columns",
      message: `${ragged.map(([name, length]) => `${name} has ${length}`).join(", ")} of ${longest} entries: the file does not say at which steps they are missing, so that from the first gap on they may belong to a later step.`,
    });
  if (failed)
    notes.push({
      code: "episode-error",
      message:
        "The episode ended with an exception: it has no result and counts neither as success nor as failure.",
    });
  else if (score === 0 && steps.length > 0 && declared(steps) !== "complete")
    notes.push({
      code: "not-declared",
      message:
        "The agent never declared the task complete, which scores 0 even where the device had reached the goal: solved but not declared cannot be told from unsolved here.",
    });
  return notes;
}

/** AndroidWorld's checkpoints: a gzipped pickle of a list of episodes, each a dict with a column a step field. */
export const androidWorld = draftedFormat({
  id: "android-world",
  title: "AndroidWorld episode",
  source: "google-research/android_world, run_{time}/{Task}_{instance}.pkl.gz",
  containers: ["pickle"],
  grouping: "key",
  nativeTree: false,

  detect({ plain }) {
    const first = fieldsOf(isPlainList(plain) ? plain[0] : undefined);
    if (first === undefined) return undefined;
    const names = ["goal", "task_template", "is_successful", "episode_data"];
    if (!names.every((name) => first.has(name))) return undefined;
    return { confidence: 0.95, reason: `a list of episodes with ${names.join(", ")}` };
  },

  // A run is a folder of one file a task.
  datasetPath: (path) => path.replace(/[/\\][^/\\]*$/, ""),

  drafts(record, context) {
    const episode = episodeOf(record);
    const columns = columnsOf(episode);
    const count = Math.max(0, ...[...columns.values()].map((column) => column.length));
    const steps = Array.from({ length: count }, (_, index) => stepOf(columns, index));
    const score = plainNumber(episode.get("is_successful"));
    const exception = textOf(episode.get("exception_info"));
    // An episode that raised holds NaN where its result would be.
    const failed = exception !== undefined || (typeof score === "number" && Number.isNaN(score));
    const template = textOf(episode.get("task_template"));
    const goal = textOf(episode.get("goal")) ?? "";
    const status = declared(steps);
    const outcome: Outcome = {
      ...(failed || score === undefined
        ? {}
        : {
            reward: score,
            rewardSource: "is_successful",
            success: score === null ? null : score > SOLVED_ABOVE,
          }),
      ...(failed
        ? { stopReason: "error" }
        : status === undefined
          ? steps.length > 0
            ? { stopReason: "not declared" }
            : {}
          : { stopReason: status === "complete" ? "declared complete" : `declared ${status}` }),
      components: {
        ...given("run_time", plainNumber(episode.get("run_time"))),
        ...given("episode_length", plainNumber(episode.get("episode_length"))),
      },
    };
    const instance = plainNumber(episode.get("instance_id"));
    const rest = jsonOf(new Map<PlainValue, PlainValue>(episode));
    return [
      {
        ownId: `${template ?? "episode"}_${instance ?? context.row}`,
        ...(template === undefined ? {} : { groupKey: template }),
        title: titleOf(goal),
        task: { prompt: goal },
        steps,
        outcome,
        extra: {
          ...(isObject(rest) ? without(rest, MAPPED) : {}),
          ...(template === undefined ? {} : { task_template: template }),
          ...(instance === undefined ? {} : { instance_id: instance }),
          ...(exception === undefined ? {} : { exception_info: exception }),
        },
        notes: notesOf(columns, steps, score, failed),
      },
    ];
  },
});
