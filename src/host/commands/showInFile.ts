import * as vscode from "vscode";
import { openSource } from "../open";
import type { Command } from "./command";
import { isEntry, oneTrajectory } from "./target";

export const showInFileCommand: Command = {
  what: "show the file",
  make:
    (parts) =>
    async (...args) => {
      const [argument] = args;
      if (isEntry(argument) && argument.kind === "dataset") {
        await vscode.commands.executeCommand("revealInExplorer", vscode.Uri.file(argument.dataset.path));
        return;
      }
      const row = await oneTrajectory(parts, args);
      await openSource(row, isEntry(argument) ? vscode.ViewColumn.Active : vscode.ViewColumn.Beside);
    },
};
