import * as vscode from "vscode";
import { counted } from "../ui/numbers";
import type { Command } from "./command";
import { isEntry, pickDataset } from "./target";
import { withCancellableProgress } from "./wholeDataset";

export const exportParquetCommand: Command = {
  what: "export to Parquet",
  make: (parts) => async (argument) => {
    const dataset =
      isEntry(argument) && argument.kind === "dataset"
        ? argument.dataset
        : await pickDataset(parts, "Export to Parquet");
    if (!dataset) return;
    const folder = vscode.Uri.joinPath(vscode.Uri.file(dataset.path), "..");
    const name = dataset.name
      .replace(/[^\p{L}\p{N}._-]+/gu, "-")
      .replace(/\.(jsonl|json|parquet|hdf5|h5)$/i, "");
    const to = await vscode.window.showSaveDialog({
      title: "Export to Parquet",
      saveLabel: "Export",
      defaultUri: vscode.Uri.joinPath(folder, `${name}.trajectories.parquet`),
      filters: { Parquet: ["parquet"] },
    });
    if (!to) return;
    const { datasets } = parts.host.library.services;
    const result = await withCancellableProgress(`Exporting ${dataset.name}`, ({ signal }) =>
      datasets.exportParquet([dataset.id], to.fsPath, { signal }),
    );
    const answer = await vscode.window.showInformationMessage(
      `Wrote ${counted(result.rows, "trajectory", "trajectories")} to ${vscode.workspace.asRelativePath(to)}.`,
      "Show File",
    );
    if (answer === "Show File") await vscode.commands.executeCommand("revealInExplorer", to);
  },
};
