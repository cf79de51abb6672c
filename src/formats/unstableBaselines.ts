import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  fieldNames,
  isList,
  isObject,
  recordedNumber,
  stemNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { stepInName } from "./recordedTokens";
import { unpacked } from "./spanMessages";
import { splitReasoning } from "./turns";

const TRAINING = ["pid", "obs", "act", "reward", "env_id", "step_info"] as const;
const GAME = ["game_idx", "turn_idx", "pid", "obs", "full_action", "final_reward"] as const;

/** What a player saw and said at its turn. */
function turn(row: JsonObject, action: string, index: number): Step[] {
  const observation = textOf(row["obs"]) ?? "";
  const pieces = splitReasoning(action);
  const thought = pieces
    .filter(({ kind }) => kind === "think")
    .map(({ text }) => text)
    .join("");
  const said = pieces
    .filter(({ kind }) => kind !== "think")
    .map(({ text }) => text)
    .join("");
  const info = unpacked(row["step_info"]);
  return [
    { index, role: "environment", kind: index === 0 ? "prompt" : "observe", observation },
    {
      index: index + 1,
      role: "assistant",
      kind: "act",
      ...(thought === "" ? {} : { thought }),
      action: thought === "" ? action : said,
      extra: {
        ...without(row, new Set(["obs", "act", "full_action", "step_info"])),
        ...given("step_info", info),
      },
    },
  ];
}

/** A game of an evaluation: each player's turns are a trajectory with that player's final reward. */
function gameDrafts(rows: readonly JsonObject[], path: string): TrajectoryDraft[] {
  const players = [...new Set(rows.map((row) => String(row["pid"])))];
  return players.map((player) => {
    const own = rows.filter((row) => String(row["pid"]) === player);
    const steps: Step[] = [];
    for (const row of own) steps.push(...turn(row, textOf(row["full_action"]) ?? "", steps.length));
    const reward = recordedNumber(own[0]?.["final_reward"]);
    const opening = textOf(own[0]?.["obs"]) ?? "";
    const game = own[0]?.["game_idx"];
    return {
      ownId: `${String(game)}:${player}`,
      ...given("trainingStep", stepInName(path)),
      split: "eval",
      title: titleOf(`${textOf(own[0]?.["name"]) ?? `player ${player}`}: ${opening}`),
      task: { prompt: opening },
      steps,
      outcome: { ...(reward === undefined ? {} : { reward, rewardSource: "final_reward" }), components: {} },
      extra: without(
        own[0] ?? {},
        new Set(["obs", "full_action", "extracted_action", "step_info", "turn_idx"]),
      ),
      notes: [],
    };
  });
}

/** A step that was trained on: its game is not recorded. */
function stepDraft(row: JsonObject, path: string): TrajectoryDraft {
  const observation = textOf(row["obs"]) ?? "";
  const reward = recordedNumber(row["reward"]);
  return {
    groupKey: `${textOf(row["env_id"]) ?? ""}:${observation}`,
    groupGuess: "steps of one training step with the same observation",
    ...given("trainingStep", stepInName(path) ?? stemNumber(path)),
    title: titleOf(observation),
    task: { prompt: observation, ...given("id", textOf(row["env_id"])) },
    steps: turn(row, textOf(row["act"]) ?? "", 0),
    outcome: {
      ...(reward === undefined ? {} : { reward, rewardSource: "reward" }),
      components: {},
    },
    extra: {},
    notes: [
      {
        code: "single-step",
        message: "A training batch of UnstableBaselines holds steps and does not say which game they are of.",
      },
    ],
  };
}

/** UnstableBaselines' CSV files: steps of a training batch, and games of an evaluation. */
export const unstableBaselines = draftedFormat({
  id: "unstable-baselines",
  title: "UnstableBaselines games",
  source: "LeonGuertler/UnstableBaselines, train_data_step_{N}.csv and evaluation games as CSV",
  containers: ["csv", "parquet", "jsonl"],
  wholeDocument: true,
  episodeColumns: ["game_idx"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const names = new Set(fieldNames(head));
    if (GAME.every((name) => names.has(name)))
      return { confidence: 0.95, reason: "columns game_idx, turn_idx, pid, obs, full_action, final_reward" };
    return TRAINING.every((name) => names.has(name))
      ? { confidence: 0.95, reason: "columns pid, obs, act, reward, env_id, step_info" }
      : undefined;
  },

  drafts(record, context) {
    const value = record.kind === "value" ? record.value : null;
    const rows = (isList(value) ? value : [value]).filter(isObject);
    if (rows.length === 0)
      throw new Failure("missing-field", "The table has no rows.", "It may still be written.");
    if (!("game_idx" in (rows[0] ?? {}))) return rows.map((row) => stepDraft(row, context.path));
    return gameDrafts(
      [...rows].sort((a, b) => (wholeNumber(a["turn_idx"]) ?? 0) - (wholeNumber(b["turn_idx"]) ?? 0)),
      context.path,
    );
  },
});
