import { needHow, type SignalContext } from "../signal";
import type { EpisodeSeries, Missing } from "./episode";

/**
 * Ratios of current to sampling probability per decision, exp(logp_now - logp_sampled), [T].
 * The sampler's log-probabilities come from the file; the current policy's from a policy model's scores, otherwise from
 * the file's trainer log-probabilities.
 */
export function importanceRatios(context: SignalContext, series: EpisodeSeries): Float64Array | Missing {
  const { trajectory, scores } = context;
  const scored = scores?.find(
    (s) => s.name === "logprob" && s.level === series.level && s.values.length === series.length,
  )?.values;
  let sampled: ((position: number) => number) | undefined;
  let now: ((position: number) => number) | undefined = scored && ((position) => scored[position]!);
  if (series.level === "token") {
    const recorded = trajectory.tokens?.series["logprob"];
    const trainer = trajectory.tokens?.series["trainer_logprob"];
    sampled = recorded && ((position) => recorded[position]!);
    now ??= trainer && ((position) => trainer[position]!);
  } else if (trajectory.columns && trajectory.steps.length === 0) {
    const column = trajectory.columns.columns.find(
      (candidate) => candidate.role === "logprob" && candidate.width === 1,
    );
    sampled = column && ((position) => column.data[position]!);
  } else if (trajectory.steps.some((step) => typeof step.logprob === "number")) {
    sampled = (position) => trajectory.steps[position]!.logprob ?? NaN;
  }
  if (!sampled || !now) {
    return {
      missing: ["logprobs"],
      how: `Needs log-probabilities of the taken actions under the sampling policy (in the file) and under the current one. ${needHow.logprobs}`,
    };
  }
  const [before, after] = [sampled, now];
  return Float64Array.from(series.positions, (position) => Math.exp(after(position) - before(position)));
}
