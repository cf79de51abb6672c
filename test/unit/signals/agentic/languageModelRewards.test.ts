import { describe, expect, it } from "vitest";
import { calmReward, calmSubgoals } from "../../../../src/signals/agentic/calmSignals";
import { designedReward, designedStepReward } from "../../../../src/signals/agentic/designedReward";
import { messageLabel, oniReward } from "../../../../src/signals/agentic/oniSignal";
import { rankShaping } from "../../../../src/signals/agentic/rankShaping";
import { resolveParameters } from "../../../../src/signals/signal";
import { compute } from "../computeSignal";
import { matrix, memberContextsOf, modelGroup } from "../modelWorlds";
import { step, trajectory } from "../worlds";

/** Policy steps, each after what it saw. */
function talk(id: string, turns: readonly (readonly [string, string, number])[]) {
  return trajectory(id, {
    steps: turns.flatMap(([observation, action, reward], t) => [
      { index: 2 * t, role: "environment" as const, observation },
      step(2 * t + 1, { action, reward }),
    ]),
  });
}

describe("Auto MC-Reward", () => {
  it("knows nine values only", () => {
    const seen = new Set(
      [-2, 0, 3].flatMap((sparse) => [-0.1, 0, 9].map((dense) => designedStepReward(sparse, dense))),
    );
    expect([...seen].sort((a, b) => a - b)).toEqual([-1.1, -1, -0.9, -0.1, 0, 0.1, 0.9, 1, 1.1]);
  });

  it("says which function's results are absent", () => {
    const made = trajectory("e", { steps: [step(0, { extra: { sparse: 1 } })] });
    const result = designedReward.compute({ trajectory: made }, resolveParameters(designedReward, undefined));
    expect(result).toMatchObject({ missing: ["components"] });
    expect("how" in result && result.how).toContain('"dense"');
  });
});

describe("ONI", () => {
  const made = talk("e", [
    ["You see a door.", "wait", 0],
    ["You see a door.", "kick", 1],
    ["It opens.", "go", 0],
  ]);
  const judge = [
    { step: 1, text: "Useful. 1" },
    { step: 5, text: "Not useful: 0" },
  ];

  it("divides the label by the cube of how often its message occurred", () => {
    const { values, parts } = compute(oniReward, { trajectory: made, inputs: { judge } }, {}, "retrieval");
    expect([1, 3, 5].map((index) => parts!["message count"]![index])).toEqual([1, 2, 1]);
    expect(values[1]).toBeCloseTo(0.4, 12);
    expect(values[3]).toBeCloseTo(0.1 + 0.4 / 8, 12);
    expect(values[5]).toBe(0);
    expect(values[0]).toBeNaN();
  });

  it("asks for labels when no message has one, and reads the last 0 or 1 of a reply", () => {
    expect(oniReward.compute({ trajectory: made }, resolveParameters(oniReward, "retrieval"))).toMatchObject({
      missing: ["judge"],
    });
    expect(messageLabel("Maybe 0. Label: 1")).toBe(1);
    expect(messageLabel("1.5 of 10")).toBeUndefined();
    expect(messageLabel("no idea")).toBeUndefined();
  });

  it("uses the raw ranking output as released, and the normalised one when asked", () => {
    const ranked = trajectory("r", {
      steps: [-2, 0, 3].map((raw, t) => step(t, { reward: 0, extra: { ranking_reward: raw } })),
    });
    const inputs = { extrinsicCoefficient: 0, intrinsicCoefficient: 1 };
    expect([...compute(oniReward, { trajectory: ranked }, { variant: "ranking", ...inputs }).values]).toEqual(
      [-2, 0, 3],
    );
    const normal = compute(
      oniReward,
      { trajectory: ranked },
      { variant: "ranking", normalised: true, ...inputs },
    );
    expect(normal.values[0]).toBe(0);
    expect(normal.values[2]).toBeGreaterThan(0);
  });
});

describe("CALM", () => {
  const answer = (text: string) => ({ judge: [{ text }] });
  const made = talk("e", [
    ["door", "kick", 0],
    ["open door", "go", 0],
    ["outside", "stop", 1],
  ]);

  it("reads what a file pins to its steps, on the action that led there", () => {
    const pinned = trajectory("pinned", {
      steps: made.steps.map((each) =>
        each.index === 2 ? { ...each, extra: { time: 70, subgoals_reached: ["open the door"] } } : each,
      ),
    });
    const found = compute(calmSubgoals, { trajectory: pinned });
    expect([found.values[1], found.values[3], found.values[5]]).toEqual([1, 0, 0]);
    // A judge's answer at hand counts before the file's.
    const judged = compute(calmSubgoals, { trajectory: pinned, inputs: answer('```\n{"left": 3}\n```') });
    expect([judged.values[1], judged.values[3], judged.values[5]]).toEqual([0, 0, 1]);
  });

  it("pins time T to the decision T - 1 and executes nothing", () => {
    const { values, notes } = compute(calmSubgoals, {
      trajectory: made,
      inputs: answer('```\n{"opened": 1, "left": [2, 3], "late": 9, "zero": 0}\n```'),
    });
    expect([values[1], values[3], values[5]]).toEqual([1, 1, 1]);
    expect(values[0]).toBeNaN();
    expect(notes.join(" ")).toContain("2 times lie outside");
    const evil = compute(calmSubgoals, {
      trajectory: made,
      inputs: answer("```{__import__('os').getpid(): 1}```"),
    });
    expect([...evil.values].filter((value) => !Number.isNaN(value))).toEqual([0, 0, 0]);
    expect(evil.notes.join(" ")).toContain("no dictionary of literals");
  });

  it("looks another observation up as released than the one the table stores", () => {
    const context = { trajectory: made, inputs: answer('```\n{"opened": [1, 1], "left": 2}\n```') };
    const consistent = compute(calmReward, context, {}, "consistent").values;
    // Counts 2 and 1, the smallest count while counting 1: values 1 and 0.
    expect(consistent[1]).toBeCloseTo(0.1, 12);
    expect(consistent[3]).toBe(0);
    const released = compute(calmReward, context, {}, "released").values;
    expect(released[1]).toBe(0);
    // Nothing comes back after the last action, so nothing can be looked up.
    expect(released[5]).toBeNaN();
  });

  it("refuses a table in which all counts are equal, where the released code divides by zero", () => {
    const context = { trajectory: made, inputs: answer('```\n{"opened": 1}\n```') };
    expect(calmReward.compute(context, resolveParameters(calmReward, undefined))).toMatchObject({
      missing: ["judge"],
    });
  });
});

describe("VERL's shaping", () => {
  const members = [0, 1].map((m) => ({
    trajectory: trajectory(`v${m}`, { steps: [step(0)], outcome: { reward: m, components: {} } }),
    inputs: {
      hiddenStates: new Map([
        [1, matrix(Array.from({ length: 12 }, (_, t) => [Math.sin(t + m), Math.cos(t * (m + 1)), t * 0.1]))],
      ]),
    },
  }));
  const [, context] = memberContextsOf(modelGroup(members));

  it("does nothing under the flags of the published script, and says so", () => {
    const { values, parts, notes } = compute(rankShaping, context!, { stride: 3 }, "train-sh");
    expect(values[0]).toBe(parts!["group advantage"]![0]);
    expect(parts!["bonus"]![0]).toBe(0);
    expect(notes.join(" ")).toContain("does nothing");
  });

  it("adds at most the advantage over kappa", () => {
    for (const kappa of [1, 2, 5]) {
      const { values, parts } = compute(rankShaping, context!, { stride: 3, kappa });
      const base = parts!["group advantage"]![0]!;
      expect(parts!["bonus"]![0]).not.toBe(0);
      expect(values[0]! - base).toBeGreaterThanOrEqual(0);
      expect(values[0]! - base).toBeLessThanOrEqual(Math.abs(base) / kappa + 1e-12);
    }
  });
});
