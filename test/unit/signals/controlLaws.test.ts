import { describe, expect, it } from "vitest";
import { gae } from "../../../src/signals/advantage/gae";
import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import {
  alignmentGradient,
  policyHessianProduct,
  policyObjective,
  type MaskedEpisode,
  type PolicyGradient,
  type SoftmaxPolicy,
} from "../../../src/signals/control/alignmentGradients";
import {
  alignmentGamma,
  maskedReturns,
  type AlignmentHeads,
} from "../../../src/signals/control/alignedReward";
import { asafScore } from "../../../src/signals/control/asafSignal";
import { cocoa, returnHindsight, stateHindsight } from "../../../src/signals/control/hindsightSignals";
import { transportReward } from "../../../src/signals/control/imitationTransport";
import { kineticCombination } from "../../../src/signals/control/kineticReward";
import { behaviourNovelty } from "../../../src/signals/control/noveltySignals";
import { potentialShaping, shapingRewards } from "../../../src/signals/control/potentialShaping";
import { rudder } from "../../../src/signals/control/returnDecomposition";
import { designReward, judgeDesign, leastGaps } from "../../../src/signals/control/rewardDesign";
import {
  fitPotential,
  mostPotentialStates,
  shapingInvariance,
} from "../../../src/signals/control/shapingInvariance";
import { optimalValues, shapedRewards, type TabularMdp } from "../../../src/signals/control/tabularMdp";
import { dapo, drGrpo } from "../../../src/signals/group/grpoVariants";
import { reinforcePlusPlusBaseline } from "../../../src/signals/group/reinforcePlusPlusBaseline";
import { savitzkyGolay } from "../../../src/signals/kernels/savitzkyGolay";
import { retrace } from "../../../src/signals/offpolicy/retraceSignal";
import { monteCarloAdvantage, temporalDifference } from "../../../src/signals/returns/temporalDifference";
import { successorValues } from "../../../src/signals/series/successorValues";
import { resolveParameters, type Signal, type SignalContext } from "../../../src/signals/signal";
import { column, columnsContext, matrix } from "./controlWorlds";
import { groupOf, outcomeGroup, random, trajectory } from "./worlds";

const seeds = Array.from({ length: 10 }, (_, seed) => seed);
const draw = (seed: number): ((count: number) => number[]) => {
  const next = random(seed + 1000);
  return (count) => Array.from({ length: count }, () => next() * 4 - 2);
};

function valuesOf(
  signal: Signal,
  context: SignalContext,
  overrides: Record<string, unknown> = {},
  preset?: string,
): Float64Array {
  const result = signal.compute(context, resolveParameters(signal, preset, overrides));
  if ("missing" in result) throw new Error(result.how);
  return result.values;
}

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-9): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < got.length; i++)
    expect(Math.abs(got[i]! - wanted[i]!), `entry ${i}: ${got[i]} and ${wanted[i]}`).toBeLessThanOrEqual(
      tolerance,
    );
}

const total = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0);

/** An episode of control with values, that ended in a terminal state. */
function ended(seed: number, size = 7): { context: SignalContext; rewards: number[]; values: number[] } {
  const numbers = draw(seed);
  const rewards = numbers(size);
  const values = numbers(size);
  const terminated = rewards.map((_, t) => (t + 1 === size ? 1 : 0));
  return {
    rewards,
    values,
    context: columnsContext(`e${seed}`, {
      reward: rewards,
      value: values,
      terminated,
      truncated: rewards.map(() => 0),
      logprob: numbers(size).map((x) => -Math.abs(x)),
      return_prediction: numbers(size),
    }),
  };
}

describe("estimators agree where their definitions do", () => {
  it.each(seeds)("GAE at lambda 1 is the Monte-Carlo advantage, at lambda 0 the TD error (%i)", (seed) => {
    const { context } = ended(seed);
    expectClose(valuesOf(gae, context, { lambda: 1 }), valuesOf(monteCarloAdvantage, context));
    expectClose(valuesOf(gae, context, { lambda: 0 }), valuesOf(temporalDifference, context));
  });

  it.each(seeds)("Retrace on policy at lambda 1 is the return, whatever the action values (%i)", (seed) => {
    const { context, rewards } = ended(seed);
    const values = draw(seed + 50)(rewards.length);
    const own = columnsContext("q", {
      ...Object.fromEntries(context.trajectory.columns!.columns.map(({ name, data }) => [name, [...data]])),
      value: values,
      // On policy the expected action value is the taken one's in a deterministic policy.
      action_value: values,
    });
    const scored = {
      ...own,
      scores: [
        {
          trajectoryId: "q",
          name: "logprob",
          level: "step" as const,
          unit: "nats",
          values: Float64Array.from(
            own.trajectory.columns!.columns.find(({ name }) => name === "logprob")!.data,
          ),
          modelPath: "p",
          modelKind: "policy-gaussian" as const,
          provider: "cpu" as const,
          method: "density",
        },
      ],
    };
    const got = valuesOf(retrace, scored, { lambda: 1, gamma: 0.9 });
    let g = 0;
    const wanted = rewards.map(() => 0);
    for (let t = rewards.length - 1; t >= 0; t--) wanted[t] = g = rewards[t]! + 0.9 * g;
    expectClose(got, wanted);
  });
});

describe("potential-based shaping", () => {
  it.each(seeds)("telescopes to minus the first potential in a finished episode (%i)", (seed) => {
    const { context, values } = ended(seed);
    const shaping = valuesOf(potentialShaping, context, { gamma: 0.9 });
    const discounted = total(shaping.map((value, t) => 0.9 ** t * value));
    expect(discounted).toBeCloseTo(-values[0]!, 10);
  });

  it.each(seeds)("leaves advantages unchanged when the baseline knows the potential (%i)", (seed) => {
    const numbers = draw(seed);
    const size = 8;
    const [rewards, values, potentials] = [numbers(size), numbers(size), numbers(size)].map((list) =>
      Float64Array.from(list),
    );
    const flags = new Uint8Array(size);
    const terminated = Uint8Array.from(flags, (_, t) => (t + 1 === size ? 1 : 0));
    const shaping = shapingRewards(potentials!, 0, 0.95);
    for (const lambda of [0, 0.5, 1]) {
      const plain = generalisedAdvantages(
        { rewards: rewards!, values: values!, ...successorValues(values!, terminated, flags, 0, undefined) },
        0.95,
        lambda,
      );
      const shifted = values!.map((value, t) => value - potentials![t]!);
      const shaped = generalisedAdvantages(
        {
          rewards: rewards!.map((reward, t) => reward + shaping[t]!),
          values: shifted,
          ...successorValues(shifted, terminated, flags, 0, undefined),
        },
        0.95,
        lambda,
      );
      expectClose(shaped.advantages, plain.advantages);
    }
  });

  it("is recognised from rewards alone, and a broken transition is named", () => {
    const states = [0, 1, 2, 1, 0, 1, 2, 3];
    const potential = [0.5, -1, 2, 0.25];
    const base = states.map(() => 0.5);
    const shaped = base.map(
      (reward, t) =>
        reward + (t + 1 < states.length ? 0.9 * potential[states[t + 1]!]! : 0) - potential[states[t]!]!,
    );
    const context = (rewards: number[]): SignalContext =>
      columnsContext(
        "s",
        {
          reward: base,
          shaped_reward: rewards,
          terminated: states.map((_, t) => (t + 1 === states.length ? 1 : 0)),
          truncated: states.map(() => 0),
        },
        {
          columns: [
            column(
              "observation",
              states.map((state) => [state]),
              "observation",
            ),
          ],
        },
      );
    expectClose(
      valuesOf(shapingInvariance, context(shaped), { gamma: 0.9 }),
      states.map(() => 0),
      1e-8,
    );
    // The same transition 1 -> 2 with and without a bonus of its own: no function of states explains both.
    const broken = [...shaped];
    broken[1] = broken[1]! + 1;
    const left = valuesOf(shapingInvariance, context(broken), { gamma: 0.9 });
    expect(Math.max(...left.map(Math.abs))).toBeGreaterThan(0.2);
    expect(() =>
      fitPotential(
        Array.from({ length: mostPotentialStates + 1 }, (_, k) => ({
          from: `${k}`,
          to: undefined,
          bonus: 0,
        })),
        0.9,
      ),
    ).toThrow(/too many/u);
  });
});

describe("redistribution and hindsight", () => {
  it.each(seeds)(
    "RUDDER's rewards sum to the return, its differences to the last prediction (%i)",
    (seed) => {
      const { context, rewards } = ended(seed);
      expect(total(valuesOf(rudder, context))).toBeCloseTo(total(rewards), 10);
      const last = context.trajectory
        .columns!.columns.find(({ name }) => name === "return_prediction")!
        .data.at(-1)!;
      expect(total(valuesOf(rudder, context, {}, "demonstration"))).toBeCloseTo(last, 10);
    },
  );

  it("gives no credit when hindsight knows no more than the policy", () => {
    const policy = [
      [0.25, 0.75],
      [0.5, 0.5],
      [0.125, 0.875],
    ];
    const context = columnsContext(
      "h",
      { reward: [1, -2, 4], action: [0, 1, 1] },
      {
        columns: [column("policy_probabilities", policy)],
        arrays: {
          hindsight: matrix(policy.flatMap((row) => [row, row, row])),
          return_hindsight: matrix(policy),
        },
      },
    );
    expectClose(valuesOf(stateHindsight, context), [0, 0, 0]);
    expectClose(valuesOf(returnHindsight, context), [0, 0, 0]);
    // COCOA keeps a step's own reward, over the action's probability.
    expectClose(valuesOf(cocoa, context), [1 / 0.25, -2 / 0.5, 4 / 0.875]);
  });
});

describe("groups", () => {
  it.each(seeds)(
    "Dr.GRPO, DAPO and REINFORCE++ do not move when rewards shift, nor when members change places (%i)",
    (seed) => {
      const rewards = draw(seed)(5);
      for (const signal of [drGrpo, dapo, reinforcePlusPlusBaseline]) {
        const of = (list: readonly number[]): number[] =>
          outcomeGroup(list).map((context) => valuesOf(signal, context)[0]!);
        const plain = of(rewards);
        expectClose(of(rewards.map((reward) => reward + 8)), plain);
        expectClose(of([...rewards].reverse()), [...plain].reverse());
      }
    },
  );

  it("DAPO drops a group without a spread, and keeps a group of one", () => {
    expect(outcomeGroup([1, 1]).map((context) => valuesOf(dapo, context)[0])).toEqual([NaN, NaN]);
    expect(valuesOf(dapo, outcomeGroup([3])[0]!)[0]).toBeCloseTo(3 / (1 + 1e-6), 12);
  });

  it("whitens REINFORCE++ over tokens: the weighted mean is 0 and the variance 1", () => {
    const members = [1, 0, 0.5, 2].map((reward, i) =>
      trajectory(`m${i}`, { outcome: { reward, components: {} } }),
    );
    const lengths = [3, 10, 1, 6];
    const base = groupOf(members);
    const group = {
      ...base,
      members: base.members.map(({ trajectory: _, ...member }, i) => ({
        ...member,
        tokenCount: lengths[i]!,
      })),
    };
    const got = members.map(
      (member) =>
        valuesOf(reinforcePlusPlusBaseline, { trajectory: member, group, batch: [group] }, {}, "verl")[0]!,
    );
    const count = total(lengths);
    const mean = total(got.map((value, i) => value * lengths[i]!)) / count;
    expect(mean).toBeCloseTo(0, 12);
    expect(total(got.map((value, i) => (value - mean) ** 2 * lengths[i]!)) / (count - 1)).toBeCloseTo(1, 6);
  });
});

describe("behaviour and imitation", () => {
  it("novelty does not move with the origin of the descriptors, nor with the order of the group", () => {
    const points = [
      [0, 0],
      [1, 0],
      [0, 3],
      [4, 4],
    ];
    const of = (list: readonly (readonly number[])[]): number[] => {
      const members = list.map((bd, i) => trajectory(`n${i}`, { extra: { bd: [...bd] } }));
      const group = groupOf(members);
      return members.map(
        (member) => valuesOf(behaviourNovelty, { trajectory: member, group }, { neighbours: 2 })[0]!,
      );
    };
    const plain = of(points);
    expect(plain[0]).toBeCloseTo((1 + 3) / 2, 12);
    expectClose(of(points.map(([x, y]) => [x! + 7, y! - 3])), plain);
    expectClose(of([...points].reverse()), [...plain].reverse());
    expect(of([[1, 1]])[0]).toBeNaN();
  });

  it("optimal transport is blind to the order of the demonstration", () => {
    const numbers = draw(3);
    const steps = Array.from({ length: 5 }, () => Float64Array.from(numbers(3)));
    const demonstration = Array.from({ length: 5 }, () => Float64Array.from(numbers(3)));
    const plain = transportReward(steps, [demonstration], "euclidean", 1);
    const turned = transportReward(steps, [[...demonstration].reverse()], "euclidean", 1);
    expectClose(turned.rewards, plain.rewards, 1e-6);
  });

  it("ASAF's window logit is the sum of its steps", () => {
    const context = columnsContext("a", { new_logprob: [-1, -2, -0.5, -3], old_logprob: [-2, -1, -1, -1] });
    const result = asafScore.compute(context, resolveParameters(asafScore, undefined, { window: 2 }));
    if ("missing" in result) throw new Error(result.how);
    expectClose(result.values, [1, -1, 0.5, -2]);
    expect([...result.parts!["window logit"]!]).toEqual([0, -0.5, -1.5, NaN]);
  });

  it("the kinesthetic combination scales with its components and takes one sign", () => {
    expect(kineticCombination([0.5, 0.25, 1], "paper")).toBeCloseTo(0.5, 12);
    expect(kineticCombination([1, 0.5, 2], "paper")).toBeCloseTo(
      2 * kineticCombination([0.5, 0.25, 1], "paper"),
      12,
    );
    expect(kineticCombination([-0.5, -0.25, 1], "paper")).toBeLessThan(0);
    expect(kineticCombination([-0.5, -0.5], "product")).toBeGreaterThan(0);
    expect(Object.is(kineticCombination([0, 1, 1], "released"), 0)).toBe(true);
  });
});

describe("kernels behind them", () => {
  it("Savitzky-Golay gives a polynomial of its order back, with its slope, to the ends", () => {
    const of = (x: number): number => 2 - x + 0.5 * x * x;
    const values = Array.from({ length: 12 }, (_, t) => of(t * 0.1));
    for (const window of [5, 8]) {
      const smooth = savitzkyGolay(values, { window, order: 2 });
      // An even window is centred half a sample on, as SciPy has it.
      const shift = (t: number): number =>
        window % 2 === 0 && t >= window / 2 && t < values.length - window / 2 ? 0.5 : 0;
      expectClose(
        smooth,
        values.map((_, t) => of((t + shift(t)) * 0.1)),
        1e-9,
      );
    }
    const slope = savitzkyGolay(values, { window: 5, order: 2, derivative: 1, spacing: 0.1 });
    expectClose(
      slope,
      values.map((_, t) => -1 + t * 0.1),
      1e-9,
    );
    expect(() => savitzkyGolay([1, 2], { window: 5, order: 2 })).toThrow(/longer than/u);
  });

  it("the designed reward keeps the policy optimal and is as informative as any", () => {
    const transitions = [
      [
        [0, 1],
        [1, 0],
        [0, 0],
      ],
      [
        [0, 1],
        [0, 0],
        [1, 0],
      ],
      [
        [0, 0],
        [0, 0],
        [1, 1],
      ],
    ];
    const mdp: TabularMdp = { states: 3, actions: 2, transitions, gamma: 0.9 };
    const original = [
      [0, 0],
      [1, 0],
      [0, 0],
    ];
    const optimal = [
      [1, 0],
      [1, 0],
      [1, 1],
    ];
    const targets = leastGaps(mdp, [0, 0, 0], original, optimal);
    const problem = {
      mdp,
      policy: [0, 0, 0],
      optimal,
      targets,
      horizons: [1, 3],
      active: [0, 1],
      rewardLimit: 10,
      informativenessWeight: 1,
      sparsityWeight: 0,
    };
    const { objective, rewards } = designReward(problem);
    expect(judgeDesign(problem, rewards).violation).toBeLessThan(1e-6);
    expect(objective).toBeLessThanOrEqual(judgeDesign(problem, original).objective + 1e-9);
    expect(() => designReward({ ...problem, rewardLimit: 1e-6 })).toThrow(/No reward/u);
    // With the optimal values as the potential every optimal action gets 0.
    const shaped = shapedRewards(mdp, original, optimalValues(mdp, original));
    expectClose(
      shaped.map((row) => row[0]!),
      [0, 0, 0],
      1e-8,
    );
  });
});

describe("gradients of behaviour alignment", () => {
  const numbers = draw(9);
  const policy: SoftmaxPolicy = {
    weights: [Float64Array.from(numbers(2)), Float64Array.from(numbers(2)), Float64Array.from(numbers(2))],
    biases: Float64Array.from(numbers(3)),
  };
  const episodes: MaskedEpisode[] = [0, 1].map((k) => ({
    features: Array.from({ length: 4 }, () => Float64Array.from(numbers(2))),
    actions: [0, 2, 1, k],
    primary: Float64Array.from(numbers(4)),
    auxiliary: Float64Array.from(numbers(4)),
    mask: Float64Array.of(1, 1, 1, k),
  }));
  const returns = episodes.map(({ primary, mask }) => maskedReturns(primary, mask, 0.9));
  const moved = (by: PolicyGradient, step: number): SoftmaxPolicy => ({
    weights: policy.weights.map((row, a) => row.map((value, d) => value + step * by.weights[a]![d]!)),
    biases: policy.biases.map((value, a) => value + step * by.biases[a]!),
  });
  const direction: PolicyGradient = {
    weights: policy.weights.map((row) => row.map((_, d) => d - 0.5)),
    biases: Float64Array.of(0.25, -1, 0.5),
  };
  const dot = (a: PolicyGradient, b: PolicyGradient): number =>
    total(a.biases.map((value, k) => value * b.biases[k]!)) +
    a.weights.reduce((sum, row, k) => sum + total(row.map((value, d) => value * b.weights[k]![d]!)), 0);

  it("the gradient and the Hessian product equal finite differences", () => {
    const h = 1e-5;
    const at = (step: number): ReturnType<typeof policyObjective> =>
      policyObjective(moved(direction, step), episodes, returns, 0.25);
    expect(dot(at(0).gradient, direction)).toBeCloseTo((at(h).value - at(-h).value) / (2 * h), 8);
    const product = policyHessianProduct(policy, episodes, returns, 0.25, direction);
    expect(dot(product, direction)).toBeCloseTo(
      (dot(at(h).gradient, direction) - dot(at(-h).gradient, direction)) / (2 * h),
      7,
    );
  });

  it("the outer gradient without curvature is alpha times the mixed derivative, by finite differences", () => {
    const heads: AlignmentHeads = {
      kind: "plain",
      weights: [Float64Array.from(numbers(2)), Float64Array.from(numbers(2)), Float64Array.from(numbers(2))],
      biases: Float64Array.from(numbers(3)),
    };
    const options = { loops: 0, alpha: 0.5, rewardL2: 0, gammaL2: 0, entropy: 0.25, primaryGamma: 0.9 };
    const gradient = alignmentGradient(policy, heads, 1.5, episodes, episodes, options);
    const v = policyObjective(policy, episodes, returns, 0).gradient;
    const inner = (bias: number, parameter: number): number => {
      const changed = episodes.map(({ features, primary, auxiliary, mask }) =>
        maskedReturns(
          Float64Array.from(features, (row, t) => {
            const head = (k: number): number =>
              heads.biases[k]! + (k === 2 ? bias : 0) + total(heads.weights[k]!.map((w, d) => w * row[d]!));
            return head(0) + primary[t]! + head(2) * auxiliary[t]!;
          }),
          mask,
          alignmentGamma(parameter),
        ),
      );
      return dot(policyObjective(policy, episodes, changed, 0.25).gradient, v);
    };
    const h = 1e-5;
    expect(gradient.biases[2]).toBeCloseTo((0.5 * (inner(h, 1.5) - inner(-h, 1.5))) / (2 * h), 8);
    expect(gradient.gamma).toBeCloseTo((0.5 * (inner(0, 1.5 + h) - inner(0, 1.5 - h))) / (2 * h), 8);
    expect(gradient.biases[1]).toBeCloseTo(0, 12);
  });
});
