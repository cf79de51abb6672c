import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { spoTree } from "../../src/formats/spoTree";
import { readFile, readParts } from "./readFile";

interface Node {
  readonly text: string;
  readonly reward: number;
  readonly reward_std?: number;
  readonly leaf: boolean;
  readonly children?: readonly Node[];
}

/** The tree of the golden case: values are what the authors' own aggregation gave. */
const golden = JSON.parse(readFileSync("test/golden/cases/spo_tree.json", "utf8")) as {
  cases: {
    inputs: { tree: Node; adv_method: string };
    expected: { response_text: string; advantage: number }[];
  }[];
};

function written(node: Node, depth: number, above: string): object {
  const full = above + node.text;
  return {
    ...node,
    depth,
    full_text: full,
    finish_reason: node.leaf ? "stop" : "length",
    stop_text: null,
    num_tokens: 3,
    sum_logprobs: -0.5,
    ...(depth === 0 ? { _request_object: { problem: "the question", answer: "42" } } : {}),
    ...(node.children === undefined
      ? {}
      : { children: node.children.map((child) => written(child, depth + 1, full)) }),
  };
}

async function read(tree: Node) {
  const path = join(mkdtempSync(join(tmpdir(), "lens-spo-")), "17.json");
  writeFileSync(path, JSON.stringify(written(tree, 0, ""), null, 4));
  return readFile(path);
}

describe("SPO trees", () => {
  it("give one trajectory a leaf, with node values and edge advantages", async () => {
    const { format, records } = await read(golden.cases[0]!.inputs.tree);
    expect(format).toBe(spoTree);
    const trajectories = readParts(records[0]!, spoTree);
    expect(
      trajectories.map((trajectory) => trajectory.steps.map((step) => step.action ?? step.observation)),
    ).toEqual([
      ["Q", "a", "a1"],
      ["Q", "a", "a2"],
      ["Q", "b", "b1"],
      ["Q", "b", "b2"],
      ["Q", "c"],
    ]);
    expect(trajectories[1]?.steps.map((step) => [step.value, step.advantage])).toEqual([
      [0.5, undefined],
      [0.5, 0],
      [0, -0.5],
    ]);
    expect(trajectories.map((trajectory) => trajectory.outcome.reward)).toEqual([1, 0, 1, 1, 0]);
    expect(trajectories[0]?.task).toEqual({ prompt: "Q", groundTruth: "42" });
    expect(records[0]?.summaries[0]).toMatchObject({
      title: "the question",
      tokenCount: 6,
      stopReason: "stop",
      truncated: false,
    });
    expect(records[0]?.summaries[1]?.steps).toEqual([
      { index: 1, value: 0.5, advantage: 0 },
      { index: 2, value: 0, advantage: -0.5 },
    ]);
  });

  it("equal the released edge advantages in rloo mode", async () => {
    const cases = golden.cases.filter((one) => one.inputs.adv_method === "rloo");
    expect(cases.length).toBeGreaterThan(0);
    for (const { inputs, expected } of cases) {
      const { records } = await read(inputs.tree);
      const tree = spoTree.tree!(
        records[0]!.record,
        { ...records[0]!.context, datasetId: "d" },
        (part) => `id:${part}`,
      );
      for (const edge of expected)
        expect(
          tree.nodes.filter((node) => node.text === edge.response_text).map((node) => node.advantage),
        ).toContain(edge.advantage);
    }
  });

  it("link tree leaves to their trajectories", async () => {
    const { records } = await read(golden.cases[0]!.inputs.tree);
    const tree = spoTree.tree!(
      records[0]!.record,
      { ...records[0]!.context, datasetId: "d", groupId: "g" },
      (part) => `id:${part}`,
    );
    expect(
      tree.nodes.filter((node) => node.leaf).map((node) => [node.text, node.trajectoryId, node.stepIndex]),
    ).toEqual([
      ["a1", "id:0", 2],
      ["a2", "id:1", 2],
      ["b1", "id:2", 2],
      ["b2", "id:3", 2],
      ["c", "id:4", 1],
    ]);
    expect(tree.nodes.every((node, index) => node.parent < index)).toBe(true);
    expect(tree.nodes[0]).toMatchObject({ parent: -1, text: "Q", value: 0.5, leaf: false });
  });

  it("refuse a tree without end, not with a crash", async () => {
    let node: Node = { text: "x", reward: 1, leaf: true };
    for (let depth = 0; depth < 11_000; depth++)
      node = { text: "x", reward: 1, leaf: false, children: [node] };
    expect(() =>
      spoTree.summarise(
        { kind: "value", value: JSON.parse(JSON.stringify({ text: "x", children: [] })) },
        { path: "p", relativePath: "p", row: 0 },
      ),
    ).not.toThrow();
    expect(() =>
      spoTree.summarise({ kind: "value", value: node as never }, { path: "p", relativePath: "p", row: 0 }),
    ).toThrow(/deeper than/);
  });
});
