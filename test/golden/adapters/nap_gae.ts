import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { successorValues } from "../../../src/signals/series/successorValues";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const values = inputs.vector("value");
    const rewards = inputs.vector("reward");
    const starts = inputs.vector("new");
    // `new` marks the first step of an episode, so the episode ends at the step before it.
    const ended = Uint8Array.from(values, (_, t) =>
      t + 1 < values.length ? starts[t + 1]! : inputs.number("next_new"),
    );
    const successors = successorValues(
      values,
      ended,
      new Uint8Array(values.length),
      inputs.number("next_value"),
      undefined,
    );
    const result = generalisedAdvantages(
      { rewards, values, ...successors },
      inputs.number("gamma"),
      inputs.number("lam"),
    );
    return {
      adv: result.advantages,
      tdlamret: result.returns,
      terminal_rewards: rewards.filter((_, t) => ended[t] === 1),
    };
  },
};
