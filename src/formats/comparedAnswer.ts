import { titleOf } from "./jsonFields";
import type { TrajectoryDraft } from "./draft";

/** One answer to a prompt, among others that it is compared with. */
export function comparedAnswer(
  prompt: string,
  text: string,
  more: Partial<TrajectoryDraft> & { readonly ownId: string },
): TrajectoryDraft {
  return {
    groupKey: "answers",
    title: titleOf(prompt),
    task: { prompt },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: prompt },
      { index: 1, role: "assistant", kind: "answer", action: text },
    ],
    outcome: { components: {} },
    extra: {},
    notes: [],
    ...more,
  };
}
