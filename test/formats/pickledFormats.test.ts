import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures/pickles";

async function read(name: string, format: string) {
  const result = await readFile(join(folder, name));
  expect([result.format?.id, result.problems, result.notes]).toEqual([format, [], []]);
  return result.records.map((record) => ({
    summary: record.summaries[0]!,
    trajectory: readParts(record, result.format!)[0]!,
  }));
}

const list = (values: ArrayLike<number> | undefined): number[] => Array.from(values ?? []);

describe("slime", () => {
  it("joins the training numbers to a rollout by its place, not by the order in the file", async () => {
    const [first, second] = await read("slime/rollout_data/12.pt", "slime-rollout");
    expect(first!.trajectory.trainingStep).toBe(12);
    expect([first!.summary.groupKey, second!.summary.groupKey]).toEqual(["3", "3"]);
    // The reward is a dict: the training dump knows which part of it counts.
    expect(first!.trajectory.outcome).toEqual({
      reward: 1,
      rewardSource: "raw_reward of the training dump",
      components: { score: 1, format: 0.5 },
      stopReason: "completed",
      truncated: false,
    });
    expect(second!.trajectory.outcome).toMatchObject({
      reward: 0,
      components: { score: 0, format: null },
      truncated: true,
    });
    const tokens = first!.trajectory.tokens!;
    expect(list(tokens.ids)).toEqual([5, 6, 7, 11, 12, 13, 14]);
    expect(list(tokens.mask)).toEqual([0, 0, 0, 1, 0, 1, 1]);
    expect(list(tokens.series["logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.25, -1, -2]);
    expect(list(tokens.series["trainer_logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.25, -1, -2.5]);
    // bfloat16 keeps eight bits of the fraction.
    expect(list(tokens.series["ref_logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.3359375, -1, -3]);
    expect([first!.trajectory.advantage, second!.trajectory.advantage]).toEqual([0.75, -0.75]);
    // No mask: the whole response is trained.
    expect(list(second!.trajectory.tokens?.mask)).toEqual([0, 0, 0, 1, 0, 1, 1]);
    expect(first!.trajectory.steps.map(({ role, kind }) => `${role} ${kind}`)).toEqual([
      "user prompt",
      "assistant think",
      "assistant answer",
    ]);
    expect(first!.trajectory.extra["metadata"]).toEqual({ source: "hand" });
  });

  it("shows a rollout without a training dump, and says what it does not know", async () => {
    const [only] = await read("slime/rollout_data/13.pt", "slime-rollout");
    expect(only!.trajectory.outcome.reward).toBe(1);
    expect(only!.trajectory.outcome.rewardSource).toBe("reward.score");
    expect(only!.trajectory.notes.map(({ code }) => code)).toContain("reward-key");
    expect(Object.keys(only!.trajectory.tokens!.series)).toEqual(["logprob"]);
    expect(only!.trajectory.advantage).toBeUndefined();
  });

  it("reads training dumps by themselves, old columns too", async () => {
    const [first] = await read("slime/train_data/12.pt", "slime-train");
    expect([first!.trajectory.outcome.reward, first!.trajectory.outcome.truncated]).toEqual([0, true]);
    expect(first!.trajectory.steps.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    const columns = await read("slime/train_data/3_1.pt", "slime-train");
    expect(columns.map(({ trajectory }) => [trajectory.trainingStep, trajectory.advantage])).toEqual([
      [3, 1],
      [3, -1],
    ]);
    expect(list(columns[1]!.trajectory.tokens?.mask)).toEqual([0, 0, 1, 0]);
  });
});

describe("training batches", () => {
  it("reads verl's DataProto with its tensors inside the pickle", async () => {
    const [first, second] = await read("verl-data-proto.pkl", "verl-data-proto");
    expect(first!.trajectory.trainingStep).toBe(40);
    expect([first!.summary.groupKey, second!.summary.groupKey]).toEqual(["q1", "q1"]);
    expect(first!.summary.groupGuess).toBeUndefined();
    // Padding is gone on both sides.
    expect(list(first!.trajectory.tokens?.ids)).toEqual([5, 6, 11, 12, 13]);
    expect(list(second!.trajectory.tokens?.ids)).toEqual([4, 5, 6, 14, 15]);
    expect(list(first!.trajectory.tokens?.mask)).toEqual([0, 0, 1, 0, 1]);
    expect(list(first!.trajectory.tokens?.series["value"])).toEqual([NaN, NaN, 0.5, 0.5, 1]);
    expect(first!.trajectory.outcome).toEqual({
      reward: 1,
      rewardSource: "sum of token_level_scores",
      components: { acc: 1 },
    });
    expect([first!.trajectory.advantage, second!.trajectory.advantage]).toEqual([0.75, undefined]);
    expect(first!.trajectory.task.prompt).toBe("Count to three.");
  });

  it("reads RAGEN's rollouts as conversations", async () => {
    const [only] = await read("ragen-val_rollouts.pkl", "verl-data-proto");
    expect(only!.trajectory.steps.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(only!.trajectory.outcome.reward).toBe(1);
    expect(only!.summary.groupKey).toBe("6");
    expect(only!.trajectory.tokens).toBeUndefined();
  });

  it("reads SkyRL's batch with the uids of its metadata", async () => {
    const [first, second] = await read("global_step_5_training_input.pkl", "skyrl-training-input");
    expect([first!.trajectory.trainingStep, first!.summary.groupKey]).toEqual([5, "u7"]);
    expect([first!.trajectory.outcome.reward, second!.trajectory.outcome.reward]).toEqual([1, 0.5]);
    expect(list(first!.trajectory.tokens?.series["ref_logprob"])).toEqual([NaN, NaN, -1, -1.5, -2]);
  });

  it("takes only tokens with a log-probability as actions", async () => {
    const [first] = await read("experience.pt", "openrlhf-experience");
    expect(list(first!.trajectory.tokens?.mask)).toEqual([0, 0, 1, 1, 1]);
    expect(first!.trajectory.outcome).toMatchObject({ reward: 1, rewardSource: "reward" });
  });
});

describe("AndroidWorld", () => {
  it("reads a solved episode with its actions", async () => {
    const [solved] = await read("android-world/Solved_0.pkl.gz", "android-world");
    const { outcome, steps, notes } = solved!.trajectory;
    expect(outcome).toMatchObject({ reward: 1, success: true, stopReason: "declared complete" });
    expect(steps[0]).toMatchObject({
      thought: "reason 0",
      toolCalls: [{ name: "click", arguments: { index: 4 } }],
    });
    expect(steps[0]?.extra?.["raw_screenshot"]).toBe("uint8 array of shape [4, 2, 3]");
    expect(notes).toEqual([]);
  });

  it("keeps errors apart from failures, and tells what was not declared and what is ragged", async () => {
    const [raised] = await read("android-world/Raised_0.pkl.gz", "android-world");
    expect(raised!.trajectory.outcome.reward).toBeUndefined();
    expect(raised!.trajectory.outcome.success).toBeUndefined();
    expect(raised!.trajectory.outcome.stopReason).toBe("error");
    const [undeclared] = await read("android-world/Undeclared_0.pkl.gz", "android-world");
    expect(undeclared!.trajectory.outcome).toMatchObject({
      reward: 0,
      success: false,
      stopReason: "not declared",
    });
    expect(undeclared!.trajectory.notes.map(({ code }) => code)).toEqual(["not-declared"]);
    const [ragged] = await read("android-world/Ragged_0.pkl.gz", "android-world");
    expect(ragged!.trajectory.steps.length).toBe(3);
    expect(ragged!.trajectory.notes.map(({ code }) => code)).toEqual(["ragged-columns"]);
    // It declared its end: a real failure.
    expect(ragged!.trajectory.outcome.stopReason).toBe("declared complete");
  });
});
