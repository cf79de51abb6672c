import { latrCumulativeFilter } from "../../../src/signals/agentic/latr";
import type { Adapter } from "../adapter";

interface Given {
  readonly parent: number | null;
  readonly root: number;
  readonly accumulated_logp: number;
}

export const adapter: Adapter = {
  run({ inputs }) {
    const branches = (inputs.list("branches") as unknown as readonly Given[]).map((branch) => ({
      parent: branch.parent,
      root: branch.root,
      logprob: branch.accumulated_logp,
    }));
    const { removed, compared } = latrCumulativeFilter(
      branches,
      inputs.matrix("sequences").map((row) => [...row]),
      inputs.number("current_step"),
      {
        threshold: inputs.number("thres"),
        interval: inputs.number("interval"),
        capacity: inputs.number("capacity"),
        endToken: inputs.number("eos_id"),
      },
    );
    return { remove: removed, compared };
  },
};
