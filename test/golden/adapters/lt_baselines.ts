import { outputSharpness, pathChanges } from "../../../src/signals/agentic/latentTrajectory";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  run({ fn, inputs }) {
    const layers = inputs.list("hidden").map((layer) => list(layer).map((row) => vector(row)));
    if (fn === "compute_output_distribution_metrics") {
      const rows = layers.map((segments) => outputSharpness(segments, inputs.matrix("lm_head")));
      return {
        logit_margin_mean: rows.map((row) => row.margin),
        entropy_mean: rows.map((row) => row.entropy),
      };
    }
    if (fn !== "compute_trajectory") throw new InputError("function", `known (${fn})`);
    const across = inputs.number("traj_dim") === 0;
    const name = across ? "layerwise" : "seqwise";
    // One path per segment across the layers, or one per layer along the segments.
    const paths = across ? layers[0]!.map((_, segment) => layers.map((layer) => layer[segment]!)) : layers;
    const changes = paths.map(pathChanges);
    const turned = (read: (index: number) => readonly number[]): unknown => {
      const rows = changes.map((_, i) => read(i));
      return across ? rows[0]!.map((_, k) => rows.map((row) => row[k]!)) : rows;
    };
    return {
      [`${name}_mag`]: changes.map((change) => change.magnitude),
      [`${name}_ang`]: changes.map((change) => change.angle),
      [`${name}_mag_changes`]: turned((i) => changes[i]!.magnitudes),
      [`${name}_ang_changes`]: turned((i) => changes[i]!.angles),
      [`${name}_mag_overall_change`]: turned((i) => [changes[i]!.overallMagnitude]),
      [`${name}_ang_overall_change`]: turned((i) => [changes[i]!.overallAngle]),
    };
  },
};
