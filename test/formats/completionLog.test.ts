import { describe, expect, it } from "vitest";
import { chatMessages } from "../../src/formats/chatMessages";
import { completionLog } from "../../src/formats/completionLog";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const confidence = (firstRecord: JsonValue): number | undefined =>
  completionLog.detect({ path: "/run/log.jsonl", bytes: 1, container: "jsonl", siblings: [], firstRecord })
    ?.confidence;

describe("logs of completions", () => {
  it("are known by a prompt, a completion and a verdict under usual names", () => {
    expect(confidence({ prompt: "p", completion: "c", reward: 1 })).toBe(0.4);
    expect(confidence({ question: "p", model_response: "c", is_correct: true })).toBe(0.35);
    expect(confidence({ prompt: "p", response: "c", gold: "g", verifier_ok: false })).toBe(0.35);
    expect(confidence({ problem: "p", output: "c", rewards: { format: 1, accuracy: 0 } })).toBe(0.35);
    expect(confidence({ prompt: "p", response: "c", score_key: { A: 0, B: 1 } })).toBeUndefined();
    // Instructions with answers are no rollouts, and a name alone is no verdict.
    expect(confidence({ instruction: "p", output: "c" })).toBeUndefined();
    expect(confidence({ prompt: "p", response: "c", score: "high" })).toBeUndefined();
    expect(confidence({ prompt: "p", completions: ["c", "d"], model: "m" })).toBeUndefined();
  });

  it("give group, step, advantage, ground truth and verdict where they are recorded", () => {
    const { trajectories, summaries } = readValue(completionLog, {
      question: "1+1?",
      response: "2",
      ground_truth: "2",
      verifier_ok: true,
      score: 0.5,
      rewards: { format: 1, accuracy: null },
      advantage: -0.25,
      prompt_id: 7,
      global_step: 30,
      sample_id: "s1",
      length: 3,
    });
    expect(summaries[0]).toMatchObject({ groupKey: "7", trainingStep: 30, ownId: "s1", advantage: -0.25 });
    expect(summaries[0]?.groupGuess).toBeUndefined();
    expect(trajectories[0]).toMatchObject({
      task: { groundTruth: "2" },
      outcome: { reward: 0.5, success: true, components: { "rewards.format": 1, length: 3 } },
    });
  });

  it("hold all completions of a prompt in a row, with what belongs to each", () => {
    const row = {
      prompt: "1+1?",
      completions: ["2", "3"],
      rewards: [1, 0],
      reward_components: { format: [1, 0.5] },
      advantages: [0.5, -0.5],
      answer: "2",
      step: 4,
    };
    const { trajectories, summaries } = readValue(completionLog, row);
    expect(trajectories.map((one) => lines(one).at(-1))).toEqual([
      "assistant/answer: 2",
      "assistant/answer: 3",
    ]);
    expect(
      trajectories.map(({ outcome, advantage, trainingStep }) => [
        outcome.reward,
        outcome.components,
        advantage,
        trainingStep,
      ]),
    ).toEqual([
      [1, { "reward_components.format": 1 }, 0.5, 4],
      [0, { "reward_components.format": 0.5 }, -0.5, 4],
    ]);
    expect(new Set(summaries.map(({ groupKey }) => groupKey)).size).toBe(1);
    expect(summaries[0]?.groupGuess).toBeUndefined();
  });

  it("are numbered within a row, and take no step from a number that may be anything", () => {
    const row = { prompt: "p", sample_id: "s", completions: ["a", "b"], rewards: [1, 0] };
    const { summaries } = readValue(completionLog, row, { path: "/run/baseline_k4.json" });
    expect(summaries.map(({ ownId, trainingStep }) => [ownId, trainingStep])).toEqual([
      ["s:0", undefined],
      ["s:1", undefined],
    ]);
    for (const name of ["30.jsonl", "step30.jsonl", "iter30_results.json", "eval_step_30.jsonl"])
      expect([
        name,
        readValue(completionLog, row, { path: `/run/${name}` }).summaries[0]?.trainingStep,
      ]).toEqual([name, 30]);
  });

  it("hold completions as objects with their own verdicts", () => {
    const { trajectories } = readValue(completionLog, {
      problem: "1+1?",
      samples: [
        { output: "2", correct: true },
        { output: "3", correct: false },
      ],
    });
    expect(trajectories.map(({ outcome }) => outcome.success)).toEqual([true, false]);
  });
});

describe("rewards in parts", () => {
  it("give their total where they hold one, and make none up", () => {
    const read = (reward: JsonValue) =>
      readValue(completionLog, { prompt: "p", response: "r", ...(reward as object) }).trajectories[0]
        ?.outcome;
    expect(read({ reward: { total: 1.5, format: 0.5 } })).toEqual({
      reward: 1.5,
      rewardSource: "reward.total",
      components: { "reward.format": 0.5 },
    });
    expect(read({ rewards: { accuracy: 1, format: null } })).toEqual({
      components: { "rewards.accuracy": 1 },
    });
  });
});

describe("conversations with what a trainer recorded of them", () => {
  const messages = [
    { role: "user", content: "1+1?" },
    { role: "assistant", content: "2" },
  ];

  it("have their group, step, advantage and ground truth", () => {
    const { trajectories, summaries } = readValue(chatMessages, {
      messages,
      reward: 1,
      group_id: "g",
      training_step: 5,
      advantage: 0.5,
      ground_truth: "2",
      turns_used: 1,
    });
    expect(summaries[0]).toMatchObject({ groupKey: "g", trainingStep: 5, advantage: 0.5 });
    expect(trajectories[0]).toMatchObject({
      task: { groundTruth: "2" },
      outcome: { reward: 1, components: { turns_used: 1 } },
    });
  });

  it("may have a name of their own, but no two of them", () => {
    const { trajectories } = readValue(chatMessages, { rollout_messages: messages, score: 0.5 });
    expect(lines(trajectories[0])).toEqual(["user/prompt: 1+1?", "assistant/answer: 2"]);
    const detect = (firstRecord: JsonValue): boolean =>
      chatMessages.detect({ path: "/x.jsonl", bytes: 1, container: "jsonl", siblings: [], firstRecord }) !==
      undefined;
    expect(detect({ rollouts: messages })).toBe(true);
    expect(detect({ first: messages, second: messages })).toBe(false);
    expect(detect({ asked: messages.slice(0, 1) })).toBe(false);
  });
});
