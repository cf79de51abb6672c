import * as vscode from "vscode";
import { openDataset } from "../open";
import { viewTypes } from "../lensUris";
import type { Command } from "./command";
import { isEntry, pickDataset } from "./target";
import { entryQuery } from "../views/trajectoryNodes";

export const openDatasetCommand: Command = {
  what: "open the dataset",
  make: (parts) => async (argument) => {
    if (isEntry(argument) && "dataset" in argument) {
      const { datasetId: _id, ...query } = entryQuery(argument) ?? {};
      await openDataset(argument.dataset, query);
      return;
    }
    if (argument instanceof vscode.Uri) {
      const stat = await vscode.workspace.fs.stat(argument);
      if (stat.type & vscode.FileType.Directory)
        await openDataset(await parts.host.library.ofFile(argument.fsPath));
      else await vscode.commands.executeCommand("vscode.openWith", argument, viewTypes.dataset);
      return;
    }
    if (
      typeof argument === "object" &&
      argument !== null &&
      "datasetId" in argument &&
      typeof argument.datasetId === "string"
    ) {
      const dataset = await parts.host.library.dataset(argument.datasetId);
      const trainingStep =
        "trainingStep" in argument && typeof argument.trainingStep === "number"
          ? argument.trainingStep
          : undefined;
      if (dataset) await openDataset(dataset, trainingStep === undefined ? {} : { trainingStep });
      return;
    }
    const active = vscode.window.activeTextEditor?.document;
    if (active?.uri.scheme === "file" && active.languageId === "jsonl") {
      await vscode.commands.executeCommand("vscode.openWith", active.uri, viewTypes.dataset);
      return;
    }
    const dataset = await pickDataset(parts, "Open as Trajectories");
    if (dataset) await openDataset(dataset);
  },
};
