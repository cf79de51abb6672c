import { describe, expect, it } from "vitest";
import type { Step, Trajectory } from "../../../src/model/trajectory";
import { signals } from "../../../src/signals/index";
import { resolveParameters, type SignalContext, type SignalInputs } from "../../../src/signals/signal";
import { matrix, memberContextsOf, modelGroup } from "./modelWorlds";
import { step, tokens, trajectory } from "./worlds";

/** A trajectory with one policy step per reward, and tokens under a mask with holes. */
function rough(
  id: string,
  rewards: readonly (number | null | undefined)[],
  outcome: number | null,
): Trajectory {
  const steps = rewards.map((reward, t): Step =>
    step(t, {
      tokenStart: 2 * t,
      tokenEnd: 2 * t + 2,
      stateKey: `s${t}`,
      ...(reward === undefined ? {} : { reward }),
      extra: { critic: -100, sparse: NaN, dense: 0, prefix_score: Infinity, llm_label: 1, turn_value: NaN },
    }),
  );
  const count = Math.max(1, 2 * rewards.length);
  const numbers = Array.from({ length: count }, (_, t) =>
    t % 3 === 0 ? NaN : t % 3 === 1 ? -Infinity : -0.5,
  );
  return trajectory(id, {
    groupId: "rough",
    steps,
    tokens: {
      ...tokens(
        Object.fromEntries(
          ["reward", "logprob", "ref_logprob", "rm_logprob", "value", "flow_deviation", "entropy"].map(
            (name) => [name, numbers],
          ),
        ),
        Array.from({ length: count }, (_, t) => (t % 2 === 0 ? 1 : 0)),
      ),
      ids: new Int32Array(count),
    },
    outcome: { reward: outcome, success: false, components: {} },
  });
}

const broken: SignalInputs = {
  hiddenStates: new Map([
    [0, matrix(Array.from({ length: 4 }, () => [0, 0]))],
    [
      1,
      matrix([
        [NaN, Infinity],
        [1, 2],
        [0, 1],
        [-Infinity, 0],
      ]),
    ],
  ]),
  embeddings: matrix([
    [0, NaN],
    [0, 0],
  ]),
  judge: [{ text: "" }, { text: "```{" }, { step: 99, text: "Score: x" }],
  arrays: {
    goal: matrix([[0, 0]]),
    baseline: matrix([[0, 0]]),
    sentences: matrix([[0, 0]]),
    prompt: matrix([[0, 0]]),
    goal_state: matrix([[0, 0]]),
    reward_head: matrix([[NaN, 1]]),
    "centroids.helpfulness": matrix([[1, 2, 3]]),
    "probe.helpfulness": matrix([[1, 2, 3]]),
    attention: matrix([[0]]),
    grid: matrix([[NaN]]),
    plus_minus: matrix([[0, 0]]),
    top_probabilities: matrix([[1]]),
    flow_deviation: matrix([[NaN]]),
    comparisons: matrix([[0, 7]]),
    empty: { rows: 0, width: 0, data: new Float64Array(0) },
  },
};

/** Worlds in which something that a signal counts on is broken, absent or degenerate. */
function roughWorlds(): readonly (readonly [string, SignalContext])[] {
  const worlds: Record<string, readonly Trajectory[]> = {
    "an empty episode": [rough("a", [], null)],
    "one step": [rough("a", [1], 1)],
    "one member": [rough("a", [0, 1], 1)],
    "equal rewards": [rough("a", [1, 1], 1), rough("b", [1, 1], 1)],
    "NaN and infinite rewards": [rough("a", [NaN, Infinity], NaN), rough("b", [-Infinity, 0], Infinity)],
    "absent rewards": [rough("a", [undefined, null], null), rough("b", [null, null], null)],
    "ragged members": [rough("a", [1, 0, 2], 3), rough("b", [1], 1), rough("c", [], 0)],
  };
  return Object.entries(worlds).flatMap(([name, members]) => {
    const plain = memberContextsOf(modelGroup(members.map((own) => ({ trajectory: own }))));
    const given = memberContextsOf(modelGroup(members.map((own) => ({ trajectory: own, inputs: broken }))));
    const first = members[0]!;
    return [
      ...plain.map((context) => [name, context] as const),
      ...given.map((context) => [`${name}, broken model outputs`, context] as const),
      [`${name}, outside its group`, { trajectory: trajectory("z"), group: plain[0]!.group! }] as const,
      [`${name}, members not loaded`, { trajectory: first, group: withoutMembers(plain[0]!) }] as const,
    ];
  });
}

function withoutMembers(context: SignalContext): NonNullable<SignalContext["group"]> {
  return {
    groupId: "rough",
    members: [
      ...context.group!.members.map(({ trajectoryId, reward, components, stepCount }) => ({
        trajectoryId,
        reward,
        components,
        stepCount,
      })),
      { trajectoryId: "elsewhere", reward: 1, components: {}, stepCount: 3 },
    ],
  };
}

describe.each(signals.map((signal) => [signal.id, signal] as const))("%s on bad input", (_id, signal) => {
  const settings = signal.presets.length === 0 ? [undefined] : signal.presets.map(({ id }) => id);

  it("gives numbers, or one sentence on what is missing, and never throws", () => {
    for (const preset of settings) {
      const parameters = resolveParameters(signal, preset);
      for (const [name, context] of roughWorlds()) {
        const where = `${signal.id} ${preset ?? "defaults"}: ${name}`;
        const result = signal.compute(context, parameters);
        if ("missing" in result) {
          expect(result.how, where).toMatch(/\.$/u);
          continue;
        }
        for (const [part, values] of Object.entries(result.parts ?? {}))
          expect(values.length, `${where}, part ${part}`).toBe(result.values.length);
        for (const index of [-1, 0, result.values.length])
          expect(() => signal.explain?.(context, parameters, index), where).not.toThrow();
      }
    }
  });

  it("gives no number for a trajectory whose reward is not recorded, when it needs that reward", () => {
    if (!signal.needs.includes("outcomeReward") || signal.needs.includes("recordedAdvantages")) return;
    const own = trajectory("u", {
      steps: [step(0)],
      outcome: { reward: null, components: {} },
    });
    const context: SignalContext = memberContextsOf(
      modelGroup([{ trajectory: own }, { trajectory: rough("v", [1], 1) }]),
    )[0]!;
    const result = signal.compute(context, resolveParameters(signal, undefined));
    if ("values" in result)
      expect(
        [...result.values].every((value) => Number.isNaN(value)),
        signal.id,
      ).toBe(true);
  });
});
