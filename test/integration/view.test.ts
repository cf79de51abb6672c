import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import type { TreeEntry } from "../../src/host/views/trajectoryNodes";
import { api, controlDataset, reasoningDataset } from "./extension";
import { test } from "./runner";

async function childrenOf(entry?: TreeEntry): Promise<TreeEntry[]> {
  return (await api()).parts.tree.getChildren(entry);
}

const itemOf = async (entry: TreeEntry | undefined): Promise<vscode.TreeItem> => {
  assert.ok(entry);
  return (await api()).parts.tree.getTreeItem(entry);
};

async function datasetEntry(id: string): Promise<TreeEntry> {
  const entry = (await childrenOf()).find(
    (candidate) => candidate.kind === "dataset" && candidate.dataset.id === id,
  );
  assert.ok(entry, "the dataset is in the view");
  return entry;
}

test("shows dataset, training step, group and trajectory with rewards", async () => {
  const dataset = await datasetEntry((await reasoningDataset()).id);
  const steps = await childrenOf(dataset);
  assert.equal(steps[0]?.kind, "step");
  const step = await itemOf(steps[0]);
  assert.match(String(step.description), /^mean -?\d/);
  const groups = await childrenOf(steps[0]);
  assert.equal(groups[0]?.kind, "group");
  const group = await itemOf(groups[0]);
  const members = await childrenOf(groups[0]);
  assert.ok(members.length > 1 && members.every((member) => member.kind === "trajectory"));
  const first = await itemOf(members[0]);
  assert.equal(first.label, "#0");
  assert.match(String(first.description), /(pass|fail)?\s*-?\d.*\d+ steps?/);
  assert.equal(first.command?.command, "trajectoryLens.openTrajectory");
  return `${String(step.label)}: ${String(step.description)}; ${String(group.label)}: ${String(group.description)}; ${String(first.label)}: ${String(first.description)}`;
});

test("shows group-relative advantages whose mean is zero under the trainer's convention", async () => {
  const dataset = await datasetEntry((await reasoningDataset()).id);
  const { services } = await api();
  for (const step of (await childrenOf(dataset)).slice(0, 3)) {
    for (const group of await childrenOf(step)) {
      if (group.kind !== "group" || group.group.rewardMin === group.group.rewardMax) continue;
      const members = await childrenOf(group);
      const advantages = members.map((member) =>
        member.kind === "trajectory" ? member.advantage?.value : undefined,
      );
      const sum = advantages.reduce<number>((total, value) => total + (value ?? NaN), 0);
      assert.ok(Math.abs(sum) < 1e-4, `the advantages of a group add up to ${sum}`);
      const { group: summary } = await services().datasets.group(group.group.groupId);
      assert.ok((summary.rewardStd ?? 0) > 0);
      return `${advantages.length} advantages, sum ${sum.toExponential(1)}`;
    }
  }
  throw new Error("no group with contrast in the newest training steps");
});

test("loads long lists in pages", async () => {
  const configuration = vscode.workspace.getConfiguration("trajectoryLens");
  await configuration.update("view.pageSize", 20, vscode.ConfigurationTarget.Global);
  const { parts } = await api();
  try {
    parts.tree.setSort("reward");
    const dataset = await datasetEntry((await reasoningDataset()).id);
    const step = (await childrenOf(dataset))[0];
    const page = await childrenOf(step);
    const more = page.at(-1);
    assert.equal(page.length, 21);
    assert.ok(more?.kind === "more" && more.rest > 0);
    await vscode.commands.executeCommand("trajectoryLens.showMore", more);
    assert.ok((await childrenOf(step)).length > 21, "more entries after Show More");
    const rewards = page.map((entry) =>
      entry.kind === "trajectory" ? (entry.row.reward ?? -Infinity) : -Infinity,
    );
    assert.deepEqual(
      rewards.slice(0, 20),
      [...rewards.slice(0, 20)].sort((a, b) => b - a),
      "highest reward first",
    );
  } finally {
    parts.tree.setSort("file");
    await configuration.update("view.pageSize", undefined, vscode.ConfigurationTarget.Global);
  }
});

test("filters by text and by outcome, and says so when nothing matches", async () => {
  const { parts } = await api();
  try {
    await vscode.commands.executeCommand("trajectoryLens.filter", { text: "no such task anywhere" });
    assert.deepEqual(await childrenOf(), []);
    parts.tree.setFilter({ outcome: "noContrast" });
    for (const entry of await childrenOf()) {
      for (const child of (await childrenOf(entry)).slice(0, 3)) {
        if (child.kind !== "trajectory" || child.row.groupId === undefined) continue;
        const { group } = await (await api()).services().datasets.group(child.row.groupId);
        assert.equal(group.rewardMin, group.rewardMax);
      }
    }
  } finally {
    await vscode.commands.executeCommand("trajectoryLens.clearFilter");
  }
  assert.ok((await childrenOf()).length > 0);
});

test("lists episodes with their returns, and the models in their own view alone", async () => {
  const dataset = await datasetEntry((await controlDataset()).id);
  const below = await childrenOf(dataset);
  const episode =
    below.find((entry) => entry.kind === "trajectory") ??
    (await childrenOf(below[0])).find((entry) => entry.kind === "trajectory");
  assert.ok(episode?.kind === "trajectory" && typeof episode.row.reward === "number");
  const entries = await childrenOf();
  assert.ok(entries.every((entry) => entry.kind === "dataset" || entry.kind === "leftOut"));
  const { parts } = await api();
  const listed = (await parts.models.getChildren()).filter((entry) => entry.kind === "modelEntry");
  assert.ok(
    listed.some((entry) => entry.model.problem === undefined),
    "at least one usable model",
  );
  return listed.map((entry) => `${entry.model.name}: ${entry.model.kind}`).join(", ");
});
