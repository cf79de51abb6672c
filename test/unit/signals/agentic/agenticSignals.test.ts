import { describe, expect, it } from "vitest";
import { igpoGain } from "../../../../src/signals/agentic/igpoGain";
import { istar } from "../../../../src/signals/agentic/istarSignals";
import { istarTokenReward } from "../../../../src/signals/agentic/istar";
import { latrFork, latrPrune } from "../../../../src/signals/agentic/latrSignals";
import { latentChangeSignal } from "../../../../src/signals/agentic/latentSignals";
import { rlfrAdvantage } from "../../../../src/signals/agentic/rlfrAdvantage";
import { rlfrPenalty } from "../../../../src/signals/agentic/rlfr";
import { spaProgress, spaTokenReward } from "../../../../src/signals/agentic/spaProgress";
import { taroTokenReward } from "../../../../src/signals/agentic/taro";
import { uis1Patch, uis1Sop } from "../../../../src/signals/agentic/uis1Rollout";
import { actionObject, uis1Score } from "../../../../src/signals/agentic/uis1Score";
import { resolveParameters, type SignalContext } from "../../../../src/signals/signal";
import { compute } from "../computeSignal";
import { agentWorld, matrix, memberContextsOf, modelGroup } from "../modelWorlds";
import { step, tokens, trajectory } from "../worlds";

const known = (values: Float64Array): number[] =>
  [...values].filter((value) => !Number.isNaN(value)).map((value) => value + 0);

describe("UI-S1 on a recorded episode", () => {
  const recorded = { action: "click", coordinate: [500, 1000], bbox: [450, 950, 550, 1050] };
  const screen = { width: 1000, height: 2000 };
  const gui = (action: string, thought?: string) =>
    trajectory("g", {
      steps: [
        step(0, { action, ...(thought ? { thought } : {}), extra: { action_content: recorded, ...screen } }),
      ],
    });
  const score = (action: string, thought?: string): number =>
    compute(uis1Score, { trajectory: gui(action, thought) }).values[0]!;

  it("gives the scores that logs hold", () => {
    const hit = '{"action": "click", "coordinate": [505, 1010]}';
    expect(score(hit, "There.")).toBe(1);
    expect(score(hit)).toBeCloseTo(0.9, 12);
    expect(score('{"action": "click", "coordinate": [5, 10]}', "There.")).toBeCloseTo(0.55, 12);
    expect(score('{"action": "wait"}', "There.")).toBeCloseTo(0.19, 12);
    expect(score("no action at all")).toBe(0);
  });

  it("reads actions from objects, JSON, text around it and tool calls", () => {
    expect(actionObject('{"name": "mobile_use", "arguments": {"action": "wait"}}')).toEqual({
      action: "wait",
    });
    expect(actionObject('Now: {"action": "wait"} done')).toEqual({ action: "wait" });
    expect(actionObject("nothing {")).toBeUndefined();
    expect(actionObject(null)).toBeUndefined();
  });

  const matches = (list: readonly boolean[]) =>
    trajectory("p", { steps: list.map((match, t) => step(t, { extra: { extract_match: match } })) });

  it("patches while patches are left and gives nothing behind the end", () => {
    const own = matches([true, false, true, false, true]);
    const one = compute(uis1Patch, { trajectory: own }, { threshold: 1 });
    expect([...one.values]).toEqual([0, 1, 0, 0, NaN]);
    expect([...compute(uis1Patch, { trajectory: own }, { threshold: -1 }).values]).toEqual([0, 1, 0, 1, 0]);
  });

  it("measures progress to the first mismatch and sums up the set", () => {
    const group = modelGroup([
      { trajectory: matches([true, false]) },
      { trajectory: { ...matches([true]), id: "q" } },
    ]);
    const [first] = memberContextsOf(group);
    const { values, notes } = compute(uis1Sop, first!);
    expect(values[0]).toBe(0.5);
    expect(notes.join(" ")).toContain("TSR 50 %, PG 75 %, score 62.5");
    const evaluated = trajectory("r", { extra: { num_steps: 4, final_step_id: 1, task_success: false } });
    expect(compute(uis1Sop, { trajectory: evaluated }).values[0]).toBe(0.25);
  });
});

describe("iStar", () => {
  const contexts = agentWorld();

  it("has step rewards that are the sums of its token rewards", () => {
    for (const context of contexts) {
      const perToken = compute(istarTokenReward, context).values;
      const steps = compute(istar, context).parts!["step reward"]!;
      for (const { index, tokenStart, tokenEnd, role } of context.trajectory.steps) {
        if (role !== "assistant") continue;
        const sum = known(perToken.slice(tokenStart, tokenEnd)).reduce((a, b) => a + b, 0);
        expect(steps[index]).toBeCloseTo(sum, 12);
      }
    }
  });

  it("has a baseline of first steps only, so a later step may move and leave the others alone", () => {
    const [own, other] = contexts;
    const before = compute(istar, own!).values;
    const changed = other!.trajectory.steps.map((each) =>
      each.index === 5 ? { ...each, extra: { ...each.extra, step_log_ratio: 100 } } : each,
    );
    const group = {
      ...own!.group!,
      members: own!.group!.members.map((member) =>
        member.trajectoryId === other!.trajectory.id
          ? { ...member, trajectory: { ...other!.trajectory, steps: changed } }
          : member,
      ),
    };
    expect([...compute(istar, { ...own!, group }).values]).toEqual([...before]);
  });
});

describe("LATR", () => {
  const at = (p: readonly (readonly number[])[], overrides: Record<string, unknown> = {}, preset?: string) =>
    known(
      compute(
        latrFork,
        {
          trajectory: trajectory("l", { tokens: tokens({ logprob: p.map(() => -1) }) }),
          inputs: { arrays: { top_probabilities: matrix(p) } },
        },
        overrides,
        preset,
      ).values,
    );

  it("tests strictly, and the other way round before January 2026", () => {
    const rows = [
      [0.5, 0.4],
      [0.4, 0.25],
      [0.75, 0.25],
      [0.9, 0.05],
    ];
    expect(at(rows)).toEqual([1, 0, 0, 0]);
    expect(at([[0.6, 0.3]], {}, "before-2026-01-23")).toEqual([1]);
    expect(at([[0.3, 0.6]])).toEqual([0]);
  });

  it("prunes a branch that repeats its parent and never a root", () => {
    const ids = Int32Array.from({ length: 40 }, (_, t) => t % 7);
    const parent = trajectory("root", { tokens: { ...tokens({ logprob: [...ids] }), ids } });
    const branch = (shift: number) =>
      trajectory("branch", {
        parentId: "root",
        extra: { birth_step: 5 },
        tokens: { ...tokens({ logprob: [...ids] }), ids: ids.map((id, t) => (t < 5 ? id : id + shift)) },
      });
    const pruned = (shift: number): number => {
      const [, own] = memberContextsOf(modelGroup([{ trajectory: parent }, { trajectory: branch(shift) }]));
      return compute(latrPrune, own!).values[0]!;
    };
    expect(pruned(0)).toBe(1);
    expect(pruned(100)).toBe(0);
    const [root] = memberContextsOf(modelGroup([{ trajectory: parent }]));
    expect(latrPrune.compute(root!, resolveParameters(latrPrune, undefined))).toMatchObject({
      missing: ["tree"],
    });
  });
});

describe("SPA-RL and the practitioner's guide on tokens", () => {
  const made = trajectory("s", {
    steps: [2, 5, 7].map((reward, t) =>
      step(t, { reward, tokenStart: 3 * t, tokenEnd: 3 * t + 2, extra: { turn_value: t + 1 } }),
    ),
    tokens: tokens(
      { logprob: [-1, -2, -1, -2, -1, -2, -1, -2, -1], ref_logprob: new Array<number>(9).fill(-1) },
      [1, 1, 0, 1, 1, 0, 1, 1, 0],
    ),
    outcome: { reward: 6, components: {} },
  });

  it("weighs turns by the turns after them, so the last one gets nothing", () => {
    expect(known(compute(spaTokenReward, { trajectory: made }).values)).toEqual([0, 4, 0, 5, 0, 0]);
    const { parts } = compute(spaTokenReward, { trajectory: made }, { klCoefficient: 0.5 });
    expect(known(parts!["KL penalty"]!)).toEqual([0, 0.5, 0.5, 0, 0, 0.5]);
  });

  it("adds turn values up to the prediction", () => {
    const { parts, notes } = compute(spaProgress, { trajectory: made });
    expect([...parts!["progress so far"]!]).toEqual([1, 3, 6]);
    expect(notes[0]).toContain("Prediction 6, recorded outcome 6, squared error 0");
  });

  it("loses rewards beyond the prompt width, and says how many", () => {
    const all = compute(taroTokenReward, { trajectory: made }, { maximum: 14 });
    expect(known(all.values).reduce((a, b) => a + b, 0)).toBeCloseTo(14 / 3, 12);
    const cut = compute(taroTokenReward, { trajectory: made }, { promptWidth: 5 });
    expect(cut.notes.join(" ")).toContain("1 rewards stand beyond");
    expect(known(cut.values).reduce((a, b) => a + b, 0)).toBeCloseTo(7 / 3, 12);
  });
});

describe("latent and flow signals", () => {
  it("find a straight way fully aligned", () => {
    const states = matrix(Array.from({ length: 6 }, (_, t) => [t, 2 * t]));
    const context: SignalContext = {
      trajectory: trajectory("x", { tokens: tokens({ logprob: new Array<number>(6).fill(-1) }) }),
      inputs: { hiddenStates: new Map([[1, states]]) },
    };
    const { parts } = compute(latentChangeSignal, context, { chunk: 2 });
    expect(parts!["aligned"]![0]).toBeCloseTo(1, 12);
    expect(parts!["cumulative"]![0]).toBeCloseTo(2 * parts!["net"]![0]!, 12);
    const short = compute(latentChangeSignal, context, { chunk: 10 });
    expect(short.values[0]).toBeNaN();
    expect(short.notes.join(" ")).toContain("needs two");
  });

  it("average deviations over noise seeds and give the outcome minus penalties as the first advantage", () => {
    for (const context of agentWorld()) {
      const { parts } = compute(rlfrPenalty, context);
      const rows = context.inputs!.arrays!["flow_deviation"]!;
      parts!["deviation"]!.forEach((value, t) => {
        if (Number.isNaN(value)) return;
        const mean = [0, 1, 2].reduce((sum, row) => sum + rows.data[row * rows.width + t]!, 0) / 3;
        expect(value).toBeCloseTo(mean, 12);
      });
      const advantage = compute(rlfrAdvantage, context);
      const total = known(advantage.parts!["token reward"]!).reduce((a, b) => a + b, 0);
      expect(known(advantage.values)[0]).toBeCloseTo(total, 10);
    }
  });
});

describe("hidden states of the model's own tokens", () => {
  it("leave the prompt out, by the log-probabilities that it does not have", () => {
    const states = matrix(Array.from({ length: 6 }, (_, t) => [t < 2 ? 1000 : t, 2 * t]));
    const context: SignalContext = {
      trajectory: trajectory("x"),
      inputs: { hiddenStates: new Map([[1, states]]) },
      scores: [
        {
          trajectoryId: "x",
          name: "logprob",
          level: "token",
          unit: "nats",
          values: Float64Array.of(NaN, NaN, -1, -1, -1, -1),
          modelPath: "/models/policy",
          modelKind: "policy-lm",
          provider: "cpu",
          method: "teacher forcing",
        },
      ],
    };
    const { parts } = compute(latentChangeSignal, context, { chunk: 2 });
    expect(parts!["cumulative"]![0]).toBeCloseTo(Math.hypot(2, 4), 12);
  });
});

describe("gains that a validation dump records", () => {
  const dumped = (gains: readonly number[]) =>
    trajectory("i", {
      steps: [step(0), { index: 1, role: "tool", observation: "found" }, step(2)],
      extra: { info_gain_rewards: [...gains] },
    });

  it("stand on every turn but the last, and are dropped when their number does not fit", () => {
    const { values } = compute(igpoGain, { trajectory: dumped([0.25]) });
    expect([...values]).toEqual([0.25, NaN, NaN]);
    expect(igpoGain.explain!({ trajectory: dumped([0.25]) }, {}, 0)?.lines[0]!.value).toBe(0.25);
    expect(() => compute(igpoGain, { trajectory: dumped([0.25, 0.5]) })).toThrow(/2 gains for 2 turns/u);
  });
});
