import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verl } from "../../src/formats/verl";
import { readFile, readParts } from "./readFile";

const folder = (): string => mkdtempSync(join(tmpdir(), "lens-verl-"));

async function read(rows: readonly (object | string)[], name = "3.jsonl") {
  const path = join(folder(), name);
  writeFileSync(path, rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join(""));
  const result = await readFile(path);
  return {
    ...result,
    trajectories:
      result.format === undefined
        ? []
        : result.records.flatMap((record) => readParts(record, result.format!)),
  };
}

const chat = "system\nBe brief.\nuser\nWhat is 2 + 3?\nassistant\n";

describe("verl rows", () => {
  it("are found by their keys, whatever the file is called", async () => {
    for (const name of ["1.jsonl", "rows.txt", "whatever"])
      expect((await read([{ input: "a", output: "b", score: 1, step: 1 }], name)).format).toBe(verl);
    expect((await read([{ input: "a", output: "b", score: 1 }])).format).toBe(verl);
    expect((await read([{ input: "a", output: "b" }])).format).not.toBe(verl);
    expect((await read([{ input: "a", output: "b", score: "good", step: 1 }])).format).not.toBe(verl);
    expect(
      (await read([{ input_prompt: "a", output_response: "b", score: 1, env_class: "x" }])).format,
    ).not.toBe(verl);
  });

  it("keep v0.4 keys: reward, training step, the group guessed from the prompt", async () => {
    const { records, trajectories } = await read([
      { input: chat, output: "5", score: 1, step: 7 },
      { input: chat, output: "6", score: 0, step: 7 },
      { input: "other", output: "6", score: 0, step: 7 },
    ]);
    const keys = records.map(({ summaries }) => summaries[0]?.groupKey);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[0]).not.toBe(keys[2]);
    expect(records[0]?.summaries[0]).toMatchObject({
      title: "What is 2 + 3?",
      reward: 1,
      trainingStep: 7,
      groupGuess: expect.stringContaining("same input") as string,
    });
    expect(trajectories[0]?.notes.map((note) => note.code)).toContain("guessed-group");
    expect(trajectories[0]?.task).toEqual({ prompt: chat });
    expect("success" in (records[0]?.summaries[0] ?? {})).toBe(false);
  });

  it("take the group from the uid of v0.9, and say nothing of a guess", async () => {
    const { records, trajectories } = await read([
      { input: "p", output: "a", gts: "1", score: 1, step: 1, uid: "12_ab_0_0" },
      { input: "p", output: "a", gts: { answer: [1] }, score: 1, step: 1, uid: "12_ab_1_0" },
      { input: "p", output: "a", score: 1, step: 1, uid: "13_ab_0_0" },
      { input: "p", output: "a", score: 1, step: 1, uid: "0f8c" },
    ]);
    expect(records.map(({ summaries }) => summaries[0]?.groupKey)).toEqual([
      "uid:12_ab",
      "uid:12_ab",
      "uid:13_ab",
      "uid:0f8c",
    ]);
    expect(records[0]?.summaries[0]?.groupGuess).toBeUndefined();
    expect(trajectories[1]?.task.groundTruth).toEqual({ answer: [1] });
    expect(trajectories[0]?.notes.map((note) => note.code)).not.toContain("guessed-group");
  });

  it("read components from numbers, numeric strings and booleans; answers are none", async () => {
    const { trajectories } = await read([
      {
        input: "p",
        output: "o",
        score: "1.0",
        step: "4",
        acc: true,
        format: "0.5",
        length_penalty: -0.25,
        pred: "42",
        feedback: "no",
        bad: null,
        tail: "nan",
        request_id: "r",
      },
    ]);
    expect(trajectories[0]?.outcome).toEqual({
      reward: 1,
      rewardSource: "score",
      success: true,
      components: { acc: 1, format: 0.5, length_penalty: -0.25, bad: null, tail: Number.NaN },
    });
    expect(trajectories[0]?.trainingStep).toBe(4);
    expect(trajectories[0]?.extra).toMatchObject({ pred: "42", feedback: "no", request_id: "r" });
  });

  it("keep null, NaN, 0 and absent rewards apart", async () => {
    const { trajectories } = await read([
      '{"input":"p","output":"o","score":0,"step":1}',
      '{"input":"p","output":"o","score":null,"step":1}',
      '{"input":"p","output":"o","score":NaN,"step":1}',
      '{"input":"p","output":"o","step":1}',
    ]);
    expect(trajectories.map(({ outcome }) => ["reward" in outcome, outcome.reward])).toEqual([
      [true, 0],
      [true, null],
      [true, Number.NaN],
      [false, undefined],
    ]);
  });

  it("read dict and per-token scores of forks", async () => {
    const { trajectories } = await read([
      { input: "p", output: "o", score: { score: 0.5, tests: 3 }, step: 1 },
      { input: "p", output: "o", score: [0, 0.25, 0.5], step: 1 },
      { input: "p", output: "o", score: [], step: 1 },
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 0.5, components: { tests: 3 } });
    expect(trajectories[1]?.outcome).toMatchObject({
      reward: 0.75,
      rewardSource: "sum of score over tokens",
    });
    expect("reward" in (trajectories[2]?.outcome ?? {})).toBe(false);
    expect(trajectories[0]?.extra["score"]).toEqual({ score: 0.5, tests: 3 });
  });

  it("mark validation rows", async () => {
    const { trajectories } = await read([{ input: "p", output: "o", score: 1, step: 5, reward: 1 }]);
    expect(trajectories[0]).toMatchObject({ split: "val", outcome: { components: { reward: 1 } } });
  });

  it("split turns and steps, and say that they are guessed", async () => {
    const output = "<think>First this.\n\nThen that.</think>\ncalc(2 + 3)\ntool\n5\nassistant\nSo it is 5.";
    const { trajectories } = await read([{ input: chat, output, score: 1, step: 1 }]);
    const trajectory = trajectories[0]!;
    expect(
      trajectory.steps.map((step) => [step.role, step.kind, step.observation ?? step.thought ?? step.action]),
    ).toEqual([
      ["system", "prompt", "Be brief."],
      ["user", "prompt", "What is 2 + 3?"],
      ["assistant", "think", "<think>First this.\n\n"],
      ["assistant", "think", "Then that.</think>"],
      ["assistant", "answer", "\ncalc(2 + 3)"],
      ["tool", "observe", "5"],
      ["assistant", "answer", "So it is 5."],
    ]);
    expect(trajectory.notes.map((note) => note.code)).toEqual([
      "guessed-turns",
      "guessed-steps",
      "guessed-group",
    ]);
    expect(trajectory.flatText).toEqual({ prompt: chat, response: output });
  });
});
