import { automaticScale, transportReward } from "../../../src/signals/control/imitationTransport";
import { InputError, list, vector, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

const episodeOf = (value: Golden): Float64Array[] => list(value).map((row) => vector(row));

export const adapter: Adapter = {
  // Plans are float32 sums of exponentials of costs over 0.01.
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ fn, inputs, file }) {
    if (fn.includes("auto_rew_scale")) {
      // The first episode is named in words: an agent that stays at the first observation of the demonstrations.
      const cases = (list(file["cases"]) as readonly Row[]).map((other) => other["inputs"] as Row);
      const named = cases.find((other) => list(other["demos"] ?? []).length > 1);
      if (!named || !/standing still/u.test(inputs.text("first_episode")))
        throw new InputError("first_episode", "known");
      const demos = list(named["demos"]).map(episodeOf);
      const steps = demos[0]!.map(() => demos[0]![0]!);
      const { rewards } = transportReward(steps, demos, "euclidean", 1);
      return { sinkhorn_rew_scale: automaticScale(rewards, inputs.number("auto_rew_scale_factor")) };
    }
    const result = transportReward(
      episodeOf(inputs.list("observations")),
      inputs.list("demos").map(episodeOf),
      inputs.text("rewards", "sinkhorn_euclidean").includes("cosine") ? "cosine" : "euclidean",
      inputs.number("sinkhorn_rew_scale", 1),
    );
    return {
      cost_matrix: result.costs,
      transport_plan: result.plan,
      rewards: result.rewards,
      best_score: result.total,
    };
  },
};
