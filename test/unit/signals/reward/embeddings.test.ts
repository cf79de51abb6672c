import { describe, expect, it } from "vitest";
import { dimensionDistance } from "../../../../src/signals/reward/dimensionSignals";
import { drivingRewardSignal } from "../../../../src/signals/reward/drivingSignals";
import { goalBaseline } from "../../../../src/signals/reward/goalBaselineSignal";
import { goalFilter, goalValue } from "../../../../src/signals/reward/goalStateSignals";
import {
  partOfFrames,
  perceptualModel,
  perceptualSegments,
  perceptualStepReward,
} from "../../../../src/signals/reward/perceptualReward";
import { criticQuality, criticValue } from "../../../../src/signals/reward/progressSignals";
import { videoContribution, videoScore } from "../../../../src/signals/reward/segmentalVideoSignal";
import { selfReferentialReward } from "../../../../src/signals/reward/selfReferentialSignal";
import { resolveParameters } from "../../../../src/signals/signal";
import { compute } from "../computeSignal";
import { agentWorld, matrix, memberContextsOf, modelGroup } from "../modelWorlds";
import { random, step, trajectory } from "../worlds";

const steps = (count: number) => Array.from({ length: count }, (_, t) => step(t));
const sum = (values: Float64Array): number => values.reduce((a, b) => (Number.isNaN(b) ? a : a + b), 0);

describe("frames against sentences", () => {
  const frames = (
    rows: readonly (readonly number[])[],
    arrays: Record<string, readonly (readonly number[])[]>,
  ) => ({
    trajectory: trajectory("f", { steps: steps(rows.length) }),
    inputs: {
      embeddings: matrix(rows),
      arrays: Object.fromEntries(Object.entries(arrays).map(([name, value]) => [name, matrix(value)])),
    },
  });

  it("give the cosine without regularisation, and only the direction with all of it", () => {
    const texts = { goal: [[1, 0]], baseline: [[0, 1]] };
    const context = frames(
      [
        [1, 1],
        [1, 0],
        [0, 2],
      ],
      texts,
    );
    const plain = compute(goalBaseline, context, { alpha: 0 }).values;
    [Math.SQRT1_2, 1, 0].forEach((cosine, t) => expect(plain[t]).toBeCloseTo(cosine, 12));
    const along = compute(goalBaseline, context, { alpha: 1 });
    along.values.forEach((value, t) =>
      expect(value).toBeCloseTo(1 - along.parts!["distance along"]![t]! ** 2 / 2, 12),
    );
    const same = compute(goalBaseline, frames([[1, 1]], { goal: [[1, 0]], baseline: [[2, 0]] }), {
      alpha: 0,
    });
    expect(same.values[0]).toBeNaN();
  });

  it("refuse embeddings that fit no steps", () => {
    const context = {
      ...frames(
        [
          [1, 0],
          [0, 1],
        ],
        { goal: [[1, 0]], baseline: [[0, 1]] },
      ),
      trajectory: trajectory("f", { steps: steps(3) }),
    };
    expect(() => compute(goalBaseline, context)).toThrow(/2 embeddings fit neither the 3 steps/u);
  });

  it("name the limiting factor, and let a negative reward of the environment through", () => {
    const factors = {
      speed: 25,
      centering_factor: 0.5,
      angle_factor: 0.25,
      distance_std_factor: 1,
      danger: 0,
    };
    const made = trajectory("v", {
      steps: [
        step(0, { reward: 0, extra: factors }),
        step(1, { reward: -10, extra: factors }),
        step(2, { extra: factors }),
      ],
    });
    const parameters = resolveParameters(drivingRewardSignal, undefined);
    const { values } = compute(drivingRewardSignal, { trajectory: made });
    expect(values[0]).toBeCloseTo(0.125, 12);
    expect(values[1]).toBe(-10);
    expect(values[2]).toBeNaN();
    expect(drivingRewardSignal.explain!({ trajectory: made }, parameters, 0)!.notes.join(" ")).toContain(
      "angle_factor",
    );
  });
});

describe("video rewards", () => {
  it("add up their frames to the score, whatever is drawn", () => {
    const next = random(3);
    for (let seed = 0; seed < 20; seed++) {
      const made = trajectory("v", {
        steps: Array.from({ length: 17 }, (_, t) => step(t, { extra: { similarity: next() } })),
      });
      const overrides = { segments: 4, seed };
      const score = compute(videoScore, { trajectory: made }, overrides).values[0]!;
      const frames = compute(videoContribution, { trajectory: made }, overrides);
      expect(sum(frames.values)).toBeCloseTo(score, 12);
      // Frames behind the last whole segment are never drawn.
      expect(frames.values[16]).toBeNaN();
    }
    const short = trajectory("s", { steps: [step(0, { extra: { similarity: 1 } })] });
    expect(() => compute(videoScore, { trajectory: short })).toThrow(/cannot be cut into 8 segments/u);
  });

  it("accumulate progress by all three rules", () => {
    const made = (critics: readonly number[]) => ({
      trajectory: trajectory("c", { steps: steps(critics.length + 1) }),
      inputs: { arrays: { critic: matrix(critics.map((critic) => [critic])) } },
    });
    expect([...compute(criticValue, made([50, 50, -50])).values]).toEqual([0, 50, 75, 62.5]);
    expect([...compute(criticValue, made([50, -50]), {}, "mix-f").values]).toEqual([0, 50, 25]);
    expect([...compute(criticValue, made([50, -50]), {}, "inverse").values]).toEqual([0, 50, 0]);
    expect(() => compute(criticValue, made([80, -100]), {}, "inverse")).toThrow(/divide by zero/u);
    const order = compute(criticQuality, made([10, 20, -1]));
    expect(order.values[0]).toBeCloseTo(0.8, 12);
    expect(order.parts!["negative rate"]![0]).toBeCloseTo(1 / 3, 12);
  });
});

describe("states and centres", () => {
  it("reward the nearest failure with 0.596 and the farthest with 0.004, whatever the distances", () => {
    for (const scale of [1, 1000]) {
      const made = [
        [true, [0, 0]],
        [true, [0.1, 0]],
        [false, [scale, 0]],
        [false, [9 * scale, 0]],
        [false, [0, 0]],
      ] as const;
      const group = modelGroup(
        made.map(([success, embedding], i) => ({
          trajectory: trajectory(`t${i}`, { outcome: { success, components: {} } }),
          inputs: { embeddings: matrix([embedding.map((value) => value + (i < 4 ? 1 : 0))]) },
        })),
      );
      const values = memberContextsOf(group).map(
        (context) => compute(selfReferentialReward, context).values[0]!,
      );
      expect(values.slice(0, 2)).toEqual([1, 1]);
      expect(values[2]).toBeCloseTo(0.6 / (1 + Math.exp(-5)), 6);
      expect(values[3]).toBeCloseTo(0.6 / (1 + Math.exp(5)), 6);
      expect(values[4]).toBe(0);
    }
  });

  it("say which dimension a reward relies on", () => {
    const inputs = {
      arrays: {
        state: matrix([[0, 0]]),
        "centroids.helpfulness": matrix([
          [3, 4],
          [60, 80],
        ]),
        "centroids.verbosity": matrix([[0, 2]]),
      },
    };
    const near = compute(dimensionDistance, { trajectory: trajectory("m"), inputs });
    expect(near.values[0]).toBe(2);
    expect(near.parts!["helpfulness"]![0]).toBe(5);
    expect(near.notes[0]).toBe("Relies on: verbosity.");
    const far = compute(dimensionDistance, { trajectory: trajectory("m"), inputs }, { threshold: 1 });
    expect(far.notes.join(" ")).toContain("low confidence");
  });

  it("follow the Q-value to its first drop and filter the group by it", () => {
    const answer = (id: string, values: readonly number[], success: boolean) => ({
      trajectory: trajectory(id, {
        extra: { cosine_sim: [...values], predicted_answer: id },
        outcome: { success, components: {} },
      }),
    });
    const high = [-1, -1, -1, -1, -1, 0.5, 0.4];
    const low = [1, 1, 1, 1, 1, 0.5, -0.1, 0.9];
    const group = modelGroup([answer("right", high, true), answer("wrong", low, false)]);
    const [right, wrong] = memberContextsOf(group);
    expect(compute(goalValue, right!).notes).toContain("No token falls below the threshold.");
    expect(compute(goalValue, wrong!).notes.join(" ")).toContain("at token 6: filtering saves 2 of 3 tokens");
    const filtered = compute(goalFilter, right!);
    expect(filtered.values[0]).toBe(1);
    expect(filtered.parts!["share before"]![0]).toBe(0.5);
    const short = modelGroup([answer("short", [1, 1], true)]);
    expect(() => compute(goalFilter, memberContextsOf(short)[0]!)).toThrow(/too few/u);
  });
});

describe("perceptual steps", () => {
  const cost = (rows: readonly (readonly number[])[], cuts: readonly number[]): number => {
    const bounds = [0, ...cuts, rows.length];
    const parts = bounds.slice(1).map((end, i) => rows.slice(bounds[i], end));
    const deviation = (part: readonly (readonly number[])[], k: number): number => {
      const mean = part.reduce((total, row) => total + row[k]!, 0) / part.length;
      return Math.sqrt(part.reduce((total, row) => total + (row[k]! - mean) ** 2, 0) / part.length);
    };
    const width = rows[0]!.length;
    return (
      parts.reduce(
        (total, part) =>
          total + Array.from({ length: width }, (_, k) => deviation(part, k)).reduce((a, b) => a + b) / width,
        0,
      ) / parts.length
    );
  };

  it("are the best cuts of all", () => {
    const next = random(9);
    for (let round = 0; round < 15; round++) {
      const rows = Array.from({ length: 12 }, () => [next(), next() * 2, next() - 5]);
      const found = perceptualSegments(rows, 3, 2);
      let best = Infinity;
      for (let a = 2; a < 12 - 4; a++)
        for (let b = a + 2; b < 12 - 2; b++) best = Math.min(best, cost(rows, [a, b]));
      expect(found.cost).toBeCloseTo(best, 10);
      expect(cost(rows, found.cuts)).toBeCloseTo(best, 10);
    }
    expect(() => perceptualSegments([[1], [2]], 2, 2)).toThrow(/cannot be cut/u);
    expect([...partOfFrames(5, [2, 4])]).toEqual([0, 0, 1, 1, 2]);
  });

  it("choose the features that tell a step, and rate its own frames best", () => {
    const rows = Array.from({ length: 10 }, (_, t) => [t < 5 ? 0.01 * t : 5 + 0.01 * t, Math.sin(7 * t), 3]);
    const model = perceptualModel([rows], [partOfFrames(10, [5])], 2, 5, 1);
    expect(model.steps.map(({ features }) => features)).toEqual([[0], [0]]);
    const late = rows.map((row) => perceptualStepReward(model, 1, row, "negated"));
    expect(Math.min(...late.slice(5))).toBeGreaterThan(Math.max(...late.slice(0, 5)));
    expect(perceptualStepReward(model, 1, rows[0]!, "printed")).toBeCloseTo(-late[0]!, 12);
  });

  it("work on the agent world", () => {
    expect(agentWorld()[0]!.inputs!.embeddings!.rows).toBe(6);
  });
});

describe("steps without an embedding", () => {
  it("have no number and change nobody else's", () => {
    const arrays = { goal: matrix([[1, 0]]), baseline: matrix([[0, 1]]) };
    const made = trajectory("n", { steps: steps(3) });
    const whole = compute(goalBaseline, {
      trajectory: made,
      inputs: {
        arrays,
        embeddings: matrix([
          [NaN, NaN],
          [1, 0],
          [0, 1],
        ]),
      },
    });
    expect(whole.values[0]).toBeNaN();
    expect(whole.values[1]).toBeCloseTo(1, 12);
    const none = { arrays, embeddings: matrix([[NaN, NaN]]) };
    expect(() =>
      compute(goalBaseline, { trajectory: trajectory("n", { steps: steps(1) }), inputs: none }),
    ).toThrow(/No step of this trajectory has an embedding/u);
  });
});
