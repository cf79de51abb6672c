import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import { viewTypes } from "../../src/host/lensUris";
import type { SearchHit } from "../../src/protocol/storeCalls";
import { api, closeEditors, reasoningDataset } from "./extension";
import { test, until } from "./runner";

test("searches a run and opens a hit at its step", async () => {
  await closeEditors();
  const { parts, services } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0];
  assert.ok(row);
  const trajectory = await services().datasets.trajectory(row.id);
  const last = trajectory.steps.at(-1);
  const pattern = (last?.action ?? last?.thought ?? last?.observation ?? "").trim();
  assert.ok(pattern !== "", "the last step has a text to look for");
  const hits: SearchHit[] = [];
  await services().datasets.search(
    { pattern: { pattern } },
    { report: (progress) => hits.push(...progress.hits) },
  );
  const first = hits[0];
  assert.ok(first && hits.some((hit) => hit.trajectoryId === row.id && hit.stepIndex === last?.index));

  const command = vscode.commands.executeCommand("trajectoryLens.searchRun", { pattern });
  // The list fills while the search runs; its first entry is the first hit.
  await until("the hit to be opened", async () => {
    await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    return input instanceof vscode.TabInputCustom && input.viewType === viewTypes.trajectory;
  });
  await command;
  assert.equal(parts.trajectoryEditor.activeTrajectoryId, first.trajectoryId);
  assert.equal(parts.host.cursor.of(first.trajectoryId), first.stepIndex);
  await closeEditors();
  return `${hits.length} hits, opened ${first.trajectoryId} at step ${first.stepIndex}`;
});
