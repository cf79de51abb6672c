import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/model/json";
import type { Trajectory } from "../../src/model/trajectory";
import type { Tree } from "../../src/model/tree";
import { readFile, readParts } from "./readFile";

async function readPath(path: string) {
  const trajectories: Trajectory[] = [];
  const trees: Tree[] = [];
  const result = await readFile(path, (record, format) => {
    trajectories.push(...readParts(record, format));
    if (format.tree !== undefined)
      trees.push(format.tree(record.record, { ...record.context, datasetId: "d" }, (part) => String(part)));
  });
  expect(result.problems).toEqual([]);
  return { id: result.format?.id, trajectories, trees };
}

async function read(rows: readonly JsonValue[]) {
  const path = join(mkdtempSync(join(tmpdir(), "lens-labels-")), "rows.jsonl");
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return readPath(path);
}

const rewards = ({ steps }: Trajectory) => steps.slice(1).map((step) => step.reward);

describe("trees of tagged nodes", () => {
  it("place nodes by their tags, and leave out values that nothing estimated", async () => {
    const { id, trajectories, trees } = await readPath("test/formats/fixtures/tagged-tree.jsonl");
    expect(id).toBe("tagged-tree");
    expect(
      trees[0]?.nodes.map((node) => [node.parent, node.value, node.advantage, node.visits, node.status]),
    ).toEqual([
      [-1, 0.25, undefined, 4, "kept"],
      [0, 0.5, 0.25, 3, "kept"],
      [0, undefined, undefined, 0, "pruned"],
      [1, 1, 0.5, 2, "kept"],
      [1, -1, -1.5, 1, "kept"],
    ]);
    expect(
      trajectories.map((one) => [
        one.steps.length,
        one.outcome.stopReason,
        one.outcome.components["value"],
        one.task.groundTruth,
      ]),
    ).toEqual([
      [3, "final answer", 1, "5"],
      [3, "Fail to sove the problem within limited steps.", -1, "5"],
      [2, "not finished", 0.75, 2],
    ]);
    expect(trajectories[0]?.steps[2]).toMatchObject({
      kind: "answer",
      extra: { tag: "0.1.1", final_answer: "5" },
    });
    expect(trajectories[0]?.extra["level"]).toBe(1);
    expect(trees[1]?.nodes.map((node) => [node.parent, node.value])).toEqual([
      [-1, undefined],
      [0, 0.75],
    ]);
  });
});

describe("forests of thoughts", () => {
  it("begin a tree anew where a level starts from nothing, and end where the last level was selected", async () => {
    const level = (
      step: number,
      ys: string[],
      found: JsonValue,
      values: JsonValue,
      kept: string[],
    ): JsonValue => ({
      step,
      x: "4 5 6 10",
      ys,
      new_ys: found,
      values,
      select_new_ys: kept,
    });
    const { id, trajectories, trees } = await read([
      {
        idx: 0,
        correct_num: 1,
        steps: [
          level(0, [""], ["4 + 5 = 9\n", "6 - 4 = 2\n"], [1, 20], ["6 - 4 = 2\n"]),
          level(1, ["6 - 4 = 2\n"], [["6 - 4 = 2\n2 + 10 = 12\n"], []], 20, ["6 - 4 = 2\n2 + 10 = 12\n"]),
          level(0, [""], ["10 - 6 = 4\n"], [0.5], ["10 - 6 = 4\n"]),
        ],
      },
    ]);
    expect(id).toBe("tree-of-thoughts");
    expect(trees[0]?.nodes.map((node) => [node.parent, node.text, node.value])).toEqual([
      [-1, "4 5 6 10", undefined],
      [0, "4 + 5 = 9\n", 1],
      [0, "6 - 4 = 2\n", 20],
      [2, "2 + 10 = 12\n", 20],
      [0, "10 - 6 = 4\n", 0.5],
    ]);
    expect(trajectories.map((one) => one.steps.map((step) => step.action))).toEqual([
      [undefined, "6 - 4 = 2\n", "2 + 10 = 12\n"],
      [undefined, "10 - 6 = 4\n"],
    ]);
  });
});

describe("step labels", () => {
  it("of RLHFlow are the assistant's turns", async () => {
    const { id, trajectories } = await read([
      {
        conversations: [
          { role: "user", content: "What is 1 + 1? Step 1: Add them." },
          { role: "assistant", content: "+" },
          { role: "user", content: "Step 2: It is 3." },
          { role: "assistant", content: "-" },
        ],
      },
    ]);
    expect(id).toBe("stepwise-labels");
    expect(trajectories[0]?.task.prompt).toBe("What is 1 + 1?");
    expect(trajectories[0]?.steps.map((step) => step.action)).toEqual([
      undefined,
      "Step 1: Add them.\n",
      "Step 2: It is 3.\n",
    ]);
    expect(rewards(trajectories[0]!)).toEqual([1, 0]);
    // Anything else that an assistant says is a chat.
    const chat = await read([
      {
        messages: [
          { role: "user", content: "Step 1: hi" },
          { role: "assistant", content: "+1" },
        ],
      },
    ]);
    expect(chat.id).toBe("chat");
  });

  it("of BIG-Bench Mistake end at the first mistake, which counts from 0", async () => {
    const row = { input: "sort", steps: ["a", "b", "c"], answer: "x ", target: "x" };
    const { id, trajectories } = await read([
      { ...row, mistake_index: 1 },
      { ...row, mistake_index: 0, answer: "y" },
      { ...row, mistake_index: null },
    ]);
    expect(id).toBe("stepwise-labels");
    expect(trajectories.map((one) => [rewards(one), one.outcome.success])).toEqual([
      [[1, 0, undefined], true],
      [[0, undefined, undefined], false],
      [[1, 1, 1], true],
    ]);
    expect(trajectories[0]?.task.groundTruth).toBe("x");
  });

  it("of VersaPRM belong to several chains of a question", async () => {
    const { id, trajectories } = await read([
      {
        id: 4,
        question: "q",
        answer: "B",
        chain_of_thoughts: [
          { cot_id: "4_0", steps: ["a", "b"], labels: [1, -1], parsed_answer_correctness: false },
          { cot_id: "4_1", steps: ["c"], labels: null, parsed_answer_correctness: true },
        ],
      },
    ]);
    expect(id).toBe("stepwise-labels");
    expect(trajectories.map((one) => [one.task.id, rewards(one), one.outcome.success])).toEqual([
      ["4_0", [1, -1], false],
      ["4_1", [undefined], true],
    ]);
  });

  it("of MR-GSM8K, PRMBench and VisualPRM are found under their own names", async () => {
    const judged = await read([
      {
        uuid: "u",
        question: "q",
        ground_truth_answer: 5,
        model_output_steps: ["Step 1", "Step 2", "Step 3"],
        model_output_answer_correctness: "correct",
        model_output_solution_correctness: "wrong",
        model_output_solution_first_error_step: "2",
        claude2_eval_output: "…",
      },
    ]);
    expect(judged.id).toBe("reasoneval-data");
    expect(judged.trajectories.map((one) => [rewards(one), one.outcome.success])).toEqual([
      [[1, 0, undefined], true],
    ]);
    const scored = await read([
      {
        idx: "redundancy_1",
        scores: { step_level_validity_scores: [1, 0.25], step_level_redundancy_scores: [0, 0.5] },
      },
    ]);
    expect(scored.id).toBe("reasoneval-scores");
    expect(scored.trajectories[0]?.steps.map((step) => [step.reward, step.extra])).toEqual([
      [1, { redundancy: 0 }],
      [0.25, { redundancy: 0.5 }],
    ]);
    const seen = await read([
      {
        image: "1.png",
        question: "How many?",
        answer: "3",
        steps_with_score: [
          { step: "I count.", score: 0.9375, num_mc_sequences: 16 },
          { step: "Two.", score: 0 },
        ],
      },
    ]);
    expect(seen.id).toBe("stepwise-labels");
    expect(rewards(seen.trajectories[0]!)).toEqual([0.9375, 0]);
    const modified = await read([
      { question: "q", origin_process: ["a", "b"], modified_process: ["a", "c"], hallucination_steps: [2] },
    ]);
    expect(rewards(modified.trajectories[0]!)).toEqual([1, 0]);
  });
});

describe("preference pairs", () => {
  it("take what was said before from UltraInteract's trajectory, and scores that are called ratings", async () => {
    const { id, trajectories } = await read([
      {
        task: "Coding",
        trajectory: [
          { from: "user", value: "Write it." },
          { from: "assistant", value: "Done?" },
          { from: "user", value: "No." },
        ],
        chosen: "Now.",
        rejected: "Later.",
        rating_chosen: 5,
        rating_rejected: 2,
      },
    ]);
    expect(id).toBe("preference-pairs");
    expect(trajectories.map((one) => [one.steps.length, one.outcome.reward])).toEqual([
      [4, 5],
      [4, 2],
    ]);
    const named = await read([
      {
        instruction: "i",
        chosen_response: "a",
        rejected_response: "b",
        chosen_rating: 9,
        rejected_rating: 3,
      },
    ]);
    expect(named.trajectories.map((one) => one.outcome.reward)).toEqual([9, 3]);
  });
});

describe("RewardMATH", () => {
  it("keeps scores of solutions, of their steps, and letters apart", async () => {
    const { id, trajectories } = await readPath("test/formats/fixtures/reward-math.json");
    expect(id).toBe("reward-math");
    expect(trajectories.map((one) => [one.task.id, one.outcome.reward, rewards(one)])).toEqual([
      ["human", 0.5, []],
      ["model-a", -1.25, []],
      ["human", undefined, [0.5, 0.75]],
      ["model-a", undefined, [0.25]],
      ["model-a", undefined, []],
    ]);
    expect(trajectories[4]?.extra).toMatchObject({ judged: "A", chosen_position: "B" });
  });

  it("reads the benchmark's solutions in steps", async () => {
    const { id, trajectories } = await read([
      {
        problem: "1 + 1",
        answer: "2",
        eval_solution: ["Add.", "2"],
        solution_reference: "human",
        solution_type: "chosen",
        id: 0,
      },
    ]);
    expect(id).toBe("reward-math");
    expect(trajectories[0]).toMatchObject({
      outcome: { success: true },
      task: { id: "0", groundTruth: "2" },
    });
    expect(trajectories[0]?.steps).toHaveLength(3);
  });
});
