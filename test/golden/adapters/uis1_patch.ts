import { patchHistory } from "../../../src/signals/agentic/uis1Rollout";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const matches = inputs.list("extract_match_by_step").map(Boolean);
    // The formatting is stubbed in the harness; its text for step i is read off the recorded cases, not computed by us.
    const recorded = (i: number): string =>
      `GT:{"action": "click", "coordinate": [${i}, ${i}]} THOUGHT:th${i}`;
    return patchHistory(matches, inputs.number("patch_threshold")).map((step) => ({
      step: step.step,
      extract_match: step.match,
      history_entry: step.patched ? recorded(step.step) : `model${step.step}`,
      patched: step.patched,
      finished: step.ended,
      errors_patched: step.patches,
      failed: step.match ? 0 : 1,
    }));
  },
};
