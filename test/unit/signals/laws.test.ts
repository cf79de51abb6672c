import { describe, expect, it } from "vitest";
import {
  generalisedAdvantages,
  skippingAdvantages,
} from "../../../src/signals/advantage/generalisedAdvantages";
import { grpo } from "../../../src/signals/group/grpo";
import { rloo } from "../../../src/signals/group/rloo";
import { accumulateBackward } from "../../../src/signals/kernels/backwardRecursion";
import {
  normaliseGroup,
  normaliseGroups,
  type GroupConvention,
} from "../../../src/signals/kernels/groupNormalisation";
import { whiten, whitenRows } from "../../../src/signals/kernels/whitening";
import { vtrace } from "../../../src/signals/offpolicy/vtrace";
import { discountedReturns } from "../../../src/signals/returns/discountedReturn";
import { lambdaReturns } from "../../../src/signals/returns/tdLambda";
import { successorValues } from "../../../src/signals/series/successorValues";
import { resolveParameters } from "../../../src/signals/signal";
import { edgeCredit, treeValues } from "../../../src/signals/tree/treeCredit";
import { outcomeGroup, random } from "./worlds";

const next = random(20260101);
const numbers = (count: number): Float64Array =>
  Float64Array.from({ length: count }, () => Math.round((next() * 4 - 2) * 1024) / 1024);
const zeros = (count: number): Uint8Array => new Uint8Array(count);
const seeds = Array.from({ length: 25 }, (_, seed) => seed);

const base: GroupConvention = {
  baseline: "mean",
  std: "sample",
  spreadOver: "group",
  epsilon: 0,
  singleton: "reward",
  zeroSpread: "divide",
  nan: "propagate",
  precision: "float64",
};

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-9): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < got.length; i++)
    expect(Math.abs(got[i]! - wanted[i]!), `entry ${i}: ${got[i]} and ${wanted[i]}`).toBeLessThan(tolerance);
}

describe("group advantages", () => {
  it.each(seeds)("do not move when all rewards shift (%i)", () => {
    const rewards = numbers(2 + Math.floor(next() * 7));
    for (const std of ["sample", "population", "none"] as const) {
      for (const baseline of ["mean", "leave-one-out"] as const) {
        const convention = { ...base, std, baseline, epsilon: 1e-6 };
        const shifted = rewards.map((reward) => reward + 64);
        expectClose(
          normaliseGroup(shifted, convention).advantages,
          normaliseGroup(rewards, convention).advantages,
        );
      }
    }
  });

  it.each(seeds)(
    "keep their size when rewards scale, if divided by the deviation, and scale with them otherwise (%i)",
    () => {
      const rewards = numbers(6);
      const scaled = rewards.map((reward) => reward * 8);
      expectClose(normaliseGroup(scaled, base).advantages, normaliseGroup(rewards, base).advantages);
      const centred = { ...base, std: "none" as const };
      expectClose(
        normaliseGroup(scaled, centred).advantages,
        normaliseGroup(rewards, centred).advantages.map((advantage) => advantage * 8),
      );
    },
  );

  it.each(seeds)("follow their rows under permutation (%i)", () => {
    const rewards = numbers(7);
    const order = [...rewards.keys()].sort(() => next() - 0.5);
    const permuted = Float64Array.from(order, (i) => rewards[i]!);
    const straight = normaliseGroup(rewards, base).advantages;
    expectClose(
      normaliseGroup(permuted, base).advantages,
      Float64Array.from(order, (i) => straight[i]!),
    );
  });

  it("sum to zero in every group, and interleaved groups do not touch each other", () => {
    const rewards = numbers(30);
    const groups = Int32Array.from(rewards, (_, i) => i % 4);
    const { advantages } = normaliseGroups(rewards, groups, 4, base);
    for (let group = 0; group < 4; group++) {
      const own = rewards.filter((_, i) => groups[i] === group);
      const mine = advantages.filter((_, i) => groups[i] === group);
      expect(mine.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 10);
      expectClose(mine, normaliseGroup(own, base).advantages, 1e-12);
    }
  });

  it("are exactly 0 for equal rewards, also where a sum would round", () => {
    const rewards = new Float64Array(3).fill(0.1);
    for (const epsilon of [1e-4, 1e-6, 1e-9]) {
      expect([...normaliseGroup(rewards, { ...base, epsilon }).advantages]).toEqual([0, 0, 0]);
      expect([
        ...normaliseGroup(rewards, { ...base, epsilon, baseline: "leave-one-out" }).advantages,
      ]).toEqual([0, 0, 0]);
    }
  });

  it("relate: leave-one-out is n/(n-1) times the centred reward", () => {
    const rewards = numbers(5);
    const centred = normaliseGroup(rewards, { ...base, std: "none" }).advantages;
    expectClose(
      normaliseGroup(rewards, { ...base, std: "none", baseline: "leave-one-out" }).advantages,
      centred.map((value) => (value * 5) / 4),
    );
  });

  it("leave the others' equal rewards with a deviation of exactly 0", () => {
    const rewards = Float64Array.of(0.7, 0.1, 0.1, 0.1);
    const { advantages, spreads } = normaliseGroup(rewards, {
      ...base,
      baseline: "leave-one-out",
      spreadOver: "others",
      zeroSpread: "undivided",
      epsilon: 1e-6,
    });
    expect(spreads[0]).toBe(0);
    expect(advantages[0]).toBeCloseTo(0.6, 12);
  });
});

describe("conventions for a group of one and for equal groups", () => {
  const value = (signal: typeof grpo, preset: string, rewards: readonly number[]): number => {
    const [context] = outcomeGroup(rewards);
    const result = signal.compute(context!, resolveParameters(signal, preset));
    if ("missing" in result) throw new Error(result.how);
    return result.values[0]!;
  };

  it.each([
    ["verl", 0.5 / (1 + 1e-6)],
    ["verl-dr-grpo", 0.5],
    ["skyrl", 0.5 / (1 + 1e-6)],
    ["rllm", 0.5 / (1 + 1e-6)],
    ["trl", 0],
    ["spo", 0],
    ["art", 0],
    ["prime-rl", 0],
    ["tinker", 0],
    ["nemo-rl", 0],
    ["openrlhf", NaN],
  ])("GRPO as in %s gives %d for a group of one", (preset, wanted) => {
    expect(value(grpo, preset, [0.5])).toEqual(wanted);
  });

  it.each([
    ["verl", 0.5],
    ["verl-vectorised", 0],
    ["trl", 0],
    ["spo", 0.5],
  ])("RLOO as in %s gives %d for a group of one", (preset, wanted) => {
    expect(value(rloo, preset, [0.5])).toBe(wanted);
  });

  it("every GRPO preset that works on the group gives exactly 0 for equal rewards", () => {
    for (const preset of grpo.presets)
      expect(Math.abs(value(grpo, preset.id, [0.3, 0.3, 0.3])), preset.id).toBe(0);
  });

  it("uses the deviation that the library uses", () => {
    expect(value(grpo, "verl", [1, 0])).toBeCloseTo(0.5 / (Math.SQRT1_2 + 1e-6), 12);
    expect(value(grpo, "rllm", [1, 0])).toBeCloseTo(0.5 / (0.5 + 1e-6), 12);
    expect(value(grpo, "trl", [1, 0])).toBeCloseTo(0.5 / (Math.SQRT1_2 + 1e-4), 12);
    expect(value(grpo, "openrlhf", [1, 0])).toBeCloseTo(0.5 / (Math.SQRT1_2 + 1e-9), 12);
    expect(value(grpo, "ragen-asym-clip", [1, ...new Array<number>(30).fill(0)])).toBe(3);
  });
});

describe("advantages over time", () => {
  it.each(seeds)("GAE with lambda 1 is the return minus the value (%i)", () => {
    const size = 1 + Math.floor(next() * 12);
    const rewards = numbers(size);
    const values = numbers(size);
    const last = next();
    const successors = successorValues(values, zeros(size), zeros(size), last, undefined);
    const gamma = 0.97;
    const { advantages } = generalisedAdvantages({ rewards, values, ...successors }, gamma, 1);
    expectClose(
      advantages,
      discountedReturns(rewards, gamma, last).map((value, t) => value - values[t]!),
    );
  });

  it.each(seeds)("GAE with lambda 0 is the TD error, and A + V is the TD(lambda) return (%i)", () => {
    const size = 8;
    const rewards = numbers(size);
    const values = numbers(size);
    const terminated = zeros(size);
    terminated[Math.floor(next() * size)] = 1;
    const successors = successorValues(values, terminated, zeros(size), 0.5, undefined);
    const input = { rewards, values, ...successors };
    const one = generalisedAdvantages(input, 0.9, 0);
    expectClose(one.advantages, one.deltas, 1e-15);
    const { returns } = generalisedAdvantages(input, 0.9, 0.8);
    const discounts = successors.carries.map((carries) => 0.9 * carries);
    expectClose(returns, lambdaReturns(rewards, discounts, successors.nextValues, 0.8));
  });

  it.each(seeds)(
    "TD errors telescope: with gamma = lambda = 1 they sum to the return minus the first value (%i)",
    () => {
      const size = 10;
      const rewards = numbers(size);
      const values = numbers(size);
      const { deltas } = generalisedAdvantages(
        { rewards, values, ...successorValues(values, zeros(size), zeros(size), 0, undefined) },
        1,
        1,
      );
      const total = rewards.reduce((sum, reward) => sum + reward, 0);
      expect(deltas.reduce((sum, delta) => sum + delta, 0)).toBeCloseTo(total - values[0]!, 10);
    },
  );

  it.each(seeds)(
    "potential shaping with the value as potential leaves the advantages of a full-information baseline alone (%i)",
    () => {
      const size = 9;
      const rewards = numbers(size);
      const potential = numbers(size);
      const gamma = 0.9;
      const none = zeros(size);
      const plain = discountedReturns(rewards, gamma);
      const shaped = rewards.map(
        (reward, t) => reward + gamma * (t + 1 < size ? potential[t + 1]! : 0) - potential[t]!,
      );
      // The value of the shaped problem is the old value minus the potential.
      const oldValues = numbers(size);
      const newValues = oldValues.map((value, t) => value - potential[t]!);
      const advantage = (r: Float64Array, v: Float64Array): Float64Array =>
        generalisedAdvantages(
          { rewards: r, values: v, ...successorValues(v, none, none, 0, undefined) },
          gamma,
          0.95,
        ).advantages;
      expectClose(advantage(shaped, newValues), advantage(rewards, oldValues));
      expectClose(
        discountedReturns(shaped, gamma),
        plain.map((value, t) => value - potential[t]!),
      );
    },
  );

  it.each(seeds)("masked GAE equals GAE on the policy tokens alone (%i)", () => {
    const size = 12;
    const rewards = numbers(size);
    const values = numbers(size);
    const mask = Uint8Array.from(rewards, () => (next() < 0.6 ? 1 : 0));
    mask[3] = 1;
    const kept = [...mask.keys()].filter((t) => mask[t]);
    const take = (from: Float64Array): Float64Array => Float64Array.from(kept, (t) => from[t]!);
    const compact = take(values);
    const inner = generalisedAdvantages(
      {
        rewards: take(rewards),
        values: compact,
        ...successorValues(compact, zeros(kept.length), zeros(kept.length), 0, undefined),
      },
      0.9,
      0.8,
    );
    expectClose(
      take(skippingAdvantages(rewards, values, mask, 0.9, 0.8).advantages),
      inner.advantages,
      1e-14,
    );
  });

  it("V-trace on its own policy with lambda 1 is the return minus the value", () => {
    const size = 6;
    const rewards = numbers(size);
    const values = numbers(size);
    const nextValues = Float64Array.from({ length: size }, (_, t) => (t + 1 < size ? values[t + 1]! : 0.25));
    const result = vtrace({
      rewards,
      values,
      nextValues,
      discounts: new Float64Array(size).fill(0.9),
      ratios: new Float64Array(size).fill(1),
    });
    const wanted = discountedReturns(rewards, 0.9, 0.25);
    expectClose(result.targets, wanted);
    expectClose(
      result.advantages,
      wanted.map((value, t) => value - values[t]!),
    );
  });

  it("a stop in the middle keeps a later NaN out", () => {
    expect([
      ...accumulateBackward(Float64Array.of(1, 2, NaN), Float64Array.of(0.5, 0, 0.5), new Float64Array(3)),
    ]).toEqual([2, 2, NaN]);
    expect([...accumulateBackward(Float64Array.of(1, 2, NaN), 0, new Float64Array(3))]).toEqual([1, 2, NaN]);
  });

  it("float32 rounds like a float32 framework", () => {
    const out = accumulateBackward(Float64Array.of(0.1, 0.2, 0.3), 0.99, new Float64Array(3), 0, "float32");
    const f = Math.fround;
    const last = f(0.3);
    const middle = f(f(0.2) + f(f(0.99) * last));
    expect([...out]).toEqual([f(f(0.1) + f(f(0.99) * middle)), middle, last]);
  });
});

describe("whitening and trees", () => {
  it.each(seeds)(
    "whitened values have mean 0 and deviation 1 over the mask, whatever shift and scale came before (%i)",
    () => {
      const values = numbers(20);
      const mask = Uint8Array.from(values, (_, i) => (i % 3 === 0 ? 0 : 1));
      const a = whiten(values, mask).values;
      const b = whiten(
        values.map((value) => 16 * value + 5),
        mask,
      ).values;
      expectClose(a, b, 1e-6);
      const kept = a.filter((_, i) => mask[i]);
      const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
      expect(mean).toBeCloseTo(0, 10);
      expect(kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1)).toBeCloseTo(1, 6);
    },
  );

  it("refuses a batch with a single token, as the trainers do", () => {
    expect(() => whitenRows([Float64Array.of(1, 2)], [[1, 0]])).toThrow(/at least two tokens/u);
  });

  it.each(seeds)(
    "edge advantages along a path telescope from root to leaf, and siblings sum to zero (%i)",
    () => {
      const parents = Int32Array.of(-1, 0, 0, 1, 1, 2, 2, 2);
      const leafRewards = numbers(8);
      const tree = { parents, leafRewards };
      const values = treeValues(tree);
      const { advantages } = edgeCredit(tree, values, "rloo");
      expect(advantages[1]! + advantages[3]!).toBeCloseTo(leafRewards[3]! - values.values[0]!, 12);
      expect(advantages[5]! + advantages[6]! + advantages[7]!).toBeCloseTo(0, 12);
      expect(Number.isNaN(advantages[0]!)).toBe(true);
    },
  );
});
