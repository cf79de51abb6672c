import {
  descriptorDistances,
  localCompetition,
  novelty,
  trajectoryDistances,
  type DescriptorMetric,
} from "../../../src/signals/control/novelty";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const metric = inputs.text("distance_metric", "euclidean");
    const sets = ["bd_set", "reference_set"] as const;
    const [trajectories, references] = sets.map((name) =>
      metric === "optimal_control"
        ? inputs.list(name).map((entry) => list(entry).map((row) => vector(row)))
        : [],
    );
    const distances =
      metric === "optimal_control"
        ? trajectoryDistances(trajectories!, references!)
        : descriptorDistances(
            inputs.matrix("bd_set"),
            inputs.matrix("reference_set"),
            metric as DescriptorMetric,
          );
    if (fn === "calculate_distances") return { distance_matrix: distances };
    const neighbours = inputs.number("novelty_neighs", 15);
    const novelties = distances.map((row) => novelty(row, neighbours));
    if (fn === "calculate_novelties") return { novelties };
    if (fn !== "calculate_nov_and_lc") throw new InputError("function", `known (${fn})`);
    const rewards = inputs.vector("rewards");
    return { novelties, lc_scores: distances.map((row, i) => localCompetition(row, i, rewards, neighbours)) };
  },
};
