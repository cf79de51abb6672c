import { describe, expect, it } from "vitest";
import { shareGpt } from "../../src/formats/shareGpt";
import { readValue } from "./draftsOf";

describe("conversations whose outcome stands beside their turns", () => {
  it("ETO results: the outcome is under meta", () => {
    const conversations = [
      { from: "human", value: "Go." },
      { from: "gpt", value: "look" },
      { from: "human", value: "A door." },
      { from: "gpt", value: "open" },
    ];
    const eto = readValue(shareGpt, {
      id: "t",
      conversations,
      meta: { steps: 2, reward: 0.5, finished: true, success: false, terminate_reason: "max_steps" },
    });
    expect(eto.trajectories[0]?.outcome).toEqual({
      reward: 0.5,
      rewardSource: "meta.reward",
      success: false,
      stopReason: "max_steps",
      truncated: true,
      components: { steps: 2, finished: 1, success: 0 },
    });
    const spa = readValue(shareGpt, {
      id: "t",
      conversations,
      agent_final_reward: 1,
      turn_values: [0.25, null],
    });
    expect(spa.trajectories[0]?.outcome.reward).toBe(1);
    expect(spa.trajectories[0]?.steps.map((step) => step.value)).toEqual([undefined, 0.25, undefined, null]);
    const uneven = readValue(shareGpt, { id: "t", conversations, turn_values: [0.25] });
    expect(uneven.trajectories[0]?.steps.every((step) => step.value === undefined)).toBe(true);
  });
});
