import { contrastGroups } from "../../../src/signals/group/contrastFilter";
import { overlongReward } from "../../../src/signals/loss/overlongPenalty";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn.startsWith("DAPORewardManager")) {
      return {
        overlong_reward: overlongReward(
          inputs.number("valid_response_length"),
          inputs.number("max_resp_len"),
          inputs.number("overlong_buffer_len"),
          inputs.number("penalty_factor"),
        ),
      };
    }
    const groups = contrastGroups(inputs.texts("uid"), inputs.vector("metric"), 0);
    const kept = groups.filter((group) => group.kept);
    return {
      kept_uids: kept.map((group) => group.key),
      kept_rows: kept.flatMap((group) => group.rows).sort((a, b) => a - b),
      std: Object.fromEntries(groups.map((group) => [group.key, group.spread])),
    };
  },
};
