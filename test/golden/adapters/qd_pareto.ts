import { crowdingDistance, paretoFronts } from "../../../src/signals/control/paretoFronts";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const first = inputs.vector("values1");
    const second = inputs.vector("values2");
    if (fn === "crowding_distance")
      return { distance: crowdingDistance(first, second, Array.from(inputs.vector("front"))) };
    const fronts = paretoFronts(first, second);
    const [best] = fronts;
    return { fronts, ...(best ? { crowding: crowdingDistance(first, second, best) } : {}) };
  },
};
