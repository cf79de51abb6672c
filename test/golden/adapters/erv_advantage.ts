import { shapedAdvantage } from "../../../src/signals/agentic/erv";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const bonuses = inputs.matrix("aux_rewards");
    const kappa = inputs.number("adv_shaping_kappa", 2);
    const shapes = inputs.flag("add_adv", true);
    return inputs
      .matrix("advantages_0")
      .map((row, i) =>
        row.map((value, t) => (shapes ? shapedAdvantage(value, bonuses[i]![t]!, kappa) : value)),
      );
  },
};
