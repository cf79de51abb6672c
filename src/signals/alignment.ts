import type { Trajectory } from "../model/trajectory";
import { stepText } from "./series/stepText";

/** Where two trajectories part. */
export interface Divergence {
  /** Leading steps that are equal in both. */
  readonly sharedSteps: number;
  /** Index of the first step that differs; undefined when both are equal to the end. */
  readonly step?: number;
  /** Characters of that step that are still equal. */
  readonly sharedCharacters: number;
  /** What differs there. */
  readonly reason: "equal" | "text" | "role" | "left-ended" | "right-ended";
}

/**
 * Finds the first step at which two trajectories differ, comparing who acts and what the step says.
 * Rewards, values and token arrays do not count: equal behaviour with different credit is still equal.
 */
export function firstDivergence(left: Trajectory, right: Trajectory): Divergence {
  const common = Math.min(left.steps.length, right.steps.length);
  for (let index = 0; index < common; index++) {
    const a = left.steps[index]!;
    const b = right.steps[index]!;
    if (a.role !== b.role) return { sharedSteps: index, step: index, sharedCharacters: 0, reason: "role" };
    const leftText = stepText(a);
    const rightText = stepText(b);
    if (leftText !== rightText) {
      let shared = 0;
      while (
        shared < leftText.length &&
        shared < rightText.length &&
        leftText.charCodeAt(shared) === rightText.charCodeAt(shared)
      )
        shared++;
      // A surrogate pair is one character: never part in its middle.
      const before = leftText.charCodeAt(shared - 1);
      if (shared > 0 && before >= 0xd800 && before <= 0xdbff) shared--;
      return { sharedSteps: index, step: index, sharedCharacters: shared, reason: "text" };
    }
  }
  if (left.steps.length === right.steps.length)
    return { sharedSteps: common, sharedCharacters: 0, reason: "equal" };
  return {
    sharedSteps: common,
    step: common,
    sharedCharacters: 0,
    reason: left.steps.length === common ? "left-ended" : "right-ended",
  };
}
