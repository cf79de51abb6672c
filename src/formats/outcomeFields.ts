import type { JsonObject } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { recordedFlag, recordedNumber } from "./jsonFields";

const REWARD_KEYS = ["reward", "score", "final_reward", "total_reward", "return"] as const;
const SUCCESS_KEYS = [
  "success",
  "is_correct",
  "correct",
  "resolved",
  "is_successful",
  "is_solved",
  "solved",
  "passed",
] as const;

/** Reward, success and numeric columns of a row whose own format says no more than their names. */
export function outcomeOfRow(row: JsonObject, mapped: ReadonlySet<string>): Outcome {
  const rewardKey = REWARD_KEYS.find((key) => recordedNumber(row[key]) !== undefined);
  const successKey = SUCCESS_KEYS.find((key) => recordedFlag(row[key]) !== undefined);
  const success = successKey === undefined ? undefined : recordedFlag(row[successKey]);
  return {
    ...(rewardKey === undefined
      ? {}
      : { reward: recordedNumber(row[rewardKey]) ?? null, rewardSource: rewardKey }),
    ...(success === undefined ? {} : { success }),
    components: numbersOf(row, new Set([...mapped, ...(rewardKey === undefined ? [] : [rewardKey])])),
  };
}

/** Fields that hold numbers or booleans, under their own names; texts are not turned into numbers here. */
export function numbersOf(row: JsonObject, skip: ReadonlySet<string>): Record<string, number | null> {
  const components: Record<string, number | null> = {};
  for (const [key, value] of Object.entries(row)) {
    if (skip.has(key) || typeof value === "string" || value === null || /(^|_)(id|idx|index|seed)$/.test(key))
      continue;
    const number = recordedNumber(value);
    if (number !== undefined) components[key] = number;
  }
  return components;
}
