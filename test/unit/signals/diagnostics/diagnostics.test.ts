import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../../../src/model/trajectory";
import type { Diagnostic, Inspection } from "../../../../src/signals/diagnostics/diagnostic";
import { diagnostics } from "../../../../src/signals/diagnostics/diagnostics";
import { longestLoop, repeatedShare } from "../../../../src/signals/diagnostics/loops";
import { resolveParameters, type DatasetRow, type SignalContext } from "../../../../src/signals/signal";
import { groupOf, outcomeGroup, random, step, trajectory } from "../worlds";

const byId = (id: string): Diagnostic => diagnostics.find((diagnostic) => diagnostic.id === id)!;

function inspect(id: string, context: SignalContext, parameters: Record<string, unknown> = {}): Inspection {
  const found = byId(id).inspect(context, resolveParameters(byId(id), undefined, parameters));
  if ("missing" in found) throw new Error(found.how);
  return found;
}

const missing = (id: string, context: SignalContext): string => {
  const found = byId(id).inspect(context, resolveParameters(byId(id), undefined));
  return "missing" in found ? found.how : "nothing is missing";
};

/** A run of so many steps with groups of four; `make` gives each row. */
function run(
  steps: number,
  groups: number,
  make: (stepNumber: number, index: number) => Partial<DatasetRow>,
): SignalContext {
  const dataset: DatasetRow[] = [];
  for (let t = 1; t <= steps; t++)
    for (let i = 0; i < groups * 4; i++)
      dataset.push({
        trajectoryId: `s${t}r${i}`,
        reward: 0,
        components: {},
        stepCount: 1,
        trainingStep: t,
        groupId: `s${t}g${Math.floor(i / 4)}`,
        ...make(t, i),
      });
  return { trajectory: trajectory(dataset[0]!.trajectoryId), dataset };
}

describe("diagnostics of groups", () => {
  it("tell equal rewards from near ties and from contrast", () => {
    const equal = inspect("zero-variance", outcomeGroup([0.5, 0.5, 0.5])[0]!);
    expect(equal.values[0]).toBe(0);
    expect(equal.findings[0]).toMatchObject({ severity: "information", trajectoryIds: ["g0", "g1", "g2"] });
    const near = inspect("zero-variance", outcomeGroup([0.5, 0.501])[0]!);
    expect(near.findings[0]!.severity).toBe("warning");
    expect(inspect("zero-variance", outcomeGroup([0, 1])[0]!).findings).toEqual([]);
    expect(inspect("zero-variance", outcomeGroup([0, 0.5])[0]!, { nearTie: 0.5 }).findings.length).toBe(1);
    expect(missing("zero-variance", outcomeGroup([1, null, undefined])[0]!)).toContain("it has 1");
  });

  it("miss the members that the other groups have, and rewards that others record", () => {
    const context = run(2, 3, () => ({ reward: 1 }));
    const group = {
      groupId: "s1g0",
      members: context.dataset!.slice(0, 3).map((row, i) => ({ ...row, reward: i === 0 ? null : 1 })),
    };
    const { values, findings } = inspect("group-completeness", { ...context, group });
    expect(values[0]).toBe(2);
    expect(findings[0]!.message).toBe(
      "The group is not what was sampled: 1 of 4 members are not in the data; 1 of 3 members have no reward.",
    );
    const unrewarded = run(2, 3, () => ({ reward: null }));
    const whole = { groupId: "s1g0", members: unrewarded.dataset!.slice(0, 4) };
    expect(inspect("group-completeness", { ...unrewarded, group: whole }).findings).toEqual([]);
    expect(inspect("group-completeness", { ...unrewarded, group: whole }, { expected: 8 }).values[0]).toBe(4);
  });

  it("count texts that differ in white space alone as one", () => {
    const say = (id: string, text: string): Trajectory =>
      trajectory(id, { steps: [step(0, { action: text })] });
    const group = groupOf([say("a", "x  = 1"), say("b", "x = 1\n"), say("c", "x = 2"), say("d", "x = 1")]);
    const { values, findings } = inspect("duplicate-answers", { trajectory: say("a", ""), group });
    expect(values[0]).toBe(0.5);
    expect(findings[0]!.trajectoryIds).toEqual(["a", "b", "d"]);
    expect(
      inspect("duplicate-answers", { trajectory: say("a", ""), group }, { share: 0.6 }).findings,
    ).toEqual([]);
  });
});

describe("diagnostics of trajectories", () => {
  it("measure repeated n-grams as 1 - distinct / all", () => {
    expect(repeatedShare(["a", "b", "a", "b"], 2)).toBeCloseTo(1 / 3, 15);
    expect(repeatedShare(["a"], 2)).toBeNaN();
    const looping = trajectory("t", {
      steps: [step(0, { action: "so we get one more and again the sum ".repeat(20) })],
    });
    const { findings, values } = inspect("repetition", { trajectory: looping });
    expect(values[0]).toBeGreaterThan(0.9);
    expect(findings[0]!.trajectoryIds).toEqual(["t"]);
    const words = Array.from({ length: 200 }, (_, i) => `w${i}`).join(" ");
    expect(
      inspect("repetition", { trajectory: trajectory("u", { steps: [step(0, { action: words })] }) }),
    ).toMatchObject({
      values: Float64Array.of(0),
      findings: [],
    });
  });

  it("find the longest loop wherever it begins", () => {
    expect(longestLoop(["x", "a", "b", "a", "b", "a", "b", "y"], 4)).toEqual({
      start: 1,
      period: 2,
      times: 3,
    });
    expect(longestLoop(["a", "a", "a", "a"], 4)).toEqual({ start: 0, period: 1, times: 4 });
    expect(longestLoop(["a", "b"], 4).times).toBe(1);
    expect(longestLoop([], 4).times).toBe(1);
  });

  it("say from which step on an agent is stuck", () => {
    const stuck = trajectory("t", {
      steps: ["look", "click 3", "click 3", "click 3", "done"].flatMap((action, i) => [
        step(2 * i, { action }),
        step(2 * i + 1, { role: "tool", observation: "ok" }),
      ]),
    });
    const { findings, values } = inspect("repeated-actions", { trajectory: stuck });
    expect(values[0]).toBe(3);
    expect(findings[0]).toMatchObject({
      stepIndex: 2,
      message: "The same action 3 times in a row, from step 2 on.",
    });
    const varied = trajectory("u", {
      steps: [1, 2, 3].map((x, i) => step(i, { action: "", toolCalls: [{ name: "go", arguments: { x } }] })),
    });
    expect(inspect("repeated-actions", { trajectory: varied }).findings).toEqual([]);
  });

  it("find trained tool text and end tokens that are not trained", () => {
    const make = (mask: number[], text?: string[]): SignalContext => ({
      trajectory: trajectory("t", {
        steps: [
          step(0, { role: "user", tokenStart: 0, tokenEnd: 2 }),
          step(1, { tokenStart: 2, tokenEnd: 5 }),
          step(2, { role: "tool", tokenStart: 5, tokenEnd: 7 }),
          step(3, { tokenStart: 7, tokenEnd: 9 }),
        ],
        tokens: { count: 9, mask: Uint8Array.from(mask), series: {}, ...(text ? { text } : {}) },
      }),
    });
    expect(inspect("mask-lint", make([0, 0, 1, 1, 1, 0, 0, 1, 1]))).toMatchObject({
      values: Float64Array.of(0),
      findings: [],
    });
    const wrong = inspect("mask-lint", make([0, 0, 1, 1, 0, 1, 1, 1, 1]));
    expect(wrong.values[0]).toBe(3);
    expect(wrong.findings.map(({ stepIndex }) => stepIndex)).toEqual([1, 2]);
    // A line end behind the end token belongs to the template.
    const template = ["u", "s", "4", "<|end|>", "\n", "t", "t", "ok", "<|end|>"];
    expect(inspect("mask-lint", make([0, 0, 1, 1, 0, 0, 0, 1, 1], template)).findings).toEqual([]);
    expect(inspect("mask-lint", make([0, 0, 0, 0, 0, 0, 0, 1, 1])).findings[0]!.message).toContain(
      "None of the 3 tokens of step 1",
    );
  });
});

describe("diagnostics of runs", () => {
  it("count groups in which all failed or all passed, per training step", () => {
    const context = run(2, 2, (t, i) => ({ reward: t === 1 ? (i < 4 ? 0 : 1) : i % 2 }));
    const { values, parts, findings } = inspect("group-outcomes", context);
    expect(Array.from(values)).toEqual([1, 0]);
    expect(Array.from(parts!["all fail"]!)).toEqual([0.5, 0]);
    expect(findings.length).toBe(1);
    expect(findings[0]!.trainingStep).toBe(1);
    expect(findings[0]!.trajectoryIds.length).toBe(8);
    // Success that the file records beats a threshold on the reward.
    const recorded = run(1, 1, (_, i) => ({ reward: 0.2, success: i === 0 }));
    expect(inspect("group-outcomes", recorded).values[0]).toBe(0);
    expect(
      missing(
        "group-outcomes",
        run(1, 1, () => ({ reward: null })),
      ),
    ).toContain("recorded success or reward");
  });

  it("report recorded truncation, and lengths that pile up at a cap", () => {
    const recorded = run(2, 1, (t, i) => ({ truncated: t === 2 && i < 3, reward: i }));
    const first = inspect("truncation", recorded);
    expect(Array.from(first.values)).toEqual([0, 0.75]);
    expect(first.findings[0]!.message).toContain(
      "3 of 4 rollouts (75%) were truncated; 2 of them have a reward above 0",
    );
    const piled = run(1, 2, (_, i) => ({ tokenCount: i < 4 ? 512 : 100 + i }));
    expect(inspect("truncation", piled).findings[0]!.message).toContain("exactly 512 tokens");
    const free = run(1, 2, (_, i) => ({ tokenCount: 100 + i }));
    expect(inspect("truncation", free).findings).toEqual([]);
    expect(
      missing(
        "truncation",
        run(1, 1, () => ({})),
      ),
    ).toContain("neither truncation nor token counts");
    // A task that only a time limit ends is no finding, however often it is cut.
    const endless = inspect(
      "truncation",
      run(2, 1, () => ({ truncated: true, reward: -1 })),
    );
    expect(endless.findings).toEqual([]);
    expect(Array.from(endless.values)).toEqual([1, 1]);
    expect(endless.notes?.join()).toContain("without an end of its own");
  });

  it("find rewards far from the rest, and none among pass and fail", () => {
    const next = random(5);
    const far = run(1, 10, (_, i) => ({ reward: i === 7 ? 90 : next() }));
    const { findings } = inspect("reward-outliers", far);
    expect(findings[0]!.trajectoryIds).toEqual(["s1r7"]);
    const binary = run(1, 10, (_, i) => ({ reward: i === 0 ? 1 : 0 }));
    expect(inspect("reward-outliers", binary).findings).toEqual([]);
    const odd = run(1, 1, (_, i) => ({ reward: i === 0 ? NaN : i === 1 ? Infinity : 0 }));
    expect(inspect("reward-outliers", odd).findings[0]!.trajectoryIds).toEqual(["s1r0", "s1r1"]);
  });

  it("see answers grow", () => {
    const growing = run(10, 2, (t) => ({ tokenCount: 100 * t, reward: 0.5 }));
    const { findings, values } = inspect("length-bloat", growing);
    expect(values[9]).toBe(1000);
    expect(findings[0]!.message).toContain(
      "Rollouts grew 6.33 times, from 150 to 950 tokens (steps 1-2 to steps 9-10)",
    );
    expect(
      inspect(
        "length-bloat",
        run(10, 2, () => ({ responseCharacters: 50 })),
      ).findings,
    ).toEqual([]);
    expect(
      missing(
        "length-bloat",
        run(1, 2, () => ({ tokenCount: 1 })),
      ),
    ).toContain("at least 2 training steps");
  });

  it("see the format fall from its best stretch", () => {
    const drifting = run(10, 4, (t, i) => ({ components: { format: t < 7 || i % 2 ? 1 : 0 } }));
    const { findings } = inspect("format-drift", drifting);
    expect(findings[0]!.message).toContain("format fell from 1");
    expect(findings[0]!.value).toBe(0.5);
    const steady = run(10, 4, (_, i) => ({ components: { format: i % 2 } }));
    expect(inspect("format-drift", steady).findings).toEqual([]);
    expect(
      missing(
        "format-drift",
        run(10, 1, () => ({ components: { style: 1 } })),
      ),
    ).toContain("set the parameter component");
  });

  it("see the proxy rise while the truth falls, and not the two rising together", () => {
    const next = random(9);
    const hacked = run(10, 8, (t) => ({
      reward: t + next(),
      components: { acc: next() < 0.9 - 0.08 * t ? 1 : 0, style: t / 10 + 0.1 * next() },
    }));
    const { findings } = inspect("reward-divergence", hacked);
    expect(findings.map(({ message }) => message.split(" ")[0])).toEqual(["reward", "style"]);
    const healthy = run(10, 8, (t) => ({
      reward: t + next(),
      components: { acc: next() < 0.08 * t ? 1 : 0 },
    }));
    expect(inspect("reward-divergence", healthy).findings).toEqual([]);
    expect(
      missing(
        "reward-divergence",
        run(10, 1, () => ({ components: { style: 1 } })),
      ),
    ).toContain("set the parameter truth");
  });

  it("do not depend on the order of rows within a training step", () => {
    const context = run(6, 3, (t, i) => ({
      reward: ((t * 7 + i * 3) % 5) / 4,
      tokenCount: 10 * t + i,
      components: { acc: i % 2 },
    }));
    const shuffled = { ...context, dataset: [...context.dataset!].reverse() };
    for (const id of ["group-outcomes", "length-bloat", "reward-outliers", "reward-divergence"]) {
      const a = inspect(id, context);
      const b = inspect(id, shuffled);
      a.values.forEach((value, index) =>
        Number.isNaN(value)
          ? expect(b.values[index]).toBeNaN()
          : expect(b.values[index]).toBeCloseTo(value, 12),
      );
    }
  });
});
