import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  listOf,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { unpacked } from "./spanMessages";

/** Columns in which the environment managers of ROLL keep a whole trajectory as JSON text. */
const WHOLE = ["trajectory_data", "save_content"] as const;
const SCORES = ["episode_scores", "episode_score", "scores", "score", "reward"] as const;

const part = (object: JsonObject, name: string): JsonObject => {
  const value = object[name];
  return isObject(value) ? value : {};
};

/** Columns of a line: lists of one length, the training step among them. */
function columnLength(line: JsonObject): number | undefined {
  const steps = listOf(line["global_step"]);
  if (steps === undefined || steps.length === 0) return undefined;
  // What a fork adds beside the columns is none of them.
  return Object.values(line).every((value) => !isList(value) || value.length === steps.length)
    ? steps.length
    : undefined;
}

/** What a manager saved as a file of its own, or as a cell: told by the parts that all of them write. */
function isWhole(value: JsonValue | undefined): value is JsonObject {
  if (!isObject(value)) return false;
  return (
    (isObject(value["env_info"]) && isObject(value["reward_info"]) && "trajectory_id" in value) ||
    (isList(value["traj_messages"]) && "episode_score" in value && "env_id" in value)
  );
}

function messagesIn(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  return messageList(unpacked(value));
}

/** Rewards of the turns, where there is one for each of the policy's; otherwise they cannot be told apart. */
function withRewards(steps: readonly Step[], rewards: readonly JsonValue[]): readonly Step[] | undefined {
  const turns = steps.filter((step) => step.role === "assistant" && step.kind !== "prompt");
  if (turns.length !== rewards.length) return undefined;
  const byIndex = new Map(turns.map((step, turn) => [step.index, recordedNumber(rewards[turn])]));
  return steps.map((step) => ({ ...step, ...given("reward", byIndex.get(step.index)) }));
}

function numbersIn(metrics: JsonObject): Record<string, number | null> {
  const numbers: Record<string, number | null> = {};
  for (const [name, value] of Object.entries(metrics)) {
    const number = typeof value === "string" ? undefined : recordedNumber(value);
    if (number !== undefined) numbers[name] = number;
  }
  return numbers;
}

const MAPPED = new Set([
  ...WHOLE,
  ...SCORES,
  "messages",
  "traj_messages",
  "reward_info",
  "metrics",
  "env_metric",
  "global_step",
]);

/**
 * A trajectory from what a manager saved of it and from the row's other columns.
 * @param whole the object that a manager saved; empty where the columns are all there is
 */
function draftOf(whole: JsonObject, row: JsonObject): TrajectoryDraft {
  const said =
    messagesIn(whole["messages"]) ?? messagesIn(whole["traj_messages"]) ?? messagesIn(row["messages"]);
  if (said === undefined)
    throw new Failure(
      "missing-field",
      "A trajectory has no messages: its project does not list a column of them for its dump.",
      "Add messages to the columns that the environment manager writes.",
    );
  const environment = part(whole, "env_info");
  const rewards = part(whole, "reward_info");
  const lengths = part(whole, "length_info");
  const failure = part(whole, "failure_info");
  const metrics =
    Object.keys(part(whole, "env_metric")).length > 0 ? part(whole, "env_metric") : part(whole, "metrics");
  const tag = textOf(environment["tag"]) ?? textOf(whole["tag"]);
  const group = environment["group_id"] ?? whole["group_id"] ?? row["group_ids"];
  const rewardField =
    "episode_score" in rewards || !("episode_reward" in rewards) ? "episode_score" : "episode_reward";
  const column = SCORES.find((name) => recordedNumber(row[name]) !== undefined);
  const reward =
    recordedNumber(rewards[rewardField]) ??
    recordedNumber(whole["episode_score"]) ??
    (column === undefined ? undefined : recordedNumber(row[column]));
  const plain = messageSteps(said);
  const perTurn = listOf(rewards["step_scores"]) ?? listOf(rewards["step_rewards"]);
  const rewarded = perTurn === undefined ? plain : withRewards(plain, perTurn);
  const notes: Note[] =
    rewarded === undefined
      ? [
          {
            code: "unplaced-rewards",
            message: `There are ${perTurn?.length ?? 0} rewards of steps and another number of turns: they stay under extra.`,
          },
        ]
      : [];
  const success = tag === undefined ? undefined : recordedFlag(metrics[`env/${tag}/success`]);
  const stop = textOf(failure["stop_reason"]) ?? textOf(whole["stop_reason"]) ?? textOf(row["stop_reason"]);
  const prompt = promptOfMessages(said);
  return {
    ...given("ownId", textOf(whole["trajectory_id"])),
    // ROLL's own name of a group: members start from one seed in one episode of their environments.
    ...given(
      "groupKey",
      group === undefined || group === null
        ? undefined
        : [tag, group, environment["episode_id"] ?? whole["task_idx"], environment["seed"]]
            .map(String)
            .join("/"),
    ),
    title: titleOf(prompt ?? textOf(whole["problem_statement"]) ?? ""),
    task: {
      ...given("id", textOf(environment["task_name"]) ?? textOf(environment["task_id"])),
      ...given("prompt", prompt),
    },
    ...given(
      "trainingStep",
      wholeNumber(row["global_step"]) ??
        wholeNumber(whole["current_step"]) ??
        // As one of the managers spells it.
        wholeNumber(whole["currect_step"]),
    ),
    ...given("split", textOf(environment["mode"]) ?? textOf(row["mode"])),
    steps: [...(rewarded ?? plain)],
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: column ?? rewardField }),
      ...given("success", success),
      ...given("stopReason", stop === "" ? undefined : stop),
      ...given("truncated", recordedFlag(lengths["truncated"]) ?? undefined),
      components: numbersIn(metrics),
    },
    extra: {
      ...without(row, MAPPED),
      ...without(whole, MAPPED),
      reward_info: without(
        rewards,
        new Set([rewardField, ...(rewarded === undefined ? [] : ["step_scores", "step_rewards"])]),
      ),
    },
    notes,
  };
}

/**
 * ROLL's agentic pipeline: a line a training step, with the columns that the project's environment manager lists, of which
 * one holds whole trajectories as JSON text; and the files that managers save, one a trajectory.
 */
export const rollAgentic = draftedFormat({
  id: "roll-agentic",
  title: "ROLL agentic rollouts",
  source:
    "alibaba/ROLL agentic pipeline, rollout_dump_data.step_{N}.jsonl and the environment managers' trajectory files",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  // Names end in a step before the extension, or in a time: the files of a folder are one run.
  datasetPath: (path) => path.replace(/[/\\][^/\\]*$/, ""),

  detect(head) {
    const line = head.firstRecord;
    if (isWhole(line))
      return { confidence: 0.9, reason: "a trajectory with env_info and reward_info, or traj_messages" };
    if (!isObject(line) || columnLength(line) === undefined || isList(line["responses"])) return undefined;
    const whole = WHOLE.find((name) => name in line);
    if (whole !== undefined)
      return { confidence: 0.9, reason: `lists ${whole} and global_step of equal length` };
    const first = listOf(line["messages"])?.[0];
    const score = SCORES.find((name) => name in line);
    return messagesIn(first) !== undefined && score !== undefined
      ? { confidence: 0.8, reason: `lists messages, ${score} and global_step of equal length` }
      : undefined;
  },

  drafts(record) {
    const line = objectOf(record);
    if (isWhole(line)) return [draftOf(line, {})];
    const length = columnLength(line);
    if (length === undefined)
      throw new Failure(
        "missing-field",
        "The line has no lists of one length with global_step.",
        "Check that the file is ROLL's dump.",
      );
    const drafts: TrajectoryDraft[] = [];
    let empty = 0;
    for (let index = 0; index < length; index++) {
      const row = Object.fromEntries(
        Object.keys(line).map((name) => [name, listOf(line[name])?.[index] ?? null]),
      );
      const cell = WHOLE.map((name) => unpacked(row[name])).find(isObject);
      // A rollout that failed leaves a placeholder without content.
      if (cell === undefined && messagesIn(row["messages"]) === undefined) empty++;
      else drafts.push(draftOf(cell ?? {}, row));
    }
    const [first] = drafts;
    if (first === undefined || empty === 0) return drafts;
    const note = {
      code: "empty-rollouts",
      message: `${empty} of the ${length} rollouts of this step are placeholders of environments that failed; they hold nothing.`,
    };
    return [{ ...first, notes: [...first.notes, note] }, ...drafts.slice(1)];
  },
});
