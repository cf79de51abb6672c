import { returnHindsightUpdate, stateHindsightUpdate } from "../../../src/signals/control/hindsightCredit";
import { InputError, vector, list, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const tables = {
      policy: inputs.matrix("pi"),
      values: inputs.vector("V"),
      hindsight: inputs.list("h").map((states) => list(states).map((row) => vector(row))),
    };
    const episode = {
      states: Array.from(inputs.vector("states")),
      actions: Array.from(inputs.vector("actions")),
      rewards: inputs.vector("rewards"),
    };
    const gamma = inputs.number("gamma");
    if (fn !== "StateHCA.update" && fn !== "ReturnHCA.update")
      throw new InputError("function", `known (${fn})`);
    const update =
      fn === "StateHCA.update"
        ? stateHindsightUpdate(tables, episode, gamma)
        : returnHindsightUpdate(tables, episode, gamma, inputs.vector("return_bins"));
    return { dlogits: update.logits, dV: update.values, dlogits_h: update.hindsight };
  },
};
