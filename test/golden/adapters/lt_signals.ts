import {
  chunkMeans,
  latentChange,
  latentSteps,
  segmentMeans,
} from "../../../src/signals/agentic/latentTrajectory";
import { list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ inputs }) {
    const layers = inputs.list("hidden_states").map((layer) => list(layer).map((row) => vector(row)));
    const segments = layers.map((states) =>
      Array.isArray(inputs.get("boundaries"))
        ? segmentMeans(states, inputs.vector("boundaries"))
        : typeof inputs.get("chunk") === "number"
          ? chunkMeans(states, inputs.number("chunk"))
          : states,
    );
    const changes = segments.map(latentChange);
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const columns = {
      net_change: changes.map((c) => c.net),
      cumulative_change: changes.map((c) => c.cumulative),
      aligned_change: changes.map((c) => c.aligned),
    };
    const steps = latentSteps(segments);
    return {
      segments,
      per_layer: columns,
      mean_over_layers: Object.fromEntries(
        Object.entries(columns).map(([name, values]) => [name, mean(values)]),
      ),
      by_step: { net_by_step: steps.net, cumulative_by_step: steps.step },
    };
  },
};
