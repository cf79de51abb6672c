import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../../../src/model/trajectory";
import { parsePropositions, propositionTrace } from "../../../../src/signals/specification/propositions";
import { resolveParameters } from "../../../../src/signals/signal";
import { returnExpression } from "../../../../src/signals/specification/stepColumn";
import { SpecificationError } from "../../../../src/signals/specification/sourceText";
import { parseStepExpression } from "../../../../src/signals/specification/stepExpression";
import { step, trajectory } from "../worlds";

const talk = trajectory("t", {
  task: { prompt: "Add 2 and 2." },
  steps: [
    step(0, { role: "user", action: "Add 2 and 2." }),
    step(1, {
      action: "Let me call it.\nERROR: none",
      reward: 0.5,
      toolCalls: [{ name: "search", arguments: { q: 1 } }],
      extra: { exit_code: 3 },
    }),
    step(2, { action: "4", reward: null, thought: "a/b", terminated: true }),
  ],
  outcome: { reward: 1, success: true, components: { "format/score": 0.25, nan: NaN } },
});

const numeric = trajectory("n", {
  columns: {
    steps: 2,
    columns: [
      {
        name: "obs",
        role: "observation",
        rows: 3,
        width: 4,
        data: Float32Array.from({ length: 12 }, (_, i) => i / 8),
      },
      { name: "act", role: "action", rows: 2, width: 1, data: Float64Array.of(1, -1) },
      { name: "reward", role: "reward", rows: 2, width: 1, data: Float64Array.of(-1, NaN) },
      { name: "truncated", role: "truncated", rows: 2, width: 1, data: Float64Array.of(0, 1) },
    ],
  },
});

const values = (source: string, of: Trajectory): unknown[] => {
  const expression = parseStepExpression(source);
  const count = of.columns?.steps ?? of.steps.length;
  return Array.from({ length: count }, (_, t) => expression.valueAt(of, t));
};

describe("expressions over a step", () => {
  it.each<[string, Trajectory, unknown[]]>([
    ["reward > 0", talk, [undefined, true, undefined]],
    ["reward == null", talk, [undefined, false, true]],
    ["defined(reward)", talk, [false, true, true]],
    ["text ~ /error/i", talk, [false, true, false]],
    ["text ~ /error/", talk, [false, false, false]],
    ["action !~ /^\\d+$/", talk, [true, true, false]],
    ["thought ~ /a\\/b/", talk, [undefined, undefined, true]],
    ["role == 'assistant' && tool ~ /search/", talk, [false, true, false]],
    ["extra.exit_code != 0", talk, [undefined, true, undefined]],
    ['outcome["format/score"] * 4', talk, [1, 1, 1]],
    ["outcome.nan", talk, [undefined, undefined, undefined]],
    ["outcome.constructor", talk, [undefined, undefined, undefined]],
    ["outcome.success", talk, [true, true, true]],
    ["terminated or reward < 1", talk, [undefined, true, true]],
    ["not (step >= 1) and true", talk, [true, false, false]],
    ["length(action) + 1 - 1", talk, [12, 27, 1]],
    ["step == steps - 1", talk, [false, false, true]],
    ["prompt ~ /Add/", talk, [true, true, true]],
    ["observation[3] < 0.5", numeric, [true, false]],
    ["observation[9]", numeric, [undefined, undefined]],
    ["action[0]", numeric, [1, -1]],
    ["action - previous(action)", numeric, [undefined, -2]],
    ["reward <= -1", numeric, [true, undefined]],
    ["column.obs[1]", numeric, [0.125, 0.625]],
    ["column.absent", numeric, [undefined, undefined]],
    ["truncated", numeric, [false, true]],
    ["max(abs(action), 0.5) / 2 % 3", numeric, [0.5, 0.5]],
    ["-(1 + 2) * 3", numeric, [-9, -9]],
    ["norm(observation) > 0.4", numeric, [true, true]],
    ["total(action)", numeric, [0, 0]],
    ["total(action * action) + average(step)", numeric, [2.5, 2.5]],
    ["total(reward)", numeric, [undefined, undefined]],
  ])("%s", (source, of, expected) => {
    expect(values(source, of)).toEqual(expected);
  });

  it.each([
    ["reward >", "Something is missing at the end."],
    ["reward = 1", 'A comparison is written "==".'],
    ["reward & value", 'Write "&&" for and.'],
    ["rewards > 0", 'There is no field "rewards" (did you mean reward?)'],
    ["sin(1)", 'There is no function "sin"'],
    ["min(1)", "min takes 2 inputs, not 1."],
    ["text ~ error", "A pattern such as /error/i is missing."],
    ["text ~ /(/", "This pattern cannot be used"],
    ["text ~ /(?=a)/", "This pattern cannot be used"],
    ["text ~ /a/x", 'A pattern takes the flags i, m and s, not "x".'],
    ["text == 'a", "This text has no closing '."],
    ["(reward", '")" is missing at the end.'],
    ["outcome", "Say which: outcome.name."],
    ["observation[x]", "An index is a whole number from 0"],
    ["globalThis", 'There is no field "globalThis"'],
    ["constructor(1)", 'There is no function "constructor"'],
    ["1 2", '"2" does not belong here.'],
  ])("%s is refused with a sentence and a place", (source, message) => {
    let thrown: unknown;
    try {
      parseStepExpression(source);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SpecificationError);
    expect((thrown as SpecificationError).message).toContain(message);
  });

  it("matches hostile patterns in time that grows with the text", () => {
    const hostile = trajectory("h", { steps: [step(0, { action: `${"a".repeat(50_000)}!` })] });
    const started = performance.now();
    expect(values("action ~ /^(a+)+$/", hostile)).toEqual([false]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe("propositions", () => {
  it("keep what can be read and say what cannot", () => {
    const { byName, problems } = parsePropositions({
      ok: "reward > 0",
      bad: "reward >",
      G: "true",
      "a b": "true",
      n: 3,
    });
    expect([...byName.keys()]).toEqual(["ok"]);
    expect(problems.map(({ name }) => name)).toEqual(["bad", "G", "a b", "n"]);
    expect(problems[0]!.diagnostic.message).toBe("Proposition bad: Something is missing at the end.");
  });

  it("are unknown where what they compare is not recorded", () => {
    const trace = propositionTrace(talk, parsePropositions({ good: "reward > 0" }));
    expect(Array.from(trace.truthOf("good")!)).toEqual([NaN, 1, NaN]);
    expect(trace.truthOf("absent")).toBeUndefined();
  });
});

describe("objectives of returns", () => {
  const episodeOf = (rewards: number[]): Trajectory =>
    trajectory("e", {
      columns: {
        steps: rewards.length,
        columns: [
          {
            name: "reward",
            role: "reward",
            rows: rewards.length,
            width: 1,
            data: Float64Array.from(rewards),
          },
        ],
      },
    });
  const value = (of: Trajectory, values: Record<string, unknown>): unknown => {
    const result = returnExpression.compute(
      { trajectory: of },
      resolveParameters(returnExpression, undefined, values),
    );
    return "missing" in result ? result.how : result.values[0];
  };

  it("are the discounted return, its functions, and the finite average", () => {
    const episode = episodeOf([1, 2, 4]);
    expect(value(episode, { gamma: 0.5 })).toBe(3);
    expect(value(episode, { expression: "sqrt(discounted(reward) + 1) - total(reward)", gamma: 0.5 })).toBe(
      -5,
    );
    expect(value(episode, { expression: "average(reward)" })).toBeCloseTo(7 / 3, 15);
  });

  it("are unknown where a reward is", () => {
    expect(value(episodeOf([1, NaN]), {})).toContain("does not record");
    expect(value(episodeOf([]), {})).toBe("The trajectory has no steps.");
    expect(value(episodeOf([1]), { expression: "discounted(" })).toContain("cannot be read");
  });
});
