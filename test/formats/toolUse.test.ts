import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { aideJournal } from "../../src/formats/aideJournal";
import { bfcl } from "../../src/formats/bfcl";
import { interCode } from "../../src/formats/interCode";
import { toolBench } from "../../src/formats/toolBench";
import type { JsonObject } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const text = (name: string): string => readFileSync(`test/formats/fixtures/${name}`, "utf8");

describe("searches of ToolBench", () => {
  const answer = JSON.parse(text("toolbench.json")) as JsonObject;

  it("gives each end of the search a trajectory, and names how it ended", () => {
    const { trajectories, summaries } = readValue(toolBench, answer);
    expect(trajectories.map(lines)).toEqual([
      [
        "user/prompt: What is a euro in dollars?",
        "assistant/act: (I need the rate.) ",
        "assistant/act: rates",
        'assistant/act: {"from": "EUR"}',
        'tool/observe: {"rate": 1.1}',
        "assistant/act: Finish",
        'assistant/answer: {"return_type": "give_answer", "final_answer": "1.1"}',
        'tool/observe: {"response":"ok"}',
      ],
      [
        "user/prompt: What is a euro in dollars?",
        "assistant/act: quotes",
        "assistant/answer: {}",
        'tool/observe: {"error": "none"}',
      ],
    ]);
    expect(summaries.map((one) => [one.stopReason, one.success, one.reward])).toEqual([
      ["give_answer", undefined, undefined],
      ["pruned", undefined, undefined],
    ]);
    expect(trajectories[0]?.extra).toMatchObject({ win: true, size: 6, answer: { final_answer: "1.1" } });
  });

  it("has a tree with the branches that the search left", () => {
    const tree = toolBench.tree!(
      { kind: "value", value: answer },
      { path: "/d/f.json", relativePath: "f.json", row: 0, datasetId: "d" },
      (part) => `t${part}`,
    );
    expect(tree.nodes.map((node) => [node.parent, node.status, node.trajectoryId])).toEqual([
      [-1, "kept", undefined],
      [0, "kept", undefined],
      [1, "kept", undefined],
      [2, "kept", undefined],
      [3, "kept", undefined],
      [4, "kept", "t0"],
      [0, "pruned", undefined],
      [6, "pruned", "t1"],
    ]);
  });
});

describe("results of InterCode", () => {
  const results = JSON.parse(text("intercode.json")) as JsonObject;

  it("reads episodes with thoughts and a reward each turn; the best reward is the outcome", () => {
    const { trajectories, summaries } = readValue(interCode, results);
    expect(trajectories.map(lines)).toEqual([
      [
        "user/prompt: Count the files.",
        "assistant/act: (look) ls",
        "environment/observe: a b",
        "assistant/act: (count) ls | wc -l",
        "environment/observe: 2",
      ],
      ["user/prompt: Find x.", "assistant/act: rm", 'environment/observe: {"error":"no"}'],
    ]);
    expect(summaries.map((one) => [one.ownId, one.reward, one.success, one.truncated])).toEqual([
      ["3", 1, true, false],
      ["4", 0, false, true],
    ]);
    expect(trajectories[0]?.steps.map((step) => step.reward)).toEqual([
      undefined,
      0.01,
      undefined,
      1,
      undefined,
    ]);
    expect(trajectories[0]?.steps[1]?.extra).toEqual({ valid_action: true });
    expect(trajectories[0]?.steps[3]?.extra).toEqual({ valid_action: null });
    expect(trajectories[0]?.extra).toMatchObject({ meta: { env: "bash" }, environment: "ic_bash" });
  });

  it("reads episodes without what the experiment was run with, and refuses a document without any", () => {
    expect(readValue(interCode, results["logs"]!).trajectories).toHaveLength(2);
    expect(() => readValue(interCode, { meta: {}, logs: {} })).toThrow(/no episode/);
  });
});

describe("results of the function-calling leaderboard", () => {
  const [turns, single] = text("bfcl.jsonl")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);

  it("reads the log of several turns: calls, what they gave, and the world's state", () => {
    const { trajectories, summaries } = readValue(bfcl, turns!);
    expect(lines(trajectories[0])).toEqual([
      'environment/prompt: {\n  "cwd": "/"\n}',
      "user/prompt: Go to docs.",
      'assistant/act: (cd then)  [cd {"folder":"docs"}]',
      "environment/observe: Successfully decoded model response.",
      'tool/observe: {"cwd": "docs"}',
      "assistant/answer: Done.",
    ]);
    expect(summaries[0]).toMatchObject({
      ownId: "multi_turn_base_0",
      components: { input_token_count: 22, output_token_count: 7, latency: 0.75 },
    });
    expect(summaries[0]?.success).toBeUndefined();
  });

  it("reads a single answer, and takes grades from the scores beside: what is not listed there was right", () => {
    const path = "/out/result/m/non_live/BFCL_v4_simple_result.json";
    const name = "../../../score/m/non_live/BFCL_v4_simple_score.json";
    expect(bfcl.companions?.(path, [], [])).toEqual([name]);
    const scores = [
      { accuracy: 0.5, correct_count: 1, total_count: 2 },
      { id: "simple_1", valid: false, error: ["wrong"] },
    ];
    const graded = (row: JsonObject) =>
      readValue(bfcl, row, { path, companions: new Map([[name, scores]]) }).trajectories[0];
    expect(lines(graded(single!))).toEqual(['assistant/act: (a triangle)  [area {"base":10}]']);
    expect(graded(single!)).toMatchObject({
      outcome: { success: false },
      extra: { error: ["wrong"] },
      notes: [{ code: "no-prompt" }],
    });
    expect(graded({ ...single, id: "simple_2" })?.outcome.success).toBe(true);
    expect(graded({ ...single, result: "Error during inference: timeout" })?.outcome.stopReason).toBe(
      "error",
    );
  });
});

describe("journals of AIDE", () => {
  const journal = JSON.parse(text("aide-journal.json")) as JsonObject;

  it("reads solutions as a tree, with the agent's own metric as their value and no reward made of it", () => {
    const { trajectories, summaries } = readValue(aideJournal, journal);
    expect(trajectories.map(lines)).toEqual([
      ["user/prompt: ", "assistant/answer: (Fix the split.) split()", "tool/observe: ran None\n"],
      [
        "user/prompt: ",
        "assistant/act: (Ridge first.) fit()",
        "tool/observe: ran 0.5\n",
        "assistant/answer: (Boost it.) boost()",
        "tool/observe: ran 0.25\n",
      ],
    ]);
    expect(summaries.map((one) => [one.reward, one.stopReason, one.components])).toEqual([
      [undefined, "ValueError", { metric: null, step: 1 }],
      [undefined, undefined, { metric: 0.25, step: 2 }],
    ]);
    const tree = aideJournal.tree!(
      { kind: "value", value: journal },
      { path: "/d/journal.json", relativePath: "journal.json", row: 0, datasetId: "d" },
      (part) => `t${part}`,
    );
    expect(tree.valueSource).toMatch(/lower is better/);
    expect(tree.nodes.map((node) => [node.parent, node.value])).toEqual([
      [-1, undefined],
      [0, 0.5],
      [0, null],
      [1, 0.25],
    ]);
  });

  it("bears links that run in a circle, and parents that are listed later", () => {
    const circle = { ...journal, node2parent: { a: "c", c: "a", b: "c" } };
    expect(readValue(aideJournal, circle).trajectories.map((one) => one.steps.length)).toEqual([5, 5]);
  });
});
