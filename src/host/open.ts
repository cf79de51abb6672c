import { existsSync } from "node:fs";
import { extname } from "node:path";
import * as vscode from "vscode";
import { Failure } from "../model/failure";
import type { DatasetInfo, TrajectoryRow } from "../model/summary";
import type { SourceLocation } from "../model/trajectory";
import type { RowQuery } from "../protocol/storeCalls";
import type { Host } from "./host";
import { datasetUri, trajectoryUri, treeUri, viewTypes } from "./lensUris";

export interface OpenOptions {
  /** True = in the preview tab, which the next opening replaces. */
  readonly preview?: boolean;
  readonly column?: vscode.ViewColumn | undefined;
  readonly preserveFocus?: boolean;
  /** Trajectory that is selected in a tree. */
  readonly selected?: string;
  /** What a group is called on its tab. */
  readonly label?: string;
  /** Step at which a trajectory opens. */
  readonly stepIndex?: number;
}

const openWith = async (uri: vscode.Uri, viewType: string, options: OpenOptions): Promise<void> => {
  const { preview = false, column = vscode.ViewColumn.Active, preserveFocus = false } = options;
  await vscode.commands.executeCommand("vscode.openWith", uri, viewType, {
    viewColumn: column,
    preview,
    preserveFocus,
  });
};

/** Opens one trajectory. @throws Failure when it is not in the index */
export async function openTrajectory(
  host: Host,
  trajectoryId: string,
  options: OpenOptions = {},
): Promise<void> {
  const row = await host.library.known(() => host.library.services.datasets.row(trajectoryId));
  if (!row)
    throw new Failure(
      "unknown-trajectory",
      `There is no trajectory ${trajectoryId} in the index.`,
      "Its file was changed or removed; choose one in the Trajectories view.",
    );
  if (options.stepIndex !== undefined) host.cursor.move(trajectoryId, options.stepIndex, host);
  const dataset = await host.library.dataset(row.datasetId);
  await openWith(trajectoryUri(row, dataset?.name ?? "trajectories"), viewTypes.trajectory, options);
}

export const openTree = (groupId: string, title: string, options: OpenOptions = {}): Promise<void> =>
  openWith(treeUri(title, groupId, options.selected), viewTypes.tree, options);

/** Opens a dataset's table: the file itself where it is one file without a filter, the indexed dataset otherwise. */
export async function openDataset(
  dataset: DatasetInfo,
  query: RowQuery = {},
  options: OpenOptions = {},
): Promise<void> {
  const filtered = query.groupId !== undefined || query.trainingStep !== undefined;
  const isFile = dataset.files === 1 && extname(dataset.path) !== "" && existsSync(dataset.path);
  await openWith(
    isFile && !filtered ? vscode.Uri.file(dataset.path) : datasetUri(dataset, query, options.label),
    viewTypes.dataset,
    options,
  );
}

/** Opens the table of a dataset, filtered by the group of a row. */
export async function openGroup(
  host: Host,
  row: Pick<TrajectoryRow, "datasetId" | "groupId" | "title">,
  options: OpenOptions = {},
): Promise<void> {
  const dataset = await host.library.dataset(row.datasetId);
  if (!dataset)
    throw new Failure(
      "unknown-dataset",
      "The dataset of this trajectory is no longer in the index.",
      "Refresh the Trajectories view.",
    );
  if (row.groupId === undefined)
    throw new Failure(
      "no-group",
      "This trajectory belongs to no group.",
      "Only rollouts of one prompt that were sampled several times form a group.",
    );
  await openDataset(dataset, { groupId: row.groupId }, { label: row.title, ...options });
}

/** Text containers have lines to go to; anything else is shown where it lies. */
const isText = (path: string): boolean => /\.(jsonl|ndjson|json|txt|csv|log|traj)$/i.test(path);

/** Shows where a trajectory lies on disk: the line of a text file, or the file in the explorer. */
export async function openSource(
  source: Pick<SourceLocation, "path" | "row">,
  column: vscode.ViewColumn = vscode.ViewColumn.Beside,
): Promise<void> {
  const uri = vscode.Uri.file(source.path);
  if (!existsSync(source.path))
    throw new Failure("file-gone", `${source.path} is no longer there.`, "Refresh the Trajectories view.");
  if (!isText(source.path)) {
    await vscode.commands.executeCommand("revealInExplorer", uri);
    return;
  }
  const line = /\.(jsonl|ndjson)$/i.test(source.path) ? source.row : 0;
  const position = new vscode.Range(line, 0, line, 0);
  await vscode.commands.executeCommand("vscode.openWith", uri, "default", {
    viewColumn: column,
    selection: position,
    preview: true,
  });
}

/** Opens a line of the trainer's code beside the view. Only files of the workspace are opened for a view. */
export async function openCode(_host: Host, path: string, line: number): Promise<void> {
  const uri = vscode.Uri.file(path);
  if (!vscode.workspace.getWorkspaceFolder(uri)) {
    throw new Failure(
      "outside-workspace",
      `${path} is not in this workspace.`,
      "Add its folder to the workspace to go there.",
    );
  }
  const range = new vscode.Range(line, 0, line, 0);
  const document = await vscode.workspace.openTextDocument(uri);
  const editor = await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.Beside,
    selection: range,
    preview: true,
  });
  editor.revealRange(range, vscode.TextEditorRevealType.InCenter);
}

/** Opens a file in the text editor; a folder of shards or a binary file is shown in the explorer instead. */
export async function openAsText(uri: vscode.Uri): Promise<void> {
  if (uri.scheme === "file" && !isText(uri.fsPath))
    await vscode.commands.executeCommand("revealInExplorer", uri);
  else await vscode.commands.executeCommand("vscode.openWith", uri, "default");
}
