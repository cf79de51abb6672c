import { multiplierUpdates } from "../../../src/signals/control/behaviourConstraints";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const bounds = inputs.list("thresholds").map((pair) => {
      const [least, most] = list(pair).map((value) => (typeof value === "number" ? value : null));
      return { least: least ?? null, most: most ?? null };
    });
    const normalised = inputs.flag("use_normalized_multipliers");
    const named = inputs.get("bootstrap_constraint");
    let bootstrap: number | undefined;
    if (typeof named === "string") {
      bootstrap = Number(/\d+$/u.exec(named)?.[0]);
      if (Number.isNaN(bootstrap)) throw new InputError("bootstrap_constraint", "a numbered constraint");
    }
    const start = new Float64Array(bounds.length + (normalised ? 1 : 0)).fill(
      inputs.number("init_param", 0.02),
    );
    const { weights, parameters } = multiplierUpdates(
      inputs.list("cost_batch").map((row) => vector(row)),
      start,
      {
        bounds,
        normalised,
        learningRate: inputs.number("lr"),
        updates: inputs.number("updates"),
        ...(bootstrap === undefined ? {} : { bootstrap }),
      },
    );
    return {
      per_update: weights.map(({ reward, costs }) => ({ reward_weight: reward, cost_weights: costs })),
      final_params: parameters,
    };
  },
};
