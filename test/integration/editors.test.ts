import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import { datasetUri, trajectoryUri, treeUri, viewTypes } from "../../src/host/lensUris";
import { api, closeEditors, controlDataset, reasoningDataset } from "./extension";
import { test, until } from "./runner";

const activeInput = (): unknown => vscode.window.tabGroups.activeTabGroup.activeTab?.input;

async function activeCustom(viewType: string): Promise<vscode.TabInputCustom> {
  return until(`an active editor of type ${viewType}`, () => {
    const input = activeInput();
    return input instanceof vscode.TabInputCustom && input.viewType === viewType ? input : undefined;
  });
}

test("opens a trajectory whose view comes up and asks for it", async () => {
  const { parts, services } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0];
  assert.ok(row);
  const started = Date.now();
  await vscode.commands.executeCommand("trajectoryLens.openTrajectory", { trajectoryId: row.id });
  await activeCustom(viewTypes.trajectory);
  await until("the view to say that it is ready", () =>
    parts.trajectoryEditor.readyTrajectoryIds.includes(row.id),
  );
  return `ready after ${Date.now() - started} ms`;
});

test("a trajectory reads as canonical JSON and cannot be written", async () => {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0];
  assert.ok(row);
  const uri = trajectoryUri(row, dataset.name);
  const parsed = JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(uri))) as {
    id: string;
    steps: unknown[];
    outcome: { reward: number };
  };
  assert.equal(parsed.id, row.id);
  assert.equal(parsed.outcome.reward, row.reward);
  assert.ok(parsed.steps.length > 0);
  const document = await vscode.workspace.openTextDocument(uri);
  assert.ok(document.getText().includes(row.id));
  await assert.rejects(async () => vscode.workspace.fs.writeFile(uri, new Uint8Array()));
});

test("opens the branching tree of a group, and the table of a dataset and of a group", async () => {
  const { parts, services } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0];
  assert.ok(row?.groupId !== undefined);
  await vscode.commands.executeCommand("trajectoryLens.openTree", { trajectoryId: row.id });
  await activeCustom(viewTypes.tree);
  await until("the tree's view to be ready", () => parts.treeEditor.readyViews > 0);
  const tree = JSON.parse(
    new TextDecoder().decode(await vscode.workspace.fs.readFile(treeUri("tree", row.groupId))),
  ) as { nodes: { parent: number }[] };
  assert.ok(tree.nodes.length > 1 && tree.nodes[0]?.parent === -1);

  await vscode.commands.executeCommand("trajectoryLens.openDataset", { datasetId: dataset.id });
  await activeCustom(viewTypes.dataset);
  await until("the table's view to be ready", () => parts.datasetEditor.readyViews > 0);
  await vscode.commands.executeCommand("trajectoryLens.openGroup", { trajectoryId: row.id });
  const input = await activeCustom(viewTypes.dataset);
  assert.equal(input.uri.toString(), datasetUri(dataset, { groupId: row.groupId }, row.title).toString());
  await closeEditors();
});

test("opens a rollout file as a table when asked to, and as text by default", async () => {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const path = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0]?.path ?? "";
  await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(path));
  await until("a text editor", () => activeInput() instanceof vscode.TabInputText);
  await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.file(path), viewTypes.dataset);
  await activeCustom(viewTypes.dataset);
  await vscode.commands.executeCommand("trajectoryLens.openAsText");
  await until("a text editor again", () => activeInput() instanceof vscode.TabInputText);
  await closeEditors();
});

test("opens a numeric episode, and two trajectories side by side", async () => {
  const { parts, services } = await api();
  const control = await controlDataset();
  const [first, second] = (await services().datasets.rows({ datasetId: control.id }, 0, 2)).rows;
  assert.ok(first && second);
  await vscode.commands.executeCommand("trajectoryLens.openTrajectory", { trajectoryId: first.id });
  await until("the episode's view", () => parts.trajectoryEditor.readyTrajectoryIds.includes(first.id));
  await vscode.commands.executeCommand("trajectoryLens.selectForCompare", { trajectoryId: first.id });
  await vscode.commands.executeCommand("trajectoryLens.compareWithSelected", { trajectoryId: second.id });
  await until("two columns", () => vscode.window.tabGroups.all.length === 2);
  const shown = vscode.window.tabGroups.all
    .map((group) => group.activeTab?.input)
    .map((input) =>
      input instanceof vscode.TabInputCustom ? new URLSearchParams(input.uri.query).get("id") : undefined,
    );
  assert.deepEqual(shown, [first.id, second.id]);
  await closeEditors();
});

test("Show in File opens the trajectory's own line", async () => {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id, sort: "row" }, 5, 6)).rows[0];
  assert.ok(row);
  await vscode.commands.executeCommand("trajectoryLens.showInFile", { trajectoryId: row.id });
  const editor = await until("the file's text", () =>
    vscode.window.activeTextEditor?.document.uri.fsPath === row.path
      ? vscode.window.activeTextEditor
      : undefined,
  );
  await until("the cursor on the line", () => editor.selection.active.line === row.row);
  await closeEditors();
});

test("the cursor is shared by all views of a trajectory", async () => {
  const { parts } = await api();
  const heard: string[] = [];
  const subscription = parts.host.cursor.onMove((move) =>
    heard.push(`${move.trajectoryId}@${move.stepIndex}`),
  );
  parts.host.cursor.move("a:0", 3, {});
  parts.host.cursor.move("a:0", 3, {});
  parts.host.cursor.move("a:0", 4, {});
  subscription.dispose();
  assert.deepEqual(heard, ["a:0@3", "a:0@4"]);
  assert.equal(parts.host.cursor.of("a:0"), 4);
});
