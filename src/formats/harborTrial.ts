import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { given } from "./draft";
import type { Companions } from "./format";
import { isObject, recordedNumber, textOf, titleOf, without } from "./jsonFields";

/** Files of a trial folder, from its root: what a trajectory in `agent/` does not say. */
const TRIAL_FILES = [
  "result.json",
  "verifier/reward.json",
  "verifier/reward.txt",
  "exception.txt",
  "config.json",
] as const;

/** The trial's files beside a trajectory: it lies in the trial's folder `agent`, or in the trial's root itself. */
export function harborCompanions(path: string, siblings: readonly string[]): readonly string[] {
  if (/[/\\]agent[/\\][^/\\]+$/.test(path)) return TRIAL_FILES.map((name) => `../${name}`);
  return siblings.includes("result.json") ? TRIAL_FILES : [];
}

function fileOf(companions: Companions, name: string): JsonValue | undefined {
  return companions.get(`../${name}`) ?? companions.get(name);
}

/** Rewards as the verifier wrote them: a map of names, or one number. */
function rewardsOf(value: JsonValue | undefined): Readonly<Record<string, number | null>> {
  const single = recordedNumber(value);
  if (single !== undefined) return { reward: single };
  const rewards: Record<string, number | null> = {};
  if (isObject(value))
    for (const [name, one] of Object.entries(value)) {
      const number = recordedNumber(one);
      if (number !== undefined) rewards[name] = number;
    }
  return rewards;
}

/** What a Harbor trial's files say of its outcome. @returns undefined when there is none of them */
export function harborOutcome(
  companions: Companions | undefined,
): { readonly outcome: Outcome; readonly extra: JsonObject } | undefined {
  const result = companions === undefined ? undefined : fileOf(companions, "result.json");
  const written =
    companions === undefined
      ? undefined
      : (fileOf(companions, "verifier/reward.json") ?? fileOf(companions, "verifier/reward.txt"));
  const trial = isObject(result) ? result : undefined;
  if (companions === undefined || (trial === undefined && written === undefined)) return undefined;
  const verified = isObject(trial?.["verifier_result"]) ? trial["verifier_result"] : {};
  const recorded = rewardsOf(verified["rewards"] ?? verified["reward"]);
  const fromResult = Object.keys(recorded).length > 0;
  const rewards = fromResult ? recorded : rewardsOf(written);
  const [only, ...others] = Object.keys(rewards);
  const name = "reward" in rewards ? "reward" : others.length === 0 ? only : undefined;
  const reward = name === undefined ? undefined : rewards[name];
  const exception = isObject(trial?.["exception_info"]) ? trial["exception_info"] : undefined;
  const stopReason =
    textOf(exception?.["exception_type"]) ??
    (exception === undefined ? undefined : titleOf(textOf(exception["exception_message"]) ?? "exception"));
  const agent = isObject(trial?.["agent_result"]) ? trial["agent_result"] : {};
  const cost = recordedNumber(agent["cost_usd"]);
  return {
    outcome: {
      ...(name === undefined || reward === undefined
        ? {}
        : {
            reward,
            rewardSource: fromResult
              ? `verifier_result.rewards.${name} of result.json`
              : "the verifier's reward file",
          }),
      ...(reward === 0 || reward === 1 ? { success: reward === 1 } : {}),
      ...given("stopReason", stopReason),
      ...(stopReason === undefined ? {} : { truncated: /timeout/i.test(stopReason) }),
      components: {
        ...Object.fromEntries(Object.entries(rewards).filter(([key]) => key !== name)),
        ...given("cost_usd", typeof cost === "number" ? cost : undefined),
      },
    },
    extra: {
      ...(trial === undefined ? {} : { trial: without(trial, new Set(["config"])) }),
      ...given("exception", fileOf(companions, "exception.txt")),
      ...given("trial_config", fileOf(companions, "config.json")),
    },
  };
}
