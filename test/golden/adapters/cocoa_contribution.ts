import { causalContribution } from "../../../src/signals/control/cocoa";
import { list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const rewards = inputs.vector("rewards");
    // A one-step case needs no hindsight: no step lies later.
    const hindsight = inputs.has("hindsight_prob")
      ? inputs.list("hindsight_prob").map((later) => list(later).map((row) => vector(row)))
      : [];
    const kind = inputs.text("return_type", "advantage") === "advantage" ? "advantage" : "action_value";
    const result = causalContribution(
      { actions: Array.from(inputs.vector("actions")), rewards },
      inputs.matrix("policy_prob"),
      hindsight,
      kind,
      inputs.has("dones") ? inputs.vector("dones") : undefined,
    );
    return { advantage_all_actions: result.actions, coefficients: result.coefficients };
  },
};
