import type { Step, Trajectory } from "../../model/trajectory";

/** Everything a step says, in reading order: what was seen, thought, done, and which tools were called. */
export function stepText(step: Step): string {
  const parts: string[] = [];
  if (step.observation !== undefined) parts.push(step.observation);
  if (step.thought !== undefined) parts.push(step.thought);
  if (step.action !== undefined) parts.push(step.action);
  for (const call of step.toolCalls ?? []) {
    parts.push(
      `${call.name}(${typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments)})`,
    );
  }
  return parts.join("\n");
}

/**
 * A step cut into the units at which rollouts may part: the tokens of the file when their text adds up to the step's,
 * otherwise words with the space before them.
 */
export function stepUnits(trajectory: Trajectory, step: Step): readonly string[] {
  const text = stepText(step);
  const tokens = trajectory.tokens?.text;
  if (tokens && step.tokenStart !== undefined && step.tokenEnd !== undefined) {
    const own = tokens.slice(step.tokenStart, step.tokenEnd);
    if (own.join("") === text) return own;
  }
  return text.match(/\s*\S+|\s+$/gu) ?? [];
}
