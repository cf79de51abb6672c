import { opensBranch } from "../../../src/signals/agentic/latr";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const rule = {
      absolute: inputs.number("abs_thres"),
      relative: inputs.number("rel_thres"),
      gap: "below" as const,
    };
    return {
      keep_second_and_later: inputs
        .matrix("top_probs")
        .map(([top, ...others]) => others.map((p) => opensBranch(top!, p, rule))),
    };
  },
};
