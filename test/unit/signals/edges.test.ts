import { describe, expect, it } from "vitest";
import { gae } from "../../../src/signals/advantage/gae";
import { grpo } from "../../../src/signals/group/grpo";
import { parseFunctions } from "../../../src/signals/group/groupRewards";
import { recordedAdvantage, recordedReward } from "../../../src/signals/recorded/recordedSeries";
import { discountedReturn } from "../../../src/signals/returns/discountedReturn";
import { nStep } from "../../../src/signals/returns/nStep";
import {
  resolveParameters,
  type Signal,
  type SignalContext,
  type SignalResult,
} from "../../../src/signals/signal";
import { episode, groupOf, numericEpisode, outcomeGroup, step, tokens, trajectory } from "./worlds";

const run = (
  signal: Signal,
  context: SignalContext,
  values: Record<string, unknown> = {},
  preset?: string,
): SignalResult => signal.compute(context, resolveParameters(signal, preset, values));

function valuesOf(result: SignalResult): number[] {
  if ("missing" in result) throw new Error(result.how);
  return [...result.values];
}

describe("missing is never zero", () => {
  it("keeps undefined, null, NaN and 0 apart in the recorded reward", () => {
    const result = run(recordedReward, { trajectory: episode("a", [undefined, null, NaN, 0, 1]) });
    expect(valuesOf(result)).toEqual([NaN, NaN, NaN, NaN, 0, 1]);
    expect("notes" in result && result.notes.join()).toContain("1 step is recorded as null");
    const bare = run(recordedReward, { trajectory: episode("b", [undefined]) });
    expect("values" in bare && bare.level).toBe("trajectory");
    expect(run(recordedReward, { trajectory: trajectory("c") })).toMatchObject({ missing: ["rewards"] });
  });

  it("says that an advantage of null was not assigned", () => {
    const result = run(recordedAdvantage, { trajectory: trajectory("a", { advantage: null }) });
    expect(valuesOf(result)).toEqual([NaN]);
    expect("notes" in result && result.notes[0]).toContain("not 0");
  });

  it("leaves returns before a hole unknown, unless holes are declared to be 0", () => {
    const context = { trajectory: episode("a", [1, null, 4]) };
    const unknown = run(discountedReturn, context, { gamma: 0.5 });
    expect(valuesOf(unknown)).toEqual([NaN, NaN, NaN, 4]);
    expect("notes" in unknown && unknown.notes[0]).toContain("missingRewards=zero");
    expect(valuesOf(run(discountedReturn, context, { gamma: 0.5, missingRewards: "zero" }))).toEqual([
      NaN,
      2,
      2,
      4,
    ]);
  });

  it("puts the outcome reward on the last decision only when asked", () => {
    const context = {
      trajectory: trajectory("a", { steps: [step(0), step(1)], outcome: { reward: 2, components: {} } }),
    };
    expect(run(discountedReturn, context)).toMatchObject({ missing: ["rewards"] });
    expect(valuesOf(run(discountedReturn, context, { rewards: "outcome", gamma: 0.5 }))).toEqual([1, 2]);
  });

  it("refuses a group whose own reward is missing, and leaves missing members out", () => {
    const contexts = outcomeGroup([1, undefined, null, 0]);
    expect(valuesOf(run(grpo, contexts[0]!))).toEqual([0.5 / (Math.SQRT1_2 + 1e-6)]);
    expect(run(grpo, contexts[1]!)).toMatchObject({ missing: ["outcomeReward"] });
    expect(run(grpo, contexts[2]!)).toMatchObject({ missing: ["outcomeReward"] });
    const result = run(grpo, contexts[3]!);
    expect("notes" in result && result.notes[0]).toBe(
      "2 of 4 members have no recorded reward and are left out.",
    );
    expect("group" in result && result.group?.rewards).toEqual([1, undefined, null, 0]);
    expect(run(grpo, { trajectory: contexts[0]!.trajectory })).toMatchObject({ missing: ["group"] });
  });

  it("spoils the group with a NaN reward, or gives it 0, as the library does", () => {
    const contexts = outcomeGroup([1, NaN, 0, 1]);
    expect(valuesOf(run(grpo, contexts[0]!, {}, "verl"))).toEqual([NaN]);
    expect(valuesOf(run(grpo, contexts[1]!, {}, "trl"))).toEqual([0]);
    expect(valuesOf(run(grpo, contexts[0]!, {}, "trl"))[0]).toBeCloseTo(0.5772502422332764, 6);
  });

  it("carries infinities without inventing numbers", () => {
    expect(valuesOf(run(grpo, outcomeGroup([Infinity, 0])[0]!))).toEqual([NaN]);
    expect(valuesOf(run(grpo, outcomeGroup([Infinity, 0])[1]!, {}, "prime-rl"))).toEqual([-Infinity]);
    expect(valuesOf(run(grpo, outcomeGroup([Infinity, Infinity])[0]!, {}, "prime-rl"))).toEqual([NaN]);
  });
});

describe("how episodes end", () => {
  const rewards = [1, 0, 2];
  const values = [0.5, 0.4, 0.3];

  it("treats a terminal end, a truncation and a running episode apart", () => {
    const ended = numericEpisode("t", {
      reward: rewards,
      value: values,
      terminated: [0, 0, 1],
      truncated: [0, 0, 0],
    });
    expect(valuesOf(run(gae, { trajectory: ended }, { gamma: 0.99, lambda: 0.95 }))[2]).toBeCloseTo(1.7, 12);
    const cut = numericEpisode("u", {
      reward: rewards,
      value: values,
      terminated: [0, 0, 0],
      truncated: [0, 0, 1],
    });
    const refused = run(gae, { trajectory: cut });
    expect(refused).toMatchObject({ missing: ["values"] });
    expect("how" in refused && refused.how).toContain("truncated");
    expect(valuesOf(run(gae, { trajectory: cut }, { lastValue: 0.7 }))[2]).toBeCloseTo(
      2 + 0.99 * 0.7 - 0.3,
      12,
    );
    expect(valuesOf(run(gae, { trajectory: cut }, {}, "cleanrl"))[2]).toBeCloseTo(1.7, 12);
    const running = numericEpisode("v", {
      reward: rewards,
      value: values,
      terminated: [0, 0, 0],
      truncated: [0, 0, 0],
    });
    expect(run(gae, { trajectory: running }, {}, "cleanrl")).toMatchObject({ missing: ["values"] });
    const both = numericEpisode("w", {
      reward: rewards,
      value: values,
      terminated: [0, 0, 1],
      truncated: [0, 0, 1],
    });
    expect(valuesOf(run(gae, { trajectory: both }))[2]).toBeCloseTo(1.7, 12);
  });

  it("uses a recorded value of the last state", () => {
    const cut = numericEpisode("u", {
      reward: rewards,
      value: [...values, 0.9],
      terminated: [0, 0, 0],
      truncated: [0, 0, 1],
    });
    expect(valuesOf(run(gae, { trajectory: cut }, {}, "sb3"))[2]).toBeCloseTo(2 + 0.99 * 0.9 - 0.3, 12);
    const running = numericEpisode("v", {
      reward: rewards,
      value: [...values, 0.9],
      terminated: [0, 0, 0],
      truncated: [0, 0, 0],
    });
    expect(valuesOf(run(gae, { trajectory: running }, {}, "cleanrl"))[2]).toBeCloseTo(
      2 + 0.99 * 0.9 - 0.3,
      12,
    );
  });

  it("stops at an end in the middle", () => {
    const two = numericEpisode("x", { reward: [1, 2, 4], terminated: [0, 1, 1] });
    expect(valuesOf(run(discountedReturn, { trajectory: two }, { gamma: 0.5 }))).toEqual([2, 2, 4]);
  });

  it("handles empty and one-step episodes", () => {
    expect(valuesOf(run(discountedReturn, { trajectory: numericEpisode("e", { reward: [] }) }))).toEqual([]);
    expect(valuesOf(run(discountedReturn, { trajectory: numericEpisode("o", { reward: [3] }) }))).toEqual([
      3,
    ]);
    const one = numericEpisode("p", { reward: [3], value: [0.5], terminated: [1] });
    expect(valuesOf(run(gae, { trajectory: one }))).toEqual([2.5]);
    expect(valuesOf(run(nStep, { trajectory: one }))).toEqual([3]);
  });

  it("skips tool tokens in GAE as verl does, and shows gaps there", () => {
    const context = {
      trajectory: trajectory("a", {
        tokens: tokens({ reward: [0, 0.5, 0, 0, 1], value: [0.2, 0.3, 9, 9, 0.5] }, [1, 1, 0, 0, 1]),
      }),
    };
    const got = valuesOf(run(gae, context, { gamma: 0.99, lambda: 0.9 }, "verl"));
    expect(got[0]).toBeCloseTo(1.1131854057312012, 6);
    expect(got[1]).toBeCloseTo(1.1405000686645508, 6);
    expect(got.slice(2)).toEqual([NaN, NaN, 0.5]);
  });
});

describe("parameters", () => {
  it("name what is wrong in one sentence", () => {
    expect(() => resolveParameters(grpo, "nobody")).toThrow(/has no preset "nobody"; it has verl/u);
    expect(() => resolveParameters(grpo, "verl", { epsilon: -1 })).toThrow(/at least 0/u);
    expect(() => parseFunctions("accuracy:high")).toThrow(/no numeric weight/u);
    expect(parseFunctions(" accuracy , format:0.5")).toEqual([
      { component: "accuracy", weight: 1 },
      { component: "format", weight: 0.5 },
    ]);
  });

  it("weigh reward functions from the components", () => {
    const members = [0, 1].map((i) =>
      trajectory(`m${i}`, { outcome: { reward: 9, components: { accuracy: i, format: null } } }),
    );
    const context = { trajectory: members[1]!, group: groupOf(members) };
    expect(valuesOf(run(grpo, context, { functions: "accuracy:2, format:1", std: "none" }))).toEqual([1]);
    const refused = run(grpo, context, { functions: "style:1" });
    expect("how" in refused && refused.how).toContain(
      'No member of the group records "style"; recorded components: accuracy, format.',
    );
  });
});
