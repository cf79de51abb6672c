import { uis1Filter, type Uis1Metric } from "../../../src/signals/agentic/uis1";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const groups = uis1Filter(
      inputs.texts("uid"),
      inputs.vector("step_id"),
      inputs.vector("token_score_sum"),
      inputs.vector("step_rewards"),
      inputs.text("metric") as Uis1Metric,
      inputs.number("std_threshold"),
    );
    const kept = groups.filter((group) => group.kept);
    return {
      std_by_uid: Object.fromEntries(groups.map((group) => [group.key, group.spread])),
      kept_uids: kept.map((group) => group.key),
      kept_rows: kept.flatMap((group) => group.rows).sort((a, b) => a - b),
    };
  },
};
