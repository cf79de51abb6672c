import { describe, expect, it } from "vitest";
import { blinkLinkSignal } from "../../../../src/signals/reward/blinkLinkSignal";
import { deviceSuccess } from "../../../../src/signals/reward/deviceEpisodeSignal";
import { followUpSignal } from "../../../../src/signals/reward/followUpSignal";
import { uiGenieMatch, uiGenieScore } from "../../../../src/signals/reward/guiRewardSignals";
import { judgeReward, judgeTableSignal } from "../../../../src/signals/reward/judgeSignals";
import { judgeAdvantages, judgeTable, tableContradictions } from "../../../../src/signals/reward/judgeTable";
import { judgeRatingSignal } from "../../../../src/signals/reward/rewardBenchSignals";
import { trajectoryGradeSignal } from "../../../../src/signals/reward/trajectoryGradeSignal";
import { resolveParameters } from "../../../../src/signals/signal";
import { compute } from "../computeSignal";
import { matrix, memberContextsOf, modelGroup } from "../modelWorlds";
import { step, trajectory } from "../worlds";

const judged = (id: string, ...texts: string[]) => ({
  trajectory: trajectory(id, { steps: [step(0)], task: { groundTruth: "Image 2 is better" } }),
  inputs: { judge: texts.map((text) => ({ text })) },
});
const reply = `<think>
1. **Semantic consistency**:
   Image 1 (7/10) - misses the hat. Image 2 (9/10) - all there.

2. Aesthetics: warm light
   Image 1 (6/10). Image 2 (6.5/10).

Total score:
Image 1: 7+6=13
Image 2: 9+6.5=16
</think>
<answer>Image 2 is better</answer>`;

describe("the table of a comparing judge", () => {
  it("is read by dimension, with totals recomputed and faults named", () => {
    const table = judgeTable(reply);
    expect(table.dimensions).toEqual([
      { name: "Semantic consistency", scores: [7, 9] },
      { name: "Aesthetics", scores: [6, 6.5] },
    ]);
    expect(table.written).toEqual([13, 16]);
    expect(table.recomputed).toEqual([13, 15.5]);
    expect(table.verdict).toBe(2);
    expect(tableContradictions(table)).toEqual([
      "Candidate 2: the written total 16 is not the sum 15.5 of the dimensions.",
    ]);
    expect(
      tableContradictions(judgeTable(reply.replace("<answer>Image 2", "<answer>Image 1"))).join(" "),
    ).toContain("contradicts the totals");
  });

  it("gives the recomputed margin, and nothing without a table", () => {
    expect(compute(judgeTableSignal, judged("a", reply)).values[0]).toBe(-2.5);
    expect(judgeTableSignal.compute(judged("a", "Image 1 is nice."), {})).toMatchObject({
      missing: ["judge"],
    });
    expect(judgeTable("").candidates).toBe(0);
    expect(judgeTable(`<answer>Both are equally good</answer>`).verdict).toBe(0);
  });

  it("rewards verdict and format, and compares samples of a prompt", () => {
    const group = modelGroup([
      judged("a", reply),
      judged("b", "Image 2 is better"),
      judged("c", "Image 1 is better"),
    ]);
    const contexts = memberContextsOf(group);
    expect(contexts.map((context) => compute(judgeReward, context).values[0])).toEqual([2, 1, 0]);
    const advantages = contexts.map((context) => compute(judgeReward, context, {}, "advantage").values[0]!);
    const wanted = judgeAdvantages(
      [
        [1, 1],
        [1, 0],
        [0, 0],
      ],
      3,
    ).advantages;
    advantages.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 12));
    expect(advantages.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12);
    const unsolved = { ...contexts[0]!, trajectory: { ...contexts[0]!.trajectory, task: {} } };
    expect(judgeReward.compute(unsolved, resolveParameters(judgeReward, "llava"))).toMatchObject({
      missing: ["outcomeReward"],
    });
    expect(compute(judgeReward, unsolved, {}, "qwen").values[0]).toBeCloseTo(1.1, 12);
  });
});

describe("grades and ratings", () => {
  it("takes the first accepted reply of five and shares sampling among the graded", () => {
    const group = modelGroup([
      judged("a", "Score: 3", "Reason: fine. Score: 4.5"),
      judged("b", "Reason: poor. Score: 1"),
      judged("c", "Reason: odd. Score: 6"),
    ]);
    const [a, b, c] = memberContextsOf(group);
    expect(compute(trajectoryGradeSignal, a!).values[0]).toBe(4);
    expect(compute(trajectoryGradeSignal, a!, {}, "sampling").values[0]).toBeCloseTo(0.8, 12);
    expect(compute(trajectoryGradeSignal, b!, {}, "sampling").values[0]).toBeCloseTo(0.2, 12);
    expect(
      trajectoryGradeSignal.compute(c!, resolveParameters(trajectoryGradeSignal, undefined)),
    ).toMatchObject({
      missing: ["judge"],
    });
    expect(() => compute(trajectoryGradeSignal, a!, { tries: 1 })).toThrow(/No reply of 1/u);
  });

  it("reads ratings at the end only, as released", () => {
    const rate = (text: string): number => compute(judgeRatingSignal, judged("a", text)).values[0]!;
    expect([rate("Rating: 7"), rate("7.5"), rate("11"), rate("good")]).toEqual([7, 5, -1, -1]);
    expect(compute(judgeRatingSignal, judged("a", "[[C]]"), {}, "four-way").values[0]).toBe(3);
    expect(compute(judgeRatingSignal, judged("a", "none"), {}, "four-way").values[0]).toBeNaN();
  });

  it("combines follow-ups over polarity and dimension, and reads the misspelt key", () => {
    const made = trajectory("f", { extra: { positve: [2, 4], negative: [1, 1] } });
    expect(compute(followUpSignal, { trajectory: made }).values[0]).toBe(2);
    const arrays = {
      "followup.logit.relevance.positive": matrix([[1, 3]]),
      "followup.logit.relevance.negative": matrix([[0]]),
      "followup.logit.correctness.positive": matrix([[5]]),
      "followup.logit.correctness.negative": matrix([[1]]),
    };
    const context = { trajectory: made, inputs: { arrays } };
    expect(compute(followUpSignal, context).values[0]).toBe(3);
    expect(compute(followUpSignal, context, { dimension: "correctness" }).values[0]).toBe(4);
    expect(followUpSignal.compute(context, resolveParameters(followUpSignal, "paper"))).toMatchObject({
      missing: ["logprobs"],
    });
  });
});

describe("device and GUI rewards", () => {
  const device = (extra: Record<string, number | string | boolean>, action: string) =>
    trajectory("d", { steps: [step(0, { action })], extra });
  const done = '{"action_type": "status", "goal_status": "complete"}';

  it("needs the verdict and the declaration, and tells errors from failures", () => {
    const success = (own: ReturnType<typeof device>) => compute(deviceSuccess, { trajectory: own });
    expect(success(device({ environment_verdict: 1 }, done)).values[0]).toBe(1);
    const silent = success(device({ environment_verdict: 1 }, '{"action_type": "click"}'));
    expect(silent.values[0]).toBe(0);
    expect(silent.notes.join(" ")).toContain("Solved but not declared");
    const failed = success(device({ environment_verdict: 1, exception_info: "Traceback" }, done));
    expect(failed.values[0]).toBeNaN();
    expect(failed.notes.join(" ")).toContain("error, not a failure");
    expect(deviceSuccess.compute({ trajectory: device({}, "tap") }, {})).toMatchObject({
      missing: ["outcomeReward"],
    });
  });

  it("can never pass BTL-UI's released format, and passes what was meant", () => {
    const solution = JSON.stringify([{ Plan: "p", Action: { function: "Back" } }]);
    const fence = "```";
    const text = `<blink>${fence}json\n[]\n${fence}</blink><think>t</think><link>${fence}json\n${solution}\n${fence}</link>`;
    const made = trajectory("b", { steps: [step(0, { action: text })], extra: { solution, bbox: [] } });
    const released = compute(blinkLinkSignal, { trajectory: made }, {}, "released");
    expect(released.parts!["format"]![0]).toBe(0);
    expect(released.values[0]).toBeCloseTo(0.9, 12);
    expect(released.notes.join(" ")).toContain("can never match");
    expect(compute(blinkLinkSignal, { trajectory: made }, {}, "paper").values[0]).toBe(3);
    const tap = JSON.stringify([{ Action: { function: "Tap", point_2d: [1, 1] } }]);
    const pointed = trajectory("b", {
      steps: [step(0, { action: text })],
      extra: { solution: tap, bbox: [0, 0, 2, 2] },
    });
    expect(
      blinkLinkSignal.compute({ trajectory: pointed }, resolveParameters(blinkLinkSignal, undefined)),
    ).toMatchObject({ missing: ["actions"] });
  });

  it("scores UI-Genie's actions by two tokens and finds the first wrong step", () => {
    const made = trajectory("u", {
      steps: ["home", "back"].map((button, t) =>
        step(t, {
          action: JSON.stringify({ action: "system_button", button: "home" }),
          extra: { action_content: { action: "system_button", button }, width: 100, height: 200 },
        }),
      ),
    });
    const inputs = {
      arrays: {
        plus_minus: matrix([
          [2, 2],
          [Math.log(3), 0],
        ]),
      },
    };
    const scores = compute(uiGenieScore, { trajectory: made, inputs }).values;
    expect([...scores].map((value) => Number(value.toFixed(12)))).toEqual([0.5, 0.75]);
    const match = compute(uiGenieMatch, { trajectory: made });
    expect([...match.values]).toEqual([1, 0]);
    expect(match.notes).toContain("First wrong step: 1.");
  });
});

describe("records of one GUI step", () => {
  it("compare what the record itself holds, and points only where there is a screen", () => {
    const record = (answer: string, gt: string, extra: Record<string, number[]> = {}) =>
      trajectory("r", { steps: [step(0, { action: answer })], extra: { gt, ...extra } });
    const call = (action: string) =>
      `<tool_call>\n{"name": "mobile_use", "arguments": ${action}}\n</tool_call>`;
    const swipe = '{"action": "swipe", "direction": "up"}';
    expect(compute(uiGenieMatch, { trajectory: record(swipe, call(swipe)) }).values[0]).toBe(1);
    expect(compute(uiGenieMatch, { trajectory: record('{"action": "wait"}', call(swipe)) }).values[0]).toBe(
      0,
    );
    const click = '{"action": "click", "coordinate": [10, 10]}';
    const blind = compute(uiGenieMatch, { trajectory: record(click, call(click)) });
    expect(blind.values[0]).toBeNaN();
    expect(blind.notes.join(" ")).toContain("cannot be compared");
    expect(
      compute(uiGenieMatch, { trajectory: record(click, call(click), { image_wh: [100, 200] }) }).values[0],
    ).toBe(1);
  });
});
