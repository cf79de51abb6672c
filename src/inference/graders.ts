import { Failure } from "../model/failure";
import type { Grader } from "../protocol/inferenceCalls";

const NUMBER = /[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?/g;

/**
 * A function that says whether a continuation reached the goal.
 * @throws Failure `bad-grader` for a pattern that is no regular expression
 */
export function graderOf(grader: Grader): (continuation: string) => boolean {
  switch (grader.kind) {
    case "exact": {
      const answer = grader.answer.trim();
      return (text) => text.trim().split("\n").at(-1)!.trim() === answer;
    }
    case "numeric":
      return (text) => {
        const last = text.match(NUMBER)?.at(-1);
        return (
          last !== undefined &&
          Math.abs(Number(last.replaceAll(",", "")) - grader.answer) <= (grader.tolerance ?? 1e-9)
        );
      };
    case "regex": {
      let pattern: RegExp;
      try {
        pattern = new RegExp(grader.pattern, grader.flags?.replaceAll("g", ""));
      } catch (error) {
        throw new Failure(
          "bad-grader",
          `The grader's pattern is no regular expression: ${error instanceof Error ? error.message : String(error)}.`,
          "Correct the pattern.",
        );
      }
      return (text) => pattern.test(text);
    }
  }
}

/** Standard normal quantile of a two-sided 95 % interval. */
const Z = 1.959963984540054;

/** Wilson's score interval for a share of successes: stays inside [0, 1] and is honest for few trials. */
export function wilsonInterval(successes: number, trials: number): readonly [number, number] {
  if (trials === 0) return [0, 1];
  const share = successes / trials;
  const centre = (share + (Z * Z) / (2 * trials)) / (1 + (Z * Z) / trials);
  const half =
    (Z / (1 + (Z * Z) / trials)) *
    Math.sqrt((share * (1 - share)) / trials + (Z * Z) / (4 * trials * trials));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
