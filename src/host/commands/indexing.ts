import { rm } from "node:fs/promises";
import * as vscode from "vscode";
import { storageFolder } from "../storage";
import { counted } from "../ui/numbers";
import type { Command } from "./command";

export const refreshCommand: Command = {
  what: "refresh the trajectories",
  make:
    ({ host }) =>
    async () => {
      host.models.refresh();
      await host.library.refresh();
    },
};

export const stopIndexingCommand: Command = {
  what: "stop indexing",
  make:
    ({ host }) =>
    async () =>
      host.library.stopWalk(),
};

export const addToIndexCommand: Command = {
  what: "add to the index",
  make:
    ({ host }) =>
    async (argument) => {
      const given = argument instanceof vscode.Uri ? [argument] : undefined;
      const chosen =
        given ??
        (await vscode.window.showOpenDialog({
          canSelectFiles: true,
          canSelectFolders: true,
          canSelectMany: true,
          openLabel: "Add to Index",
          title: "Add File or Folder to Index",
        }));
      if (!chosen || chosen.length === 0) return;
      const datasets = await host.library.add(chosen.map((uri) => uri.fsPath));
      vscode.window.setStatusBarMessage(`${counted(datasets.length, "dataset")} found there`, 5000);
    },
};

export const clearIndexCommand: Command = {
  what: "clear the index",
  make:
    ({ host }) =>
    async () => {
      const answer = await vscode.window.showWarningMessage(
        "Clear the index of this workspace? Scores computed by models are forgotten; the files themselves are not touched.",
        { modal: true },
        "Clear Index",
      );
      if (answer !== "Clear Index") return;
      await host.library.restart(() => rm(storageFolder(host.context), { recursive: true, force: true }));
    },
};

export const showLogCommand: Command = {
  what: "show the log",
  make:
    ({ host }) =>
    async () =>
      host.log.show(),
};

export const openWalkthroughCommand: Command = {
  what: "open the walkthrough",
  make:
    ({ host }) =>
    async () => {
      await vscode.commands.executeCommand(
        "workbench.action.openWalkthrough",
        `${host.context.extension.id}#start`,
        false,
      );
    },
};

export const showMoreCommand: Command = {
  what: "show more",
  make:
    ({ tree }) =>
    async (argument) => {
      if (
        typeof argument === "object" &&
        argument !== null &&
        "parentKey" in argument &&
        typeof argument.parentKey === "string"
      )
        tree.showMore(argument.parentKey);
    },
};
