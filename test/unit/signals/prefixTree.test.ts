import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../../src/model/trajectory";
import { firstDivergence } from "../../../src/signals/alignment";
import { prefixTree } from "../../../src/signals/prefixTree";
import { spoTree } from "../../../src/signals/tree/spoTree";
import { resolveParameters } from "../../../src/signals/signal";
import { groupOf, random, trajectory } from "./worlds";

function rollout(id: string, texts: readonly string[], reward?: number | null): Trajectory {
  return trajectory(id, {
    steps: texts.map((text, index) => ({
      index,
      role: index === 0 ? ("user" as const) : ("assistant" as const),
      action: text,
    })),
    outcome: { ...(reward === undefined ? {} : { reward }), components: {} },
  });
}

/** Texts from the root to a leaf, joined: must be the rollout's own text again. */
function textOf(tree: ReturnType<typeof prefixTree>, leaf: number): string {
  const parts: string[] = [];
  for (let node = leaf; node >= 0; node = tree.nodes[node]!.parent) parts.unshift(tree.nodes[node]!.text);
  return parts.join("");
}

describe("prefixTree", () => {
  const members = [
    rollout("a", ["Q", "add 3 and 4", "then stop"], 1),
    rollout("b", ["Q", "add 3 and 5", "then stop"], 0),
    rollout("c", ["Q", "multiply"], null),
    rollout("d", ["Q", "add 3 and 4", "then go on"]),
  ];
  const tree = prefixTree(groupOf(members), "d", "title");

  it("branches where steps and then words part, parents first", () => {
    expect(tree.nodes.map((node) => [node.parent, node.text, node.visits])).toEqual([
      [-1, "Q", 4],
      [0, "add 3 and", 3],
      [0, "multiply", 1],
      [1, " 4", 2],
      [1, " 5", 1],
      [3, "then", 2],
      [5, " stop", 1],
      [5, " go on", 1],
      [4, "then stop", 1],
    ]);
    tree.nodes.forEach((node, index) => expect(node.parent).toBeLessThan(index));
    expect(tree.origin).toBe("prefix");
  });

  it("values nodes by the rewards below and leaves missing rewards out", () => {
    expect(tree.nodes[0]!.value).toBe(0.5);
    expect(tree.nodes[3]!.value).toBe(1);
    expect(tree.nodes[3]!.advantage).toBe(0.5);
    const missing = tree.nodes[2]!;
    expect(missing.trajectoryId).toBe("c");
    expect("value" in missing).toBe(false);
    expect(missing.reward).toBeNull();
    expect("reward" in tree.nodes[7]!).toBe(false);
    expect(tree.valueSource).toContain("2 of 4 have a reward");
  });

  it("gives every rollout one leaf whose path is its text", () => {
    for (const member of members) {
      const leaves = tree.nodes.filter((node) => node.trajectoryId === member.id);
      expect(leaves).toHaveLength(1);
      const index = tree.nodes.indexOf(leaves[0]!);
      expect(textOf(tree, index)).toBe(member.steps.map((s) => s.action).join(""));
    }
  });

  it("keeps identical rollouts, prefixes of each other, empty steps and empty rollouts apart", () => {
    const odd = prefixTree(
      groupOf([
        rollout("x", ["Q", "same"]),
        rollout("y", ["Q", "same"]),
        rollout("z", ["Q", "same", "", "more"]),
        rollout("w", ["Q"]),
        rollout("v", []),
      ]),
      "d",
    );
    expect(
      odd.nodes
        .filter((node) => node.leaf)
        .map((node) => node.trajectoryId)
        .sort(),
    ).toEqual(["v", "w", "x", "y", "z"]);
    for (const node of odd.nodes)
      if (node.leaf) expect(odd.nodes.some((other) => odd.nodes[other.parent] === node)).toBe(false);
  });

  it("says so when members could not be loaded, and survives an empty group", () => {
    const group = groupOf(members.slice(0, 2));
    const partial = prefixTree(
      {
        ...group,
        members: [...group.members, { trajectoryId: "n", reward: 1, components: {}, stepCount: 1 }],
      },
      "d",
    );
    expect(partial.valueSource).toContain("1 could not be loaded");
    expect(prefixTree({ groupId: "g", members: [] }, "d").nodes).toEqual([]);
  });

  it("cuts at the file's tokens when they make up the step", () => {
    const withTokens = (id: string, pieces: readonly string[]): Trajectory =>
      trajectory(id, {
        steps: [
          { index: 0, role: "assistant", action: pieces.join(""), tokenStart: 0, tokenEnd: pieces.length },
        ],
        tokens: { count: pieces.length, text: pieces, series: {} },
      });
    const own = prefixTree(groupOf([withTokens("a", ["12", "34"]), withTokens("b", ["12", "56"])]), "d");
    expect(own.nodes.map((node) => node.text)).toEqual(["", "12", "34", "56"]);
  });

  it("rebuilds random groups exactly", () => {
    const next = random(3);
    for (let round = 0; round < 40; round++) {
      const group = Array.from({ length: 2 + Math.floor(next() * 6) }, (_, i) =>
        rollout(
          `r${i}`,
          [
            "Q",
            ...Array.from({ length: Math.floor(next() * 4) }, () =>
              Array.from({ length: Math.floor(next() * 4) }, () => (next() < 0.7 ? "a" : "b")).join(" "),
            ),
          ],
          next(),
        ),
      );
      const built = prefixTree(groupOf(group), "d");
      for (const member of group) {
        const index = built.nodes.findIndex((node) => node.trajectoryId === member.id);
        expect(textOf(built, index)).toBe(member.steps.map((s) => s.action).join(""));
      }
      built.nodes.forEach((node, index) => {
        const children = built.nodes.filter((child) => child.parent === index);
        if (children.length > 0)
          expect(children.reduce((sum, child) => sum + child.visits!, 0)).toBe(node.visits);
      });
    }
  });

  it("feeds edge advantages along a rollout's path", () => {
    const context = { trajectory: members[0]!, tree: prefixTree(groupOf([members[0]!, members[1]!]), "d") };
    const result = spoTree.compute(context, resolveParameters(spoTree, "spo-rloo"));
    if ("missing" in result) throw new Error(result.how);
    // Value of the shared node 0.5, of the branch 1: the whole credit falls on the step where the rollouts part.
    expect([...result.values]).toEqual([NaN, 0.5, 0]);
    const other = spoTree.compute(
      { trajectory: members[2]!, tree: context.tree },
      resolveParameters(spoTree, undefined),
    );
    expect(other).toMatchObject({ missing: ["tree"] });
  });
});

describe("firstDivergence", () => {
  it("names the step, the shared characters and the reason", () => {
    const a = rollout("a", ["Q", "add 3", "stop"]);
    expect(firstDivergence(a, rollout("b", ["Q", "add 4", "stop"]))).toEqual({
      sharedSteps: 1,
      step: 1,
      sharedCharacters: 4,
      reason: "text",
    });
    expect(firstDivergence(a, rollout("b", ["Q", "add 3"]))).toEqual({
      sharedSteps: 2,
      step: 2,
      sharedCharacters: 0,
      reason: "right-ended",
    });
    expect(firstDivergence(rollout("b", ["Q"]), a)).toMatchObject({ reason: "left-ended", step: 1 });
    expect(firstDivergence(a, { ...a, outcome: { reward: 5, components: {} } })).toEqual({
      sharedSteps: 3,
      sharedCharacters: 0,
      reason: "equal",
    });
    expect(firstDivergence(trajectory("x"), trajectory("y"))).toMatchObject({
      reason: "equal",
      sharedSteps: 0,
    });
    const role = { ...a, steps: a.steps.map((s) => (s.index === 1 ? { ...s, role: "tool" as const } : s)) };
    expect(firstDivergence(a, role)).toMatchObject({ step: 1, reason: "role" });
  });

  it("never parts inside one character", () => {
    const left = rollout("a", ["Q", "x\u{1F600}"]);
    const right = rollout("b", ["Q", "x\u{1F601}"]);
    expect(firstDivergence(left, right).sharedCharacters).toBe(1);
  });
});
