import { describe, expect, it } from "vitest";
import { compareAdvantages } from "../../../src/signals/compare/comparison";
import { grpo } from "../../../src/signals/group/grpo";
import { signals } from "../../../src/signals/index";
import { resolveParameters, type SignalContext } from "../../../src/signals/signal";
import { outcomeGroup, random, tokens } from "./worlds";

/** Groups whose advantages were recorded under one preset, as float32, the way a trainer writes them. */
function recordedUnder(preset: string, groups = 12): readonly SignalContext[] {
  const next = random(11);
  return Array.from({ length: groups }, (_, g) =>
    outcomeGroup(
      Array.from({ length: g === 0 ? 1 : 6 }, () => Math.round(next() * 4) / 4),
      `g${g}`,
    ),
  ).flatMap((contexts) =>
    contexts.map((context) => {
      const result = grpo.compute(context, resolveParameters(grpo, preset));
      if ("missing" in result) throw new Error(result.how);
      return { ...context, trajectory: { ...context.trajectory, advantage: Math.fround(result.values[0]!) } };
    }),
  );
}

describe("compareAdvantages", () => {
  it.each(["verl", "verl-dr-grpo", "trl", "openrlhf", "nemo-rl-loo", "rllm", "prime-rl"])(
    "finds the convention behind numbers recorded as in %s",
    (preset) => {
      const comparison = compareAdvantages(recordedUnder(preset), signals, 1e-6);
      expect(comparison.best.map((fit) => fit.presetId)).toContain(preset);
      expect(comparison.summary).toContain("100% of");
    },
  );

  it("tells apart conventions that differ only in the deviation", () => {
    const comparison = compareAdvantages(recordedUnder("verl"), signals, 1e-5);
    const ids = comparison.best.map((fit) => `${fit.signalId} ${fit.presetId}`);
    expect(ids).toContain("grpo verl");
    expect(ids).not.toContain("grpo rllm");
    expect(ids).not.toContain("grpo verl-dr-grpo");
  });

  it("names the rows that do not fit", () => {
    const contexts = recordedUnder("prime-rl").map((context, row) =>
      row === 9 ? { ...context, trajectory: { ...context.trajectory, advantage: 7 } } : context,
    );
    const comparison = compareAdvantages(contexts, [grpo]);
    const best = comparison.fits.find((fit) => fit.presetId === "prime-rl")!;
    expect(best.matching).toBe(contexts.length - 1);
    expect(best.misfits).toHaveLength(1);
    expect(best.misfits[0]).toMatchObject({ trajectoryId: contexts[9]!.trajectory.id, recorded: 7 });
    expect(comparison.summary).toMatch(/9\d\.\d% of 67 rows/u);
  });

  it("sorts the rows that do not fit by how they differ, with a count and one example", () => {
    const contexts = recordedUnder("prime-rl").map((context, row) => {
      const { advantage } = context.trajectory;
      const factor = row >= 20 && row < 32 ? 2 : row >= 32 && row < 38 ? -1 : 1;
      return {
        ...context,
        trajectory: { ...context.trajectory, trainingStep: row, advantage: advantage! * factor },
      };
    });
    // A recorded 0 stays 0 under every factor.
    const differing = contexts.filter(
      ({ trajectory }, row) => row >= 20 && row < 38 && trajectory.advantage !== 0,
    );
    const { fits } = compareAdvantages(contexts, [grpo]);
    const fit = fits.find(({ presetId }) => presetId === "prime-rl")!;
    expect(fit.misfitKinds.reduce((sum, { count }) => sum + count, 0)).toBe(differing.length);
    expect(fit.misfitKinds.map(({ what }) => what)).toEqual([
      "computed is 0.5 times the recorded number",
      "computed has the other sign",
    ]);
    const [halved] = fit.misfitKinds;
    expect(halved!.trainingSteps![0]).toBeGreaterThanOrEqual(20);
    expect(halved!.trainingSteps![1]).toBeLessThan(32);
    const largest = Math.max(
      ...differing
        .filter(({ trajectory }) => trajectory.trainingStep! < 32)
        .map(({ trajectory }) => Math.abs(trajectory.advantage!)),
    );
    expect(Math.abs(halved!.example.recorded)).toBe(largest);
  });

  it("says what kept conventions from being computed, one line for all rows and conventions", () => {
    const lonely = outcomeGroup([1, 0]).map(({ trajectory }) => ({
      trajectory: { ...trajectory, advantage: 1 },
    }));
    const comparison = compareAdvantages(lonely, signals);
    const [first] = comparison.obstacles;
    expect(first!.rows).toBe(2);
    expect(first!.conventions.length).toBeGreaterThan(1);
    expect(comparison.obstacles.map(({ reason }) => reason).join(" ")).toContain("same prompt");
    expect(new Set(comparison.obstacles.map(({ reason }) => reason)).size).toBe(comparison.obstacles.length);
    for (const fit of comparison.fits.filter(({ compared }) => compared === 0)) {
      expect(fit).not.toHaveProperty("share");
      expect(fit).not.toHaveProperty("meanDifference");
    }
  });

  it("compares a trajectory's number with every trained token, and only with those", () => {
    const contexts = outcomeGroup([1, 0]).map((context, i) => ({
      ...context,
      trajectory: {
        ...context.trajectory,
        tokens: tokens({ advantage: [0, i === 0 ? 0.5 : -0.5, i === 0 ? 0.5 : -0.5] }, [0, 1, 1]),
      },
    }));
    const comparison = compareAdvantages(contexts, [grpo]);
    expect(comparison.best.map((fit) => fit.presetId)).toEqual(
      ["verl-dr-grpo", "trl-none", "prime-rl", "slime-no-std", "open-instruct-centered", "tinker"].filter(
        (id) => comparison.best.some((fit) => fit.presetId === id),
      ),
    );
    expect(comparison.best.map((fit) => fit.presetId)).toContain("prime-rl");
    expect(comparison.best[0]!.share).toBe(1);
  });

  it("says when there is nothing to compare", () => {
    expect(compareAdvantages(outcomeGroup([1, 0]), signals).summary).toBe(
      "No row records an advantage, so there is nothing to compare.",
    );
    const lonely = outcomeGroup([1, 0]).map(({ trajectory }) => ({
      trajectory: { ...trajectory, advantage: 1 },
    }));
    const comparison = compareAdvantages(lonely, [grpo]);
    expect(comparison.summary).toContain("no convention could be computed");
    expect(Object.keys(comparison.fits[0]!.missing)[0]).toContain("other rollouts of the same prompt");
    const strange = outcomeGroup([1, 0]).map((context) => ({
      ...context,
      trajectory: { ...context.trajectory, advantage: 42 },
    }));
    expect(compareAdvantages(strange, [grpo]).summary).toContain("No known convention");
  });
});
