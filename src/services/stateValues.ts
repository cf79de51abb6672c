import { wilsonInterval } from "../inference/graders";
import { Failure } from "../model/failure";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { StateValue } from "../protocol/inferenceCalls";
import type { ValueRequest } from "./generationContract";
import { meanInterval, unseenShare } from "./meanInterval";
import { runnerRow } from "./recompute";
import type { RewardRunner } from "./rewardRunner";

/** Behind the prompt and behind every step of the policy but the last, which nothing follows. */
export function defaultSteps(trajectory: Trajectory): readonly number[] {
  const own = trajectory.steps.filter((step) => step.role === "assistant").map((step) => step.index);
  const before = own[0] === undefined || own[0] === 0 ? [] : [own[0] - 1];
  return [...before, ...own.slice(0, -1)];
}

/** Continuations under the user's own reward function: a share where all rewards are 0 or 1, else a mean. */
export async function graded(
  value: StateValue,
  trajectory: Trajectory,
  runner: RewardRunner,
): Promise<StateValue> {
  const row = runnerRow(trajectory);
  const texts = value.texts ?? [];
  const results = await runner.run(
    texts.map((text, i) => ({ ...row, id: `${trajectory.id}/${value.afterStep}/${i}`, response: text })),
  );
  const failed = results.find((result) => result.error !== undefined);
  if (failed)
    throw new Failure(
      "reward-function",
      `The reward function failed on a continuation: ${failed.error ?? ""}`,
      "Correct the function, or choose another grader.",
    );
  const rewards = results.flatMap((result) => (typeof result.reward === "number" ? [result.reward] : []));
  const base = { afterStep: value.afterStep, trials: rewards.length };
  if (rewards.length > 0 && rewards.every((reward) => reward === 0 || reward === 1)) {
    const successes = rewards.filter((reward) => reward === 1).length;
    return {
      ...base,
      successes,
      value: successes / rewards.length,
      interval: wilsonInterval(successes, rewards.length),
      method: "Wilson score",
    };
  }
  const { mean, interval, spread } = meanInterval(rewards);
  if (spread || rewards.length === 0) return { ...base, value: mean, interval, method: "Student t" };
  return { ...base, value: mean, interval, method: "no spread", othersAtMost: unseenShare(rewards.length) };
}

/**
 * Values of states as step series, so that they are a track like any model's: `mc_value`, and its 95 % interval as
 * `mc_value_low` and `mc_value_high`. NaN behind steps that were not valued.
 */
export function valueSeries(
  trajectory: Trajectory,
  modelPath: string,
  provider: ScoreSeries["provider"],
  values: readonly StateValue[],
  request: ValueRequest,
): readonly ScoreSeries[] {
  const perStep = (of: (value: StateValue) => number): Float64Array => {
    const series = new Float64Array(trajectory.steps.length).fill(NaN);
    for (const value of values) if (value.afterStep < series.length) series[value.afterStep] = of(value);
    return series;
  };
  // Equal rewards bound no mean: there is no number for the track then.
  const bounded = (bound: number): number => (Number.isFinite(bound) ? bound : NaN);
  const intervals = [
    ...new Set(
      values.flatMap(({ method }) =>
        method === undefined ? [] : [method === "no spread" ? "none where all rewards are equal" : method],
      ),
    ),
  ];
  const base = {
    trajectoryId: trajectory.id,
    level: "step" as const,
    unit: request.grader.kind === "python" ? "reward" : "share of continuations",
    modelPath,
    modelKind: "policy-lm" as const,
    provider,
    method: `mean over ${request.options.count} continuations from behind each step, graded by ${request.grader.kind}, temperature ${request.options.temperature}; 95 % interval: ${intervals.join(" or ")}`,
  };
  return [
    { ...base, name: "mc_value", values: perStep(({ value }) => value) },
    { ...base, name: "mc_value_low", values: perStep(({ interval }) => bounded(interval[0])) },
    { ...base, name: "mc_value_high", values: perStep(({ interval }) => bounded(interval[1])) },
  ];
}
