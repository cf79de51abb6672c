import type { ExplanationView } from "../../protocol/webviewMessages";
import { expressionText, workingNumber } from "../../signals/expression";
import type { Explanation } from "../../signals/signal";
import type { SignalTrack } from "../../services/services";

/**
 * An explanation as the view shows it: every line as formula, with its numbers, and its value in full precision.
 * @param code the trainer's own function for this signal, when it is in the workspace
 */
export function explanationView(
  explanation: Explanation,
  convention: string,
  track: SignalTrack | undefined,
  trajectoryId: string,
  code: ExplanationView["code"],
): ExplanationView {
  const result = track?.result;
  const group = result && !("missing" in result) ? result.group : undefined;
  return {
    title: explanation.title,
    convention: (explanation.convention || convention).replace(/\b0\.000\d+\b/g, (text) =>
      Number(text).toExponential(),
    ),
    lines: explanation.lines.map((line) => ({
      name: line.name,
      formula: expressionText(line.expression, false),
      substituted: expressionText(line.expression, true, workingNumber),
      value: line.value,
      exact: String(line.value),
    })),
    source: explanation.source,
    notes: explanation.notes,
    ...(code === undefined ? {} : { code }),
    ...(group === undefined
      ? {}
      : {
          group: group.memberIds
            .slice(0, 500)
            .map((id, index) => ({ id, reward: group.rewards[index], self: id === trajectoryId })),
        }),
  };
}
