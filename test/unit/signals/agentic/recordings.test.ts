import { describe, expect, it } from "vitest";
import { igpoGain } from "../../../../src/signals/agentic/igpoGain";
import { uis1Patch, uis1Sop } from "../../../../src/signals/agentic/uis1Rollout";
import { uis1Score } from "../../../../src/signals/agentic/uis1Score";
import { styleMatrix } from "../../../../src/signals/reward/styleSignal";
import { trajectoryGradeSignal } from "../../../../src/signals/reward/trajectoryGradeSignal";
import { uiGenieMatch } from "../../../../src/signals/reward/guiRewardSignals";
import {
  resolveParameters,
  type DatasetRow,
  type Group,
  type Signal,
  type SignalContext,
} from "../../../../src/signals/signal";
import { numericEpisode, step, trajectory } from "../worlds";

const compute = (signal: Signal, context: SignalContext, overrides: Record<string, unknown> = {}) =>
  signal.compute(context, resolveParameters(signal, undefined, overrides));
const click = { action: "click", coordinate: [100, 200] };
const press = { action: "system_button", button: "Back" };
const recording = { code: "recorded-actions", message: "The actions are the recorded ones." };

describe("recorded GUI episodes", () => {
  const shown = [press, click].map((action, t) =>
    step(t, { action: JSON.stringify(action), extra: { action_content: action } }),
  );

  it("are no prediction of themselves", () => {
    const context = { trajectory: trajectory("recorded", { steps: shown, notes: [recording] }) };
    for (const signal of [uis1Score, uiGenieMatch])
      expect(compute(signal, context)).toMatchObject({ missing: ["actions"] });
  });

  it("are compared with predictions beside them; only points need the size of the screen", () => {
    const steps = shown.map((each, t) => ({
      ...each,
      extra: { ...each.extra, predicted_action: t === 0 ? press : { ...click, coordinate: [110, 200] } },
    }));
    const context = { trajectory: trajectory("predicted", { steps, notes: [recording] }) };
    const blind = compute(uis1Score, context);
    expect("values" in blind && [...blind.values]).toEqual([0.9, NaN]);
    expect("notes" in blind && blind.notes[0]).toContain("screenWidth");
    const sized = compute(uis1Score, context, { screenWidth: 1080, screenHeight: 2400 });
    expect("values" in sized && [...sized.values]).toEqual([0.9, 0.9]);
    const small = compute(uis1Score, context, { screenWidth: 100, screenHeight: 400 });
    expect("values" in small && [...small.values]).toEqual([0.9, 0.45]);
    const framed = {
      trajectory: trajectory("framed", {
        steps: steps.map((each) => ({
          ...each,
          media: [{ kind: "image" as const, path: "0.png", frame: { width: 1080, height: 2400 } }],
        })),
      }),
    };
    const read = compute(uis1Score, framed);
    expect("values" in read && [...read.values]).toEqual([0.9, 0.9]);
  });

  it("give the report of a whole results file", () => {
    const results: readonly (readonly [number, number, boolean])[] = [
      [4, 4, true],
      [5, 2, false],
      [3, 0, false],
    ];
    const dataset: readonly DatasetRow[] = results.map(([num_steps, final_step_id, success], row) => ({
      trajectoryId: `e${row}`,
      reward: undefined,
      components: { num_steps, final_step_id },
      stepCount: 1,
      success,
    }));
    const own = trajectory("e1", {
      outcome: { components: { num_steps: 5, final_step_id: 2 }, success: false },
    });
    const found = compute(uis1Sop, { trajectory: own, dataset });
    expect("values" in found && found.values[0]).toBe(0.4);
    expect("notes" in found && found.notes.join(" ")).toMatch(/TSR 33\.33.* PG 46\.66.* score 40\b/u);
  });

  it("take rewards of an environment for no match", () => {
    const cart = { trajectory: numericEpisode("cart", { reward: [1, 1, 1] }) };
    for (const signal of [uis1Patch, uis1Sop]) expect(compute(signal, cart)).toHaveProperty("missing");
  });
});

describe("files of scores", () => {
  const group = (id: string, chosen: readonly number[], rejected: readonly number[]): Group => ({
    groupId: id,
    members: [...chosen, ...rejected].map((reward, k) => ({
      trajectoryId: `${id}:${k}`,
      reward,
      components: {},
      stepCount: 0,
      success: k < chosen.length,
    })),
  });
  const groups = [group("a", [1, 2, 3], [0, 2, 4]), group("b", [3, 3, 3], [1, 1, 1])];

  it("make a style matrix of all pairs, and other groups of six none", () => {
    const own = (rewardSource?: string) =>
      trajectory("a:0", {
        outcome: { reward: 1, components: {}, ...(rewardSource === undefined ? {} : { rewardSource }) },
      });
    const context = { group: groups[0]!, batch: groups };
    const found = compute(styleMatrix, { ...context, trajectory: own("score_chosen") });
    if ("missing" in found) throw new Error(found.how);
    // Against style 1 all of both prompts win; of the rest only the second prompt's and 3 > 2.
    expect([found.parts!["easy"]![0], found.parts!["normal"]![0], found.parts!["hard"]![0]]).toEqual([
      1,
      4 / 6,
      0.5,
    ]);
    expect(compute(styleMatrix, { ...context, trajectory: own() })).toMatchObject({
      missing: ["components"],
    });
  });

  it("hold a grade only where a reason stands beside it", () => {
    const made = (extra: Record<string, number | string>) => ({ trajectory: trajectory("g", { extra }) });
    expect(compute(trajectoryGradeSignal, made({ reward: 1 }))).toMatchObject({ missing: ["judge"] });
    const graded = compute(trajectoryGradeSignal, made({ reward: 4, reward_reason: "Nearly there." }));
    expect("values" in graded && [...graded.values]).toEqual([4]);
  });
});

describe("gains of a validation dump", () => {
  const turns = (texts: readonly string[]) => texts.map((action, index) => step(index, { action }));

  it("lie on the last step of each turn where a turn was cut into steps", () => {
    const steps = turns(["think", "call", "<|im_start|>assistant\nthink", "answer"]);
    const made = trajectory("dump", { steps, extra: { info_gain_rewards: [0.204] } });
    const found = compute(igpoGain, { trajectory: made });
    expect("values" in found && [...found.values]).toEqual([NaN, 0.204, NaN, NaN]);
    const wrong = trajectory("wrong", { steps, extra: { info_gain_rewards: [0.1, 0.2] } });
    expect(compute(igpoGain, { trajectory: wrong })).toMatchObject({ missing: ["logprobs"] });
  });

  it("lie on the steps themselves where each is a turn", () => {
    const made = trajectory("steps", {
      steps: turns(["a", "b", "c"]),
      extra: { info_gain_rewards: [0.1, -0.2] },
    });
    const found = compute(igpoGain, { trajectory: made });
    expect("values" in found && [...found.values]).toEqual([0.1, -0.2, NaN]);
  });
});
