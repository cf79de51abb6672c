import type { JsonObject, JsonValue } from "../model/json";
import { given, type TrajectoryDraft } from "./draft";
import { recordedNumber, textOf, wholeNumber } from "./jsonFields";

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
