import { episodeRows, rowTransitions } from "../../../src/signals/control/datasetTransitions";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const flags = {
      terminals: inputs.vector("terminals"),
      longest: inputs.number("max_episode_steps", 1000),
      ...(Array.isArray(inputs.get("timeouts")) ? { timeouts: inputs.vector("timeouts") } : {}),
    };
    if (fn === "sequence_dataset") return { episode_rows: episodeRows(flags) };
    if (fn !== "qlearning_dataset") throw new InputError("function", `known (${fn})`);
    // Observations are row numbers, rewards one more.
    const rows = rowTransitions(flags, inputs.flag("terminate_on_end", false));
    return {
      obs: rows.map(({ row }) => row),
      next_obs: rows.map(({ next }) => next),
      rewards: rows.map(({ row }) => row + 1),
      terminals: rows.map(({ terminal }) => terminal),
    };
  },
};
