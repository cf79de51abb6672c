import { sampledDescriptor, scaledTrajectory } from "../../../src/signals/control/behaviourDescriptor";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const observations = inputs.matrix("observations");
    if (fn.endsWith("full_scaled_trajectory")) return { bd: scaledTrajectory(observations) };
    if (fn.endsWith("full_trajectory")) return { bd: observations };
    if (!fn.endsWith("last_obs")) throw new InputError("function", `known (${fn})`);
    return { bd: sampledDescriptor(observations, inputs.number("samples_per_traj", 1)) };
  },
};
