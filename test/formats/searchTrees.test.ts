import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import type { Tree } from "../../src/model/tree";
import { readFile, readParts } from "./readFile";

interface Opened {
  readonly format: string | undefined;
  readonly trajectories: readonly Trajectory[];
  readonly trees: readonly Tree[];
}

/** Writes records as JSON lines (or one document) and reads the file as the store does. */
async function open(records: readonly unknown[], name = "file.jsonl"): Promise<Opened> {
  const path = join(mkdtempSync(join(tmpdir(), "lens-search-")), name);
  writeFileSync(
    path,
    name.endsWith(".jsonl")
      ? records.map((record) => `${JSON.stringify(record)}\n`).join("")
      : JSON.stringify(
          records.length === 1 && name.startsWith("document") ? records[0] : records,
          undefined,
          1,
        ),
  );
  const { format, records: read, problems } = await readFile(path);
  expect(problems).toEqual([]);
  if (format === undefined) return { format: undefined, trajectories: [], trees: [] };
  return {
    format: format.id,
    trajectories: read.flatMap((record) => readParts(record, format)),
    trees: read.flatMap((record) =>
      format.tree
        ? [format.tree(record.record, { ...record.context, datasetId: "d" }, (part) => `t${part}`)]
        : [],
    ),
  };
}

const actions = (trajectory: Trajectory | undefined): readonly (string | undefined)[] =>
  (trajectory?.steps ?? []).filter((step) => step.role === "assistant").map((step) => step.action);

describe("Tree of Thoughts logs", () => {
  const log = {
    idx: 7,
    steps: [
      { step: 0, x: "1 2 3", ys: [""], new_ys: ["1+2\n", "2+3\n"], values: [2, 0], select_new_ys: ["1+2\n"] },
      {
        step: 1,
        x: "1 2 3",
        ys: ["1+2\n"],
        new_ys: ["1+2\n3+3\n", "1+2\n3*3\n"],
        values: [5, 1],
        select_new_ys: ["1+2\n3+3\n", "1+2\n3*3\n"],
      },
    ],
    ys: ["1+2\n3+3\n", "1+2\n3*3\n"],
    infos: [{ r: 1 }, { r: 0 }],
  };

  it("give the final answers as trajectories and the pruned states in the tree", async () => {
    const { format, trajectories, trees } = await open([log], "log.json");
    expect(format).toBe("tree-of-thoughts");
    expect(trajectories.map((one) => [actions(one), one.outcome.reward, one.outcome.success])).toEqual([
      [["1+2\n", "3+3\n"], 1, true],
      [["1+2\n", "3*3\n"], 0, false],
    ]);
    expect(trajectories[0]?.steps.map((step) => [step.value, step.advantage])).toEqual([
      [undefined, undefined],
      [2, undefined],
      [5, 3],
    ]);
    expect(trees[0]?.nodes.map((node) => [node.parent, node.text, node.status, node.trajectoryId])).toEqual([
      [-1, "1 2 3", "kept", undefined],
      [0, "1+2\n", "kept", undefined],
      [0, "2+3\n", "pruned", undefined],
      [1, "3+3\n", "kept", "t0"],
      [1, "3*3\n", "kept", "t1"],
    ]);
  });
});

describe("TreeRL trees", () => {
  const node = (answer: string, more: object): object => ({
    answer,
    R: 0,
    value: 0,
    visits: 0,
    terminal: false,
    ...more,
  });
  const tree = node("Q", {
    terminal_in_subtree: 2,
    correct_terminal_in_subtree: 1,
    golden_answer: "4",
    children: [
      node("a", { terminal: true, R: 1, terminal_in_subtree: 1, correct_terminal_in_subtree: 1 }),
      node("b", { terminal: true, R: 0, terminal_in_subtree: 1, correct_terminal_in_subtree: 0 }),
      node("open", { terminal_in_subtree: 0, correct_terminal_in_subtree: 0 }),
    ],
  });

  it("take a value from finished answers alone: an unfinished node has none, not 0", async () => {
    const { format, trajectories, trees } = await open([tree]);
    expect(format).toBe("tree-rl");
    expect(trajectories.map((one) => [one.outcome.reward, one.steps.at(-1)?.advantage])).toEqual([
      [1, 0.5],
      [0, -0.5],
    ]);
    const unfinished = trees[0]?.nodes[3];
    expect(unfinished).toMatchObject({ text: "open", status: "pruned" });
    expect(unfinished).not.toHaveProperty("value");
    expect(unfinished).not.toHaveProperty("reward");
  });

  it("join paths that share their beginning", async () => {
    const segment = (answer: string, pass_ratio: number, reward?: number): object => ({
      answer,
      pass_ratio,
      ...(reward === undefined ? {} : { reward }),
    });
    const { trajectories, trees } = await open([
      {
        problem: "Q",
        golden_answer: "1",
        paths: [
          [segment("a", 0.5), segment("b", 1, 1)],
          [segment("a", 0.5), segment("c", 0, -1)],
        ],
      },
    ]);
    expect(trajectories.map((one) => [actions(one), one.outcome.reward])).toEqual([
      [["a", "b"], 1],
      [["a", "c"], -1],
    ]);
    expect(trees[0]?.nodes.map((one) => one.parent)).toEqual([-1, 0, 1, 1]);
  });

  it("refuse a tree without end, not with a crash", async () => {
    let deep = node("x", { terminal: true });
    for (let depth = 0; depth < 2_000; depth++) deep = node("x", { children: [deep] });
    const { trajectories } = await open([deep]);
    expect(trajectories[0]?.steps.length).toBe(2_001);
  });
});

describe("moatless trees", () => {
  const step = (thoughts: string, message: string, terminal = false): object => ({
    action: { action_args_class: "moatless.actions.Find", thoughts, query: "q" },
    observation: { message, terminal },
  });
  const nested = {
    instance_id: "django-1",
    root: {
      node_id: 0,
      user_message: "fix it",
      visits: 2,
      value: 10,
      reward: null,
      children: [
        {
          node_id: 1,
          visits: 1,
          value: 60,
          reward: { value: 60 },
          action_steps: [step("look", "found")],
          children: [
            {
              node_id: 2,
              visits: 1,
              value: 90,
              reward: { value: 90 },
              action_steps: [step("done", "ok", true)],
              children: [],
            },
          ],
        },
        {
          node_id: 3,
          visits: 1,
          value: -5,
          reward: { value: -5 },
          is_duplicate: true,
          action_steps: [step("again", "found")],
          children: [],
        },
      ],
    },
  };

  it("show actions, observations, visits and rewards", async () => {
    const { format, trajectories, trees } = await open([nested], "document.json");
    expect(format).toBe("moatless-tree");
    expect(trajectories).toHaveLength(2);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 90, stopReason: "terminal" });
    expect(trajectories[0]?.steps.map((one) => one.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "tool",
    ]);
    expect(trajectories[0]?.steps[1]).toMatchObject({
      thought: "look",
      action: 'Find {"query":"q"}',
      value: 60,
    });
    // A node stands for an action and what came back: the tree points at the action.
    expect(trees[0]?.nodes.map((one) => [one.visits, one.status, one.stepIndex])).toEqual([
      [2, "kept", 0],
      [1, "kept", 1],
      [1, "kept", 3],
      [1, "pruned", 1],
    ]);
  });

  it("read flat nodes with parent ids, also where the links run in a circle", async () => {
    const { format, trajectories } = await open(
      [
        {
          nodes: [
            { node_id: 0, parent_id: null, user_message: "fix it", visits: 1 },
            { node_id: 1, parent_id: 0, visits: 1, action_steps: [step("a", "b", true)] },
            { node_id: 5, parent_id: 6, visits: 0, action_steps: [] },
            { node_id: 6, parent_id: 5, visits: 0, action_steps: [] },
          ],
        },
      ],
      "document.json",
    );
    expect(format).toBe("moatless-tree");
    expect(trajectories).toHaveLength(1);
  });
});

describe("steps with candidates", () => {
  it("follow the chosen candidate and keep the others as pruned branches", async () => {
    const { format, trajectories, trees } = await open([
      {
        dataset_name: "sums",
        index: 3,
        tot: {
          problem: "2+2?",
          solution: "4",
          steps_trace: [
            {
              step_index: 1,
              candidates: [
                { candidate_index: 0, step_text: "add", success_rate: 0.25 },
                { candidate_index: 1, step_text: "2+2", success_rate: 0.75 },
              ],
              chosen_candidate_index: 1,
            },
            {
              step_index: 2,
              candidates: [{ candidate_index: 0, step_text: "=4", success_rate: 1 }],
              chosen_candidate_index: 0,
            },
          ],
          final_is_correct: true,
        },
      },
    ]);
    expect(format).toBe("step-candidates");
    expect(actions(trajectories[0])).toEqual(["2+2\n", "=4\n"]);
    expect(trajectories[0]).toMatchObject({
      outcome: { success: true, reward: 1 },
      task: { groundTruth: "4" },
    });
    expect(trees[0]?.nodes.map((one) => [one.value, one.advantage, one.status])).toEqual([
      [undefined, undefined, "kept"],
      [0.25, undefined, "pruned"],
      [0.75, undefined, "kept"],
      [1, 0.25, "kept"],
    ]);
  });
});

describe("rStar solutions", () => {
  it("put the nodes of a path in the order of their numbers", async () => {
    const { format, trajectories } = await open(
      [
        {
          trace: {
            "0": { user_question: "Q", ost_step: { "2": "second", "1": "first" } },
            "1": {
              subquestion: "what first?",
              subanswer: { text: "this", value: 0.5 },
              direct_answer: { text: "8", value: 0.25 },
            },
          },
          rollout_id: 4,
        },
      ],
      "sheet.json",
    );
    expect(format).toBe("rstar");
    expect(trajectories[0]?.steps.slice(1).map((one) => [one.action, one.value])).toEqual([
      ["first", undefined],
      ["second", undefined],
      ["what first?", undefined],
      ["this", 0.5],
      ["8", 0.25],
    ]);
  });
});

describe("LATS results", () => {
  it("pair attempts with what the tests said; acc is not the task's own result", async () => {
    const { format, trajectories } = await open([
      {
        name: "f",
        prompt: "def f():",
        entry_point: "f",
        test: "assert f()",
        implementations: ["return 0", "return 1"],
        test_feedback: ["failed", "passed"],
        reflections: ["wrong constant"],
        is_solved: true,
        acc: 0.5,
        solution: "return 1",
      },
    ]);
    expect(format).toBe("lats-programming");
    expect(trajectories[0]?.steps.map((one) => one.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "assistant",
      "tool",
    ]);
    expect(trajectories[0]?.outcome).toEqual({ success: true, components: { acc: 0.5 } });
  });
});

describe("Landscape of Thoughts", () => {
  it("give one trajectory a trial", async () => {
    const { format, trajectories } = await open(
      [
        {
          model_input: "Q",
          answer_gt_short: "E",
          trial_thoughts: [
            [["a", "b"], "E", true],
            [["c"], "", false],
          ],
        },
      ],
      "document.json",
    );
    expect(format).toBe("landscape-of-thoughts");
    expect(
      trajectories.map((one) => [one.steps.length, one.outcome.success, one.outcome.stopReason]),
    ).toEqual([
      [4, true, undefined],
      [2, false, "no answer"],
    ]);
  });
});

describe("Math-Shepherd", () => {
  it.each(["ки", "<step>"])("finds the step tag %s by itself", async (tag) => {
    const { format, trajectories } = await open([
      {
        input: `How many + signs? Step 1: One - none. ${tag}\nStep 2: The answer is: 1 ${tag}`,
        label: "How many + signs? Step 1: One - none. +\nStep 2: The answer is: 1 -",
        task: "GSM8K",
      },
    ]);
    expect(format).toBe("math-shepherd");
    expect(trajectories[0]?.steps.map((one) => [one.observation ?? one.action, one.reward])).toEqual([
      ["How many + signs?", undefined],
      ["Step 1: One - none.\n", 1],
      ["Step 2: The answer is: 1\n", 0],
    ]);
  });
});

describe("ReasonEval", () => {
  it("reads JSON lines that are called .json, three probabilities a step", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "lens-search-")), "scores.json");
    writeFileSync(path, '{"id": "a", "scores": [[0.25, 0.25, 0.5]]}\n{"id": "b", "scores": [[1, 0, 0]]}\n');
    const { format, records } = await readFile(path);
    expect(format?.id).toBe("reasoneval-scores");
    const [first, second] = records.flatMap((record) => readParts(record, format!));
    expect([first?.steps[0]?.reward, second?.steps[0]?.reward]).toEqual([0.75, 0]);
    expect(first?.steps[0]?.extra).toEqual({ invalid: 0.25, neutral: 0.25, valid: 0.5 });
  });

  it("has no label behind the first wrong step", async () => {
    const { format, trajectories } = await open([
      {
        id: 1,
        question: "Q",
        model_output_step_format: [["a"], ["b"], ["c"]],
        model_output_answer_correctness: "correct",
        model_output_solution_correctness: "wrong",
        model_output_solution_first_error_step: "2",
      },
    ]);
    expect(format).toBe("reasoneval-data");
    expect(trajectories[0]?.steps.map((one) => one.reward)).toEqual([undefined, 1, 0, undefined]);
    expect(trajectories[0]?.outcome).toEqual({ success: true, components: { solution_correct: 0 } });
  });
});

describe("unpaired preferences", () => {
  it("are one answer a row, wanted or not, as text or messages", async () => {
    const { format, trajectories } = await open([
      { prompt: "2+2?", completion: "4", label: true },
      {
        prompt: [{ role: "user", content: "2+2?" }],
        completion: [{ role: "assistant", content: "5" }],
        label: false,
      },
    ]);
    expect(format).toBe("kto");
    expect(
      trajectories.map((one) => [one.task.prompt, one.steps.at(-1)?.action, one.outcome.success]),
    ).toEqual([
      ["2+2?", "4", true],
      ["2+2?", "5", false],
    ]);
  });
});
