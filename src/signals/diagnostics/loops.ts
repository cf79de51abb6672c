import { numberOf } from "../series/parameters";
import { needHow } from "../signal";
import { diagnostic, percentOf } from "./diagnostic";

/** Share of n-grams that occurred before: 1 - distinct / all; NaN when the text is shorter than one n-gram. */
export function repeatedShare(words: readonly string[], n: number): number {
  const count = words.length - n + 1;
  if (count <= 0) return NaN;
  // Words get numbers, so that an n-gram's key stays short whatever the words are.
  const numbers = new Map<string, number>();
  const ids = words.map((word) => {
    const known = numbers.get(word) ?? numbers.size;
    numbers.set(word, known);
    return known;
  });
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) seen.add(ids.slice(i, i + n).join(" "));
  return 1 - seen.size / count;
}

/** The longest stretch in which a block of at most `longest` entries repeats itself without a break. */
export function longestLoop(
  entries: readonly string[],
  longest: number,
): { readonly start: number; readonly period: number; readonly times: number } {
  let best = { start: 0, period: 0, times: 1 };
  for (let period = 1; period <= Math.min(longest, Math.floor(entries.length / 2)); period++) {
    let run = 0;
    for (let i = period; i <= entries.length; i++) {
      if (i < entries.length && entries[i] === entries[i - period]) {
        run++;
        continue;
      }
      const times = Math.floor(run / period) + 1;
      // Equal repetition of a shorter block is the simpler description.
      if (times > best.times) best = { start: i - run - period, period, times };
      run = 0;
    }
  }
  return best;
}

/** Text that says the same again and again. */
export const repetition = diagnostic({
  id: "repetition",
  scope: "trajectory",
  title: "Repetition",
  unit: "share",
  needs: ["text"],
  parameters: [
    { name: "n", description: "Words of an n-gram.", type: "integer", minimum: 1, maximum: 64, default: 8 },
    {
      name: "share",
      description: "Share of repeated n-grams from which on it is a finding.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.3,
    },
    {
      name: "leastWords",
      description: "Texts shorter than this are not judged.",
      type: "integer",
      minimum: 1,
      default: 60,
    },
  ],
  source: "Welleck et al. 2020, Neural Text Generation with Unlikelihood Training (seq-rep-n)",
  description:
    "Share of the n-grams of the policy's own text that occurred before in it (seq-rep-n). Loops of a degenerating policy push it towards 1; mathematics and code repeat short phrases by nature, hence eight words.",
  inspect({ trajectory }, parameters) {
    const own = trajectory.steps.filter((step) => step.role === "assistant");
    const text = own.map((step) => `${step.thought ?? ""} ${step.action ?? ""}`).join(" ");
    const words = text.match(/\S+/gu) ?? [];
    if (words.length === 0) return { missing: ["text"], how: needHow.text };
    const n = numberOf(parameters, "n");
    const share = repeatedShare(words, n);
    const judged = words.length >= numberOf(parameters, "leastWords");
    return {
      values: Float64Array.of(share),
      findings:
        judged && share >= numberOf(parameters, "share")
          ? [
              {
                diagnosticId: "repetition",
                severity: "warning",
                message: `${percentOf(share)} of the ${n}-word phrases of this text repeat an earlier one (${words.length} words).`,
                trajectoryIds: [trajectory.id],
                ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
                value: share,
              },
            ]
          : [],
      notes: judged ? [] : [`${words.length} words are too few to judge.`],
    };
  },
});

/** An agent that does the same again and again. */
export const repeatedActions = diagnostic({
  id: "repeated-actions",
  scope: "trajectory",
  title: "Action loop",
  unit: "repetitions",
  needs: ["actions"],
  parameters: [
    {
      name: "times",
      description: "Repetitions in a row from which on it is a finding.",
      type: "integer",
      minimum: 2,
      default: 3,
    },
    {
      name: "longest",
      description: "Longest block of actions that is looked for.",
      type: "integer",
      minimum: 1,
      maximum: 50,
      default: 4,
    },
  ],
  source: "Agents that are stuck repeat an action, or a short cycle of actions, without a change",
  description:
    "How often in a row the agent repeats the same action or the same short block of actions, tool calls with their arguments included. Three times and more is usually an agent that is stuck.",
  inspect({ trajectory }, parameters) {
    const own = trajectory.steps.filter((step) => step.role === "assistant");
    const actions = own.map((step) =>
      `${step.action ?? ""}${step.toolCalls ? JSON.stringify(step.toolCalls.map((call) => [call.name, call.arguments])) : ""}`.trim(),
    );
    if (actions.every((action) => action === "")) return { missing: ["actions"], how: needHow.actions };
    const { start, period, times } = longestLoop(actions, numberOf(parameters, "longest"));
    const from = own[start];
    const empty = actions.slice(start, start + period).every((action) => action === "");
    return {
      values: Float64Array.of(times),
      findings:
        times >= numberOf(parameters, "times") && from && !empty
          ? [
              {
                diagnosticId: "repeated-actions",
                severity: "warning",
                message:
                  period === 1
                    ? `The same action ${times} times in a row, from step ${from.index} on.`
                    : `The same ${period} actions ${times} times in a row, from step ${from.index} on.`,
                trajectoryIds: [trajectory.id],
                stepIndex: from.index,
                ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
                value: times,
              },
            ]
          : [],
    };
  },
});
