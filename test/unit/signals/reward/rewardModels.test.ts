import { describe, expect, it } from "vitest";
import type { Tree, TreeNode } from "../../../../src/model/tree";
import { contrastConsistency } from "../../../../src/signals/reward/contrastConsistency";
import { fusedRewardSignal, hullCorner } from "../../../../src/signals/reward/contrastSignals";
import {
  comparisonNoise,
  leafPrior,
  pairVariance,
  posteriorCovariance,
} from "../../../../src/signals/reward/pairUncertainty";
import { pairUncertainty } from "../../../../src/signals/reward/pairUncertaintySignal";
import { implicitReward, prefixGain } from "../../../../src/signals/reward/prefixSignals";
import { bestOfNSignal, tiesSignal } from "../../../../src/signals/reward/rewardBenchSignals";
import { attentionCreditSignal } from "../../../../src/signals/reward/attentionCreditSignal";
import {
  embeddingReward,
  preferenceInformation,
} from "../../../../src/signals/reward/embeddingRewardSignals";
import { bestOfNCurveSignal, proxyGap } from "../../../../src/signals/reward/sampleSelectionSignals";
import {
  attentionCredit,
  bestOfNCurve,
  bestOfNDivergence,
} from "../../../../src/signals/reward/rewardModelUses";
import { styleMatrix } from "../../../../src/signals/reward/styleSignal";
import type { SignalContext } from "../../../../src/signals/signal";
import { compute } from "../computeSignal";
import { matrix, memberContextsOf, modelGroup } from "../modelWorlds";
import { random, step, tokens, trajectory } from "../worlds";

const sample = (id: string, reward: number, success: boolean, embedding?: readonly number[]) => ({
  trajectory: trajectory(id, {
    groupId: "g",
    steps: [step(0, { action: id })],
    outcome: { reward, success, components: {} },
  }),
  ...(embedding
    ? { inputs: { embeddings: matrix([embedding]), arrays: { reward_head: matrix([[1, -1]]) } } }
    : {}),
});
const first = (members: Parameters<typeof modelGroup>[0], id?: string): SignalContext =>
  memberContextsOf(modelGroup(members, id))[0]!;

describe("RewardBench 2", () => {
  it("shares the point of the best among exact equals", () => {
    expect(
      compute(bestOfNSignal, first([sample("a", 2, true), sample("b", 2, false), sample("c", 1, false)]))
        .values[0],
    ).toBe(0.5);
    expect(compute(bestOfNSignal, first([sample("a", 1, false), sample("b", 0, true)])).values[0]).toBe(0);
    expect(() => compute(bestOfNSignal, first([sample("a", 1, true), sample("b", 0, true)]))).toThrow(
      /exactly one/u,
    );
    expect(() => compute(bestOfNSignal, first([sample("a", NaN, true), sample("b", 0, false)]))).toThrow(
      /no score/u,
    );
  });

  it("weighs the five terms of the Ties score", () => {
    const batch = [
      modelGroup([sample("a", 2, true), sample("b", 0, false)], "ref:7"),
      modelGroup([sample("c", 3, true), sample("d", 2, true), sample("e", 0, false)], "tied:7"),
    ];
    const context = { ...memberContextsOf(batch[0]!)[0]!, batch };
    // Gaps 2 and 2, spread 1: all accurate and preferred, margin tanh(2 / 1 - 1).
    expect(compute(tiesSignal, context).values[0]).toBeCloseTo(1 + 0.01 * Math.tanh(1), 12);
    expect(() => compute(tiesSignal, { ...context, batch: batch.slice(0, 1) })).toThrow(/both parts/u);
  });

  it("has prefix gains that add up to the last score", () => {
    const scores = [0.5, NaN, 0.75, -1];
    const made = trajectory("p", {
      steps: scores.map((prefix_score, t) =>
        step(t, { extra: Number.isNaN(prefix_score) ? {} : { prefix_score } }),
      ),
    });
    const { values, level } = compute(prefixGain, { trajectory: made }, {}, "ixc-turn");
    expect(level).toBe("step");
    expect([...values]).toEqual([0.5, NaN, 0.25, -1.75]);
    const perToken = trajectory("p", { tokens: tokens({ prefix_score: [1, 3, 2] }) });
    expect([...compute(prefixGain, { trajectory: perToken }, {}, "rewardbench-token").values]).toEqual([
      1, 2, -1,
    ]);
  });

  it("leaves beta out of the implicit reward, and takes it over the response alone", () => {
    const made = trajectory("i", {
      tokens: tokens({ logprob: [-9, -1, -2], ref_logprob: [-9, -2, -4] }, [0, 1, 1]),
    });
    expect(compute(implicitReward, { trajectory: made }).values[0]).toBe(3);
    expect(compute(implicitReward, { trajectory: made }, {}, "reference-free-average").values[0]).toBe(-1.5);
    expect(compute(implicitReward, { trajectory: made }, {}, "reference-free-norm").values[0]).toBeCloseTo(
      -Math.sqrt(5),
      12,
    );
  });

  it("counts equal scores of RM-Bench as wrong", () => {
    const made = trajectory("s", { extra: { score_chosen: [1, 1, 1], score_rejected: [1, 1, 1] } });
    expect(compute(styleMatrix, { trajectory: made }).values[0]).toBe(0);
    expect(styleMatrix.compute({ trajectory: trajectory("n") }, {})).toMatchObject({
      missing: ["components"],
    });
  });
});

describe("Contrast Instructions", () => {
  const graded = (qq: number, qt: number, tq: number, tt: number): SignalContext => ({
    trajectory: trajectory("c"),
    inputs: {
      arrays: {
        grid: matrix([
          [qq, qt],
          [tq, tt],
        ]),
      },
    },
  });

  it("tells the two consistencies apart, and the two ways to count ties", () => {
    expect(compute(contrastConsistency, graded(2, 1, 3, 4)).values[0]).toBe(1);
    expect(compute(contrastConsistency, graded(2, 1, 3, 4), {}, "instruction").values[0]).toBe(0);
    expect(compute(contrastConsistency, graded(1, 1, 1, 1), { kind: "grid" }).values[0]).toBe(0);
    expect(
      compute(contrastConsistency, graded(1, 1, 1, 1), { kind: "grid", rule: "ties-win" }).values[0],
    ).toBe(1);
  });

  it("fuses near neighbours only, weighted by similarity", () => {
    const members = [
      sample("a", 1, true, [1, 0]),
      sample("b", 3, true, [1, 0]),
      sample("c", 9, true, [0, 1]),
    ];
    expect(compute(fusedRewardSignal, first(members)).values[0]).toBe(2);
    expect(compute(fusedRewardSignal, first(members), { neighbours: 0 }).values[0]).toBe(1);
  });

  it("keeps the corners of the hull, and refuses variants on a line", () => {
    const square = [
      [0, 0],
      [4, 0],
      [0, 4],
      [4, 4],
      [2, 2],
    ];
    const contexts = memberContextsOf(modelGroup(square.map((point, i) => sample(`s${i}`, 0, true, point))));
    expect(contexts.map((context) => compute(hullCorner, context).values[0])).toEqual([1, 1, 1, 1, 0]);
    const line = memberContextsOf(modelGroup([0, 1, 2].map((x) => sample(`l${x}`, 0, true, [x, x]))));
    expect(hullCorner.compute(line[0]!, {})).toMatchObject({ missing: ["embeddings"] });
  });
});

describe("uses of a reward model", () => {
  it("has a best-of-n curve that agrees with all draws", () => {
    const next = random(21);
    const proxy = Array.from({ length: 6 }, () => Math.floor(next() * 4));
    const gold = Array.from({ length: 6 }, () => next());
    const curve = bestOfNCurve(proxy, gold);
    for (let n = 1; n <= 6; n++) {
      let best = 0;
      let chosen = 0;
      let draws = 0;
      for (let bits = 0; bits < 64; bits++) {
        const drawn = [0, 1, 2, 3, 4, 5].filter((i) => bits & (1 << i));
        if (drawn.length !== n) continue;
        const most = Math.max(...drawn.map((i) => proxy[i]!));
        const winners = drawn.filter((i) => proxy[i] === most);
        best += most;
        chosen += winners.reduce((sum, i) => sum + gold[i]!, 0) / winners.length;
        draws++;
      }
      expect(curve.proxy[n - 1]).toBeCloseTo(best / draws, 12);
      expect(curve.gold[n - 1]).toBeCloseTo(chosen / draws, 12);
    }
    expect(bestOfNDivergence(1)).toBe(0);
  });

  it("finds over-optimisation and the samples behind it", () => {
    const members = [sample("a", 3, false), sample("b", 2, true), sample("c", 1, true)];
    const curve = compute(bestOfNCurveSignal, first(members));
    expect(curve.values.at(-1)).toBe(0);
    expect(curve.notes.join(" ")).toContain("over-optimisation");
    const gaps = memberContextsOf(modelGroup(members)).map(
      (context) => compute(proxyGap, context).values[0]!,
    );
    expect(gaps.indexOf(Math.max(...gaps))).toBe(0);
    expect(gaps.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12);
    expect(() => compute(proxyGap, first([sample("a", 1, true), sample("b", 1, false)]))).toThrow(
      /all equal/u,
    );
  });

  it("shares the reward by attention without losing any of it", () => {
    const credit = attentionCredit(2, [9, 1, 3, 0], [0, 1, 1, 1]);
    expect([...credit]).toEqual([NaN, 0.5, 1.5, 0]);
    expect([...attentionCredit(2, [0, 0], [1, 1])]).toEqual([NaN, NaN]);
    const made = trajectory("t", {
      tokens: tokens({ attention: [1, 2, 5] }, [1, 0, 1]),
      outcome: { reward: -3, components: {} },
    });
    const values = compute(attentionCreditSignal, { trajectory: made }).values;
    expect(values[0]! + values[2]!).toBeCloseTo(-3, 12);
  });

  it("scores embeddings and names the pair that would teach most", () => {
    const members = [
      sample("a", 0, true, [1, 0]),
      sample("b", 0, true, [1, 0.01]),
      sample("c", 0, true, [-2, 1]),
    ];
    expect(compute(embeddingReward, first(members)).values[0]).toBe(1);
    expect(compute(embeddingReward, first(members), {}, "classification").values[0]).toBeCloseTo(
      1 / (1 + Math.exp(-1)),
      12,
    );
    const information = compute(preferenceInformation, first(members));
    expect(information.values.length).toBe(3);
    // Leverages of a design add up to the number of directions, but for the small ridge.
    expect(information.values.reduce((a, b) => a + b, 0)).toBeCloseTo(2, 1);
    expect(compute(preferenceInformation, first(members), {}, "levelset").notes[0]).toContain("a against b");
  });
});

describe("uncertainty on a prefix tree", () => {
  const node = (parent: number, depth: number, trajectoryId?: string): TreeNode => ({
    parent,
    depth,
    text: "x",
    leaf: trajectoryId !== undefined,
    status: "kept",
    ...(trajectoryId ? { trajectoryId } : {}),
  });
  const tree: Tree = {
    id: "t",
    title: "t",
    datasetId: "d",
    origin: "prefix",
    valueSource: "",
    advantageSource: "",
    nodes: [node(-1, 0), node(0, 1), node(1, 2, "a"), node(1, 2, "b"), node(0, 1, "c")],
  };

  it("is smaller for responses that share a prefix", () => {
    const { covariance, sharedEdges } = leafPrior(tree, 1, "edges");
    expect(sharedEdges.map((row) => [...row])).toEqual([
      [2, 1, 0],
      [1, 2, 0],
      [0, 0, 1],
    ]);
    expect(pairVariance(covariance, 0, 1)).toBe(2);
    expect(pairVariance(covariance, 0, 2)).toBe(3);
    const { values, notes } = compute(pairUncertainty, { trajectory: trajectory("a"), tree });
    expect([...values]).toEqual([2, 3, 3]);
    expect(notes.join(" ")).toContain("Next pair to label: a against c");
  });

  it("never grows with a comparison, and falls most for the pair that was compared", () => {
    const { covariance } = leafPrior(tree, 1, "edges");
    const noise = comparisonNoise(1);
    const after = posteriorCovariance(covariance, [[0, 2]], noise);
    expect(pairVariance(after, 0, 2)).toBeCloseTo((3 * noise) / (3 + noise), 12);
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      expect(pairVariance(after, a, b)).toBeLessThanOrEqual(pairVariance(covariance, a, b) + 1e-12);
    const twice = posteriorCovariance(
      covariance,
      [
        [0, 2],
        [0, 2],
      ],
      noise,
    );
    expect(pairVariance(twice, 0, 2)).toBeLessThan(pairVariance(after, 0, 2));
  });
});
