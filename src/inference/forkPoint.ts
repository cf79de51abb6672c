import { Failure } from "../model/failure";
import type { ForkPoint } from "../protocol/inferenceCalls";
import type { PreparedText } from "./preparedText";

/**
 * The tokens that stand before a fork: all up to the end of a step (and of what the template puts between it and the
 * policy's next words), or up to and with one token.
 * @throws Failure `bad-fork-point` when there is no such place
 */
export function tokensBefore(prepared: PreparedText, point: ForkPoint): readonly number[] {
  if ("afterToken" in point) {
    const count = point.afterToken + 1;
    if (!Number.isInteger(count) || count < 1 || count > prepared.ids.length) {
      throw new Failure(
        "bad-fork-point",
        `There is no token ${point.afterToken}: the trajectory has tokens 0 to ${prepared.ids.length - 1}.`,
        "Choose one of them.",
      );
    }
    return prepared.ids.slice(0, count);
  }
  const next = prepared.spans.find((span) => span.step > point.afterStep && span.policy);
  const own = prepared.spans.find((span) => span.step === point.afterStep);
  if (!next && !own)
    throw new Failure(
      "bad-fork-point",
      `There is no step ${point.afterStep} with text in this trajectory.`,
      "Choose another step.",
    );
  const end = next ? next.start : own!.end;
  const count = prepared.tokens.findLastIndex((token) => token.end <= end) + 1;
  const straddling = prepared.tokens[count];
  if (straddling && straddling.start < end) {
    throw new Failure(
      "bad-fork-point",
      `One token covers the end of step ${point.afterStep} and what follows, so nothing can be continued between them.`,
      "Fork after a token instead.",
    );
  }
  if (count === 0)
    throw new Failure(
      "bad-fork-point",
      "There is no text before this place, and a language model continues text.",
      "Fork after a later step.",
    );
  return prepared.ids.slice(0, count);
}
