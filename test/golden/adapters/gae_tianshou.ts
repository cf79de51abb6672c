import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { nStepTargets } from "../../../src/signals/returns/nStep";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn === "_gae") {
      const values = inputs.vector("v_s");
      const result = generalisedAdvantages(
        {
          rewards: inputs.vector("rew"),
          values,
          nextValues: inputs.vector("v_s_next"),
          carries: inputs.vector("end_flag").map((end) => 1 - end),
        },
        inputs.number("gamma"),
        inputs.number("gae_lambda"),
      );
      return { advantage: result.advantages };
    }
    if (fn !== "_nstep_return") throw new InputError("function", `known (${fn})`);
    const targets = list(inputs.get("target_q_IA")).map((row) => vector(row));
    const stacks = inputs.list("stacked_indices_NI").map((row) => Int32Array.from(vector(row)));
    const columns = targets[0]?.length ?? 0;
    const perAction = Array.from({ length: columns }, (_, action) =>
      nStepTargets(
        inputs.vector("rew_B"),
        inputs.vector("end_flag_B"),
        Float64Array.from(targets, (row) => row[action]!),
        stacks,
        inputs.number("gamma"),
      ),
    );
    return { target: targets.map((_, row) => perAction.map((column) => column[row]!)) };
  },
};
