import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FormatRecord } from "./format";
import {
  fieldNames,
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  stemNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { numbersOf } from "./outcomeFields";
import { unpacked } from "./spanMessages";
import { splitPrompt } from "./turns";
import { chainEpisodes, stepRow, VERL_AGENT_PROMPT, type Episode, type StepRow } from "./verlAgentEpisodes";

const MAPPED = new Set(["input", "output", "score", "step"]);
const SAME_TASK = "episodes of one training step that name the same task";

function rowsOf(record: FormatRecord): readonly JsonObject[] {
  const value: JsonValue = record.kind === "value" ? record.value : null;
  return (isList(value) ? value : [value]).filter(isObject);
}

/** What the policy wrote: a leading thought apart from the rest. */
function said(text: string): { readonly thought?: string; readonly action: string } {
  const thought = /^\s*<think>[\s\S]*?<\/think>/.exec(text)?.[0];
  return thought === undefined ? { action: text } : { thought, action: text.slice(thought.length) };
}

/** The first prompt in full; of later ones what is new, with the whole prompt under extra. */
function episodeSteps(rows: readonly StepRow[]): Step[] {
  const steps: Step[] = [];
  for (const [index, row] of rows.entries()) {
    if (index === 0)
      for (const turn of splitPrompt(row.input).turns)
        steps.push(
          turn.role === "assistant"
            ? { index: steps.length, role: turn.role, kind: "prompt", action: turn.text }
            : { index: steps.length, role: turn.role, kind: "prompt", observation: turn.text },
        );
    else
      steps.push({
        index: steps.length,
        role: "environment",
        kind: "observe",
        observation: row.observation ?? row.input,
        ...(row.observation === undefined ? {} : { extra: { prompt: row.input } }),
      });
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "act",
      ...said(row.output),
      ...given("stateKey", row.observation),
      extra: { row: row.at, environment_step: row.before + 1, ...without(row.row, MAPPED) },
    });
  }
  return steps;
}

function episodeDraft({ rows, doubts }: Episode, path: string): TrajectoryDraft {
  const [first] = rows as readonly [StepRow, ...StepRow[]];
  const notes: Note[] = [
    {
      code: "guessed-episode",
      message:
        "The file has one row a step and does not say which make an episode: it is guessed from the task, the step numbers and the history in the prompts, and the reward.",
    },
  ];
  if (doubts > 0)
    notes.push({
      code: "ambiguous-episode",
      message: `${doubts} of its ${rows.length} steps would fit another episode of the task as well.`,
    });
  if (first.before > 0)
    notes.push({
      code: "missing-beginning",
      message: `The first ${first.before} steps of the episode are not in the file, or contradict its history.`,
    });
  const { score } = first;
  return {
    groupKey: first.task ?? first.input,
    groupGuess: SAME_TASK,
    title: titleOf(first.task ?? first.input),
    task: { prompt: first.task ?? first.input },
    ...given("trainingStep", wholeNumber(first.row["step"]) ?? stemNumber(path)),
    steps: episodeSteps(rows),
    outcome: {
      ...(score === undefined
        ? {}
        : { reward: score, rewardSource: "score: the episode's reward, repeated on each of its steps" }),
      components: { episode_length: rows.length },
    },
    extra: { rows: rows.map((row) => row.at) },
    notes,
  };
}

/** verl-agent (GiGPO) dumps: one row is one environment step; episodes are put together from what the prompts tell. */
export const verlAgent = draftedFormat({
  id: "verl-agent",
  title: "verl-agent episodes",
  source: "langfengQ/verl-agent and forks, trainer.rollout_data_dir",
  containers: ["jsonl"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      typeof row["input"] !== "string" ||
      typeof row["output"] !== "string" ||
      !("score" in row)
    )
      return undefined;
    if (!VERL_AGENT_PROMPT.test(row["input"])) return undefined;
    return { confidence: 0.95, reason: "verl's keys, and a prompt made by verl-agent's templates" };
  },

  drafts(record, context) {
    const rows = rowsOf(record).flatMap((row, at) => stepRow(row, at) ?? []);
    if (rows.length === 0)
      throw new Failure(
        "missing-field",
        "No row has text input and output.",
        "A verl-agent row needs input, output and score.",
      );
    return chainEpisodes(rows).map((episode) => episodeDraft(episode, context.path));
  },
});

/** Names of the fields of step rows: forks log them apart, or add them to verl's own dump. */
const PROMPTS = ["prompt", "input"] as const;
const OUTPUTS = ["llm_output", "output", "response"] as const;
const NUMBERS = ["rollout_step", "env_step", "step_idx", "step_id", "turn_idx", "turn"] as const;
const STEP_REWARDS = ["reward", "rewards", "step_reward", "step_rewards"] as const;
/** The episode's reward, repeated on each of its steps. */
const EPISODE_REWARDS = ["episode_rewards", "episode_reward", "score"] as const;

/** Fields of a step row that are read; the others stay visible. */
const LOGGED = new Set<string>([
  ...PROMPTS,
  "llm_output",
  "output",
  "projected_action",
  "reward",
  "done",
  "uid",
  "traj_uid",
]);

const nameIn = (row: JsonObject, names: readonly string[]): string | undefined =>
  names.find((name) => row[name] !== undefined);

/** Rows of one episode in their order: by the number that they have, else as they stand in the file. */
function inOrder(rows: readonly JsonObject[]): readonly JsonObject[] {
  const name = NUMBERS.find((own) => rows.every((row) => wholeNumber(row[own]) !== undefined));
  if (name === undefined) return rows;
  return [...rows].sort((a, b) => (wholeNumber(a[name]) ?? 0) - (wholeNumber(b[name]) ?? 0));
}

/** The episode's reward: what its rows repeat, else the sum of the steps'. */
function rewardOf(
  rows: readonly JsonObject[],
  steps: readonly (number | null | undefined)[],
): { readonly reward?: number | null; readonly rewardSource?: string } {
  const [first] = rows;
  const repeated = EPISODE_REWARDS.find((name) => {
    const value = recordedNumber(first?.[name]);
    return value !== undefined && rows.every((row) => Object.is(recordedNumber(row[name]), value));
  });
  const recorded = steps.filter((value) => value !== undefined);
  // One row alone says nothing of repetition: its own reward counts where it has one.
  if (repeated !== undefined && (rows.length > 1 || recorded.length === 0 || repeated !== "score"))
    return {
      reward: recordedNumber(first?.[repeated]) ?? null,
      rewardSource: `${repeated}: the episode's reward, repeated on each of its steps`,
    };
  if (recorded.length === 0) return {};
  const numbers = recorded.filter((value) => value !== null && !Number.isNaN(value));
  return {
    reward: numbers.length === 0 ? null : numbers.reduce<number>((sum, value) => sum + (value ?? 0), 0),
    rewardSource: "sum of the steps' rewards",
  };
}

/** Step rows of forks that log the ids too: nothing is guessed but the order, where the rows have no number. */
export const verlAgentSteps = draftedFormat({
  id: "verl-agent-steps",
  title: "verl-agent step rows",
  source:
    "verl-agent forks that log step rows with traj_uid: llm_step_rows, or verl's dump with the batch's own fields",
  containers: ["jsonl", "parquet"],
  wholeDocument: true,
  episodeColumns: [],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const names = new Set(fieldNames(head));
    if (!names.has("traj_uid")) return undefined;
    if (names.has("rollout_step") && names.has("llm_output"))
      return { confidence: 0.95, reason: "keys traj_uid, rollout_step, llm_output" };
    return PROMPTS.some((name) => names.has(name)) && OUTPUTS.some((name) => names.has(name))
      ? { confidence: 0.96, reason: "a prompt and an output a step, and the trajectory's traj_uid" }
      : undefined;
  },

  drafts(record, context) {
    const trajectories = new Map<string, JsonObject[]>();
    for (const row of rowsOf(record)) {
      // Rows of environments that had ended already only keep the batch's shape.
      if (recordedFlag(row["active"] ?? row["active_masks"]) === false || !("traj_uid" in row)) continue;
      const id = String(row["traj_uid"]);
      const known = trajectories.get(id);
      if (known === undefined) trajectories.set(id, [row]);
      else known.push(row);
    }
    return [...trajectories].map(([id, unordered]): TrajectoryDraft => {
      const rows = inOrder(unordered);
      const steps: Step[] = [];
      const rewards: (number | null | undefined)[] = [];
      for (const row of rows) {
        const prompt = textOf(row[nameIn(row, PROMPTS) ?? ""]) ?? "";
        const reward = recordedNumber(row[nameIn(row, STEP_REWARDS) ?? ""]);
        rewards.push(reward);
        const observation =
          /[Yy]our current observation(?: is)?:\s*([\s\S]*?)(?=\n\s*Your admissible actions|$)/
            .exec(prompt)?.[1]
            ?.trim();
        const action = row["projected_action"];
        const done = recordedFlag(row["done"]);
        const info = unpacked(row["info_json"]);
        steps.push({
          index: steps.length,
          role: steps.length === 0 ? "user" : "environment",
          kind: steps.length === 0 ? "prompt" : "observe",
          observation: prompt,
        });
        steps.push({
          index: steps.length,
          role: "assistant",
          kind: "act",
          ...said(textOf(row[nameIn(row, OUTPUTS) ?? ""]) ?? ""),
          ...(action === undefined || action === null
            ? {}
            : { toolCalls: [{ name: "action", arguments: action }] }),
          ...given("reward", reward),
          ...(typeof done === "boolean" ? { terminated: done } : {}),
          ...given("stateKey", textOf(row["anchor_obs"]) ?? observation),
          extra: { ...without(row, LOGGED), ...(isObject(info) ? { info_json: info } : {}) },
        });
      }
      const lastRow = rows.at(-1);
      const last = unpacked(lastRow?.["info_json"]);
      const won = isObject(last)
        ? (recordedFlag(last["won"]) ?? recordedFlag(last["success"]))
        : (recordedFlag(lastRow?.["won"]) ?? recordedFlag(lastRow?.["success"]));
      const uid = rows[0]?.["uid"];
      const opening = textOf(rows[0]?.[nameIn(rows[0] ?? {}, PROMPTS) ?? ""]) ?? "";
      const task = stepRow({ input: opening, output: "" }, 0)?.task;
      const numbered = NUMBERS.some((name) => rows.every((row) => wholeNumber(row[name]) !== undefined));
      return {
        ownId: id,
        ...(uid === undefined || uid === null ? {} : { groupKey: String(uid) }),
        title: titleOf(task ?? steps[0]?.observation ?? ""),
        task: {
          ...given("prompt", task ?? steps[0]?.observation),
          ...given("groundTruth", rows[0]?.["gts"]),
        },
        ...given(
          "trainingStep",
          wholeNumber(rows[0]?.["global_step"]) ?? wholeNumber(rows[0]?.["step"]) ?? stemNumber(context.path),
        ),
        steps,
        outcome: {
          ...rewardOf(rows, rewards),
          ...given("success", won),
          components: numbersOf({ episode_length: rows.length }, new Set()),
        },
        extra: {},
        notes:
          numbered || rows.length < 2
            ? []
            : [
                {
                  code: "guessed-order",
                  message:
                    "The rows have no number: the steps of an episode are in the file's order (guess).",
                },
              ],
      };
    });
  },
});
