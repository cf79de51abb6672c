import {
  longestIncreasingSubsequence,
  referenceScores,
  scheduledDiscount,
  scheduleUpdate,
} from "../../../src/signals/control/discountSchedule";
import { cosineCosts, euclideanCosts } from "../../../src/signals/control/imitationTransport";
import { list, vector, type Adapter, type Golden } from "../adapter";

const episodesOf = (values: readonly Golden[]): Float64Array[][] =>
  values.map((episode) => list(episode).map((row) => vector(row)));

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn === "longest_increasing_subsequence")
      return { lis: longestIncreasingSubsequence(inputs.vector("a")) };
    const horizon = inputs.number("horizon", 0);
    const start = Math.trunc(inputs.number("progress_start", 0.2) * horizon);
    const alpha = inputs.number("alpha", 0.2);
    if (fn === "get_discount") return { progress: start, discount: scheduledDiscount(alpha, start) };
    const distance = inputs.text("obs_type", "features") === "pixels" ? cosineCosts : euclideanCosts;
    const demos = episodesOf(inputs.list("demos"));
    const pairs = demos.flatMap((one, i) =>
      demos.flatMap((other, j) => (i === j ? [] : [distance(one, other)])),
    );
    const reference = referenceScores(pairs, inputs.number("ref_score_percentile", 50));
    if (fn === "init_demos") return { ref_score: reference };
    const costs = episodesOf(inputs.list("agent_observations")).flatMap((episode) =>
      demos.map((demo) => distance(episode, demo)),
    );
    // The released function is called once per evaluation; the cases record two calls in a row.
    let progress = start;
    const updates = [0, 1].map(() => {
      const update = scheduleUpdate(progress, costs, reference, {
        horizon,
        alpha,
        threshold: inputs.number("threshold", 0.9),
        mostSteps: inputs.number("max_progress_delta", 5),
        percent: inputs.number("agent_score_percentile", 90),
      });
      progress = update.progress;
      return { ...update, match_score: update.match, ref_score: update.reference };
    });
    return { updates };
  },
};
