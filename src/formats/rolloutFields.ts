import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { given, type TrajectoryDraft } from "./draft";
import { isObject, recordedNumber, textOf, wholeNumber } from "./jsonFields";
import { numbersOf } from "./outcomeFields";

/** Names under which rows that people write themselves hold what a trajectory has a place for, the commonest first. */
const IDS = ["id", "uid", "rollout_id", "sample_id", "traj_id", "trajectory_id", "instance_id", "sample_idx"];
const GROUPS = [
  "group_id",
  "group_index",
  "group_idx",
  "group",
  "prompt_id",
  "prompt_idx",
  "problem_id",
  "example_id",
];
const STEPS = ["training_step", "train_step", "global_step", "step", "iteration", "_step"];
const TRUTHS = [
  "ground_truth",
  "gt",
  "gts",
  "gold",
  "gold_answer",
  "golden_answers",
  "gold_answers",
  "reference_answer",
  "expected_answer",
  "expected",
  "answer",
  "label",
  "solution",
  "target",
];

const first = <T>(names: readonly string[], read: (name: string) => T | undefined): T | undefined => {
  for (const name of names) {
    const value = read(name);
    if (value !== undefined) return value;
  }
  return undefined;
};

const word = (value: JsonValue | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** Names that `rolloutFieldsOf` reads, so that they are no measurements. */
export const ROLLOUT_FIELDS: ReadonlySet<string> = new Set([
  ...IDS,
  ...GROUPS,
  ...STEPS,
  ...TRUTHS,
  "advantage",
  "split",
]);

/** Id, group, training step, advantage and split of a row, where it has fields that are called so. */
export function rolloutFieldsOf(
  row: JsonObject,
): Pick<TrajectoryDraft, "ownId" | "groupKey" | "trainingStep" | "advantage" | "split"> {
  return {
    ...given(
      "ownId",
      first(IDS, (name) => word(row[name])),
    ),
    ...given(
      "groupKey",
      first(GROUPS, (name) => word(row[name])),
    ),
    ...given(
      "trainingStep",
      first(STEPS, (name) => wholeNumber(row[name])),
    ),
    ...given("advantage", recordedNumber(row["advantage"])),
    ...given("split", textOf(row["split"])),
  };
}

/** Those of them that are no answers. */
export const PLACES: ReadonlySet<string> = new Set([...IDS, ...GROUPS, ...STEPS, "advantage", "split"]);

/** Name of the field that holds what the answer should be; lists and objects are taken as they are. */
export const truthName = (row: JsonObject): string | undefined =>
  TRUTHS.find((name) => row[name] !== undefined && row[name] !== null && typeof row[name] !== "boolean");

const REWARD_PARTS = ["rewards", "reward", "scores", "reward_components", "reward_breakdown"];
const TOTALS = ["total", "overall", "final", "sum", "reward", "score"];

/** Numbers by reward function, where a row holds them together: `reward.format`. */
export function rewardParts(row: JsonObject): Record<string, number | null> {
  const parts: Record<string, number | null> = {};
  for (const name of REWARD_PARTS) {
    const value = row[name];
    if (!isObject(value)) continue;
    for (const [part, number] of Object.entries(numbersOf(value, new Set())))
      if (!(name === "reward" && TOTALS.includes(part))) parts[`${name}.${part}`] = number;
  }
  return parts;
}

/** The reward of a row whose `reward` is an object with a total among its parts; nothing where it is none. */
export function rewardTotal(row: JsonObject): Pick<Outcome, "reward" | "rewardSource"> {
  const value = row["reward"];
  if (!isObject(value)) return {};
  const name = TOTALS.find((total) => recordedNumber(value[total]) !== undefined);
  const reward = name === undefined ? undefined : recordedNumber(value[name]);
  return name === undefined || reward === undefined ? {} : { reward, rewardSource: `reward.${name}` };
}
