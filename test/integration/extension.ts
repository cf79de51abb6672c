import { strict as assert } from "node:assert";
import { join } from "node:path";
import * as vscode from "vscode";
import type { TestApi } from "../../src/extension";
import type { DatasetInfo } from "../../src/model/summary";

/** The extension under test, activated. */
export async function api(): Promise<TestApi> {
  const extension = vscode.extensions.getExtension<TestApi>("trajectory-lens.trajectory-lens");
  assert.ok(extension, "the extension is installed");
  return extension.isActive ? extension.exports : await extension.activate();
}

/** The workspace: a copy of examples/workspace, in which tests may write. */
export function workspaceFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, "a workspace folder is open");
  return folder.uri.fsPath;
}

export const inWorkspace = (...parts: string[]): string => join(workspaceFolder(), ...parts);

/** Datasets of the committed examples: those that tests write themselves live under `scratch`. */
export async function exampleDatasets(): Promise<readonly DatasetInfo[]> {
  const { parts } = await api();
  return (await parts.host.library.list()).filter(
    (dataset) => !dataset.path.startsWith(inWorkspace("scratch")),
  );
}

/** The dataset with the most training steps in verl's own format: the reasoning example's rollouts. */
export async function reasoningDataset(): Promise<DatasetInfo> {
  const found = (await exampleDatasets())
    .filter((dataset) => dataset.format === "verl")
    .sort((a, b) => b.trainingSteps - a.trainingSteps)[0];
  assert.ok(found, "the reasoning example's rollouts are indexed");
  return found;
}

/** An episode dataset of the control example. */
export async function controlDataset(): Promise<DatasetInfo> {
  const found = (await exampleDatasets()).find((dataset) => dataset.numeric);
  assert.ok(found, "the control example's episodes are indexed");
  return found;
}

export const closeEditors = (): Thenable<unknown> =>
  vscode.commands.executeCommand("workbench.action.closeAllEditors");

export const near = (actual: number | undefined, expected: number, tolerance: number, what: string): void => {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual} is not ${expected} ± ${tolerance}`,
  );
};
