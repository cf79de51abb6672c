import type { Step, TokenColumns } from "../model/trajectory";

/**
 * Runs of the loss mask as steps: what the policy wrote and what it was given. For dumps that hold token ids and no text.
 */
export function stepsOfMask(tokens: TokenColumns): Step[] {
  const steps: Step[] = [];
  const { mask, count } = tokens;
  const advantages = tokens.series["advantage"];
  const logprobs = tokens.series["logprob"];
  let start = 0;
  for (let index = 1; index <= count; index++) {
    if (index < count && mask?.[index] === mask?.[start]) continue;
    const trained = mask === undefined || mask[start] === 1;
    const advantage =
      trained && advantages !== undefined ? sameNumber(advantages.subarray(start, index)) : undefined;
    const logprob =
      trained && logprobs !== undefined
        ? logprobs.subarray(start, index).reduce((sum, value) => sum + value, 0)
        : undefined;
    steps.push({
      index: steps.length,
      role: trained ? "assistant" : steps.length === 0 ? "user" : "tool",
      kind: trained ? "act" : steps.length === 0 ? "prompt" : "observe",
      tokenStart: start,
      tokenEnd: index,
      ...(advantage === undefined ? {} : { advantage }),
      ...(logprob === undefined ? {} : { logprob }),
    });
    start = index;
  }
  return steps;
}

/** The number that all entries share. */
function sameNumber(values: Float64Array): number | undefined {
  const first = values[0];
  return first !== undefined && values.every((value) => value === first) ? first : undefined;
}

/** The advantage of the whole trajectory, where all its trained tokens carry the same one (GRPO does). */
export function sharedAdvantage(tokens: TokenColumns): number | undefined {
  const advantages = tokens.series["advantage"];
  if (advantages === undefined) return undefined;
  const { mask } = tokens;
  return sameNumber(mask === undefined ? advantages : advantages.filter((_, index) => mask[index] === 1));
}

/** Tokens before the first that the policy wrote. */
export function promptLength(tokens: TokenColumns): number {
  const first = tokens.mask?.indexOf(1) ?? 0;
  return first < 0 ? tokens.count : first;
}
