import type { StepWindowItem } from "../../../src/protocol/webviewMessages";

/**
 * Positions of a file's tokens on the step axis: the tokens of step i lie evenly between i and i + 1.
 * @returns NaN for tokens of no step; undefined when no step tells its tokens
 */
export function tokenPositions(
  count: number,
  steps: Iterable<readonly [index: number, item: StepWindowItem]>,
): Float64Array | undefined {
  const positions = new Float64Array(count).fill(NaN);
  let told = false;
  for (const [index, item] of steps) {
    const { tokenStart, tokenEnd } = item.step;
    if (tokenStart === undefined || tokenEnd === undefined) continue;
    told = true;
    for (let token = tokenStart; token < tokenEnd; token++)
      positions[token] = index + (token + 0.5 - tokenStart) / (tokenEnd - tokenStart);
  }
  return told ? positions : undefined;
}
